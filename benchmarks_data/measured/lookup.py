"""Additive look-up tables of a cost: one number for each value of each gene, fitted to some measured architectures.

The latency model of hardware-aware search (Cai et al., "ProxylessNAS", ICLR 2019; Wu et al., "FBNet", CVPR 2019): a
network takes the sum of what its parts take.  Parts that interact, by fusion or by waiting, are its error, so it is
never told without R^2 and Kendall's tau on architectures that it was not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, FloatArray, IntArray, integer
from harness.errors import HarnessError, must
from harness.space import SearchSpace

FEWEST = 2
FEWEST_JUDGES = 10
"""Architectures from which on R^2 and tau are told: of two, tau is 1 or -1 whatever the table is worth."""


@dataclass(frozen=True, eq=False)
class Lookup:
    """A fitted table.

    Attributes
    ----------
    space : SearchSpace
    base : float
        What the architecture of all mean parts takes: the mean of what was fitted.
    parts : (sum of cardinalities,) float64
        What each value of each gene adds, in the order of `SearchSpace.one_hot`; of each gene they add up to 0 over its
        values where all were seen.
    """

    space: SearchSpace
    base: float
    parts: FloatArray

    def predict(self, archs: Archs) -> FloatArray:
        """Return the sum of the parts: (n, L) to (n,)."""
        values: FloatArray = self.base + self.space.one_hot(archs) @ self.parts
        return values

    def by_gene(self) -> dict[str, dict[str, float]]:
        """Return what each value of each gene adds, by its names."""
        numbers = iter(self.parts.tolist())
        return {gene: {value: next(numbers) for value in values} for gene, values in self.space.legend().items()}


@dataclass(frozen=True)
class Quality:
    """How well a table predicts architectures that it was not fitted to.

    Attributes
    ----------
    n : int
        Architectures that it is judged by.
    r2 : float
        Share of the variance that is predicted; can be negative.
    tau : float
        Kendall's tau-b of predicted and measured; NaN where either is constant.
    """

    n: int
    r2: float
    tau: float

    @property
    def is_told(self) -> bool:
        """Whether there are enough judges for the numbers to say anything."""
        return self.n >= FEWEST_JUDGES

    def __str__(self) -> str:
        if not self.is_told:
            return f"how well it predicts cannot be told, {self.n} others judge and it takes {FEWEST_JUDGES}"
        return f"R2 {self.r2:.4f}, Kendall's tau {self.tau:.3f} on {self.n:,} others"


def fit(space: SearchSpace, archs: Archs, values: FloatArray) -> Lookup:
    """Fit a look-up table by least squares; of all that fit equally well, the one of the smallest parts.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
        Those with a value; at least `FEWEST`.
    values : (n,) float64
        NaN, what was not measured, is left out.

    Raises
    ------
    HarnessError
        If fewer than `FEWEST` values are known.
    """
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        raise HarnessError(must("values", f"hold at least {FEWEST} that are known", int(known.sum())))
    hot = space.one_hot(np.asarray(archs)[known])
    base = float(values[known].mean())
    parts = np.linalg.lstsq(hot - hot.mean(axis=0), values[known] - base, rcond=None)[0]
    return Lookup(space, float(base - hot.mean(axis=0) @ parts), parts)


def quality(lookup: Lookup, archs: Archs, values: FloatArray) -> Quality:
    """Judge a table by architectures that it was not fitted to: (n, L), (n,); NaN is left out."""
    from scipy.stats import kendalltau  # dear to import, and needed here alone

    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return Quality(int(known.sum()), np.nan, np.nan)
    measured, predicted = values[known], lookup.predict(np.asarray(archs)[known])
    spread = float(((measured - measured.mean()) ** 2).sum())
    r2 = 1.0 - float(((measured - predicted) ** 2).sum()) / spread if spread > 0 else np.nan
    # what differs by rounding alone is a tie
    digits = 9 - int(np.floor(np.log10(max(float(np.abs(measured).max()), 1e-300))))
    tau = float(kendalltau(np.round(predicted, digits), np.round(measured, digits), variant="b").statistic)
    return Quality(int(known.sum()), r2, tau)


def split(known: IntArray, cells: int, seed: int) -> tuple[IntArray, IntArray]:
    """Draw which of the rows are fitted to, and which judge: (n,) to (cells,) and (n - cells,).

    Raises
    ------
    HarnessError
        If not at least `FEWEST_JUDGES` would be left to judge by.
    """
    integer("cells", cells, low=FEWEST)
    if len(known) < cells + FEWEST_JUDGES:
        rule = f"leave at least {FEWEST_JUDGES} of {len(known)} known rows to judge by"
        raise HarnessError(must("cells", rule, cells))
    order = np.random.default_rng(seed).permutation(known)
    return order[:cells], order[cells:]
