"""Noise of trainings: how much the mean of an architecture would differ if it were trained anew."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray
from reports.why.landscape import Landscape

WINDOW = 101
"""Architectures of about the same regret whose trainings say how much one of them varies."""
_MOST = 20_000
"""Architectures whose trainings are looked at, evenly spaced by regret where there are more."""
FAMILY = 0.05
"""Chance that any of several differences is taken for real where none is."""


@dataclass(frozen=True)
class Noise:
    """Variance of one training, by regret.

    Few architectures have more than three trainings, so the variance of each alone is hardly known; those of about the
    same regret vary alike.

    Attributes
    ----------
    landscape : Landscape
    losses : (N,) float64
        Regrets of architectures with two trainings or more, ascending.
    squares, freedom : (N,) float64
        Sum of squared deviations from their own mean, and trainings less one.
    """

    landscape: Landscape
    losses: FloatArray
    squares: FloatArray
    freedom: FloatArray

    @property
    def known(self) -> bool:
        """Whether anything was trained more than once."""
        return len(self.losses) > 0

    def variance(self, losses: FloatArray) -> FloatArray:
        """Return the variance of one training, pooled over the `WINDOW` nearest by regret: (n,) to (n,)."""
        if not self.known:
            return np.full(len(losses), np.nan)
        size = min(WINDOW, len(self.losses))
        first = np.clip(np.searchsorted(self.losses, losses) - size // 2, 0, len(self.losses) - size)
        squares, freedom = (np.concatenate([[0.0], np.cumsum(part)]) for part in (self.squares, self.freedom))
        pooled: FloatArray = (squares[first + size] - squares[first]) / (freedom[first + size] - freedom[first])
        return pooled

    def margins(self, arch: Archs, others: Archs, comparisons: int) -> FloatArray:
        """Return what a difference of two means must exceed to be more than noise; NaN where noise is not known: (n,).

        Two-sided, normal, with Bonferroni's correction for all `comparisons`, so that with probability 0.95 noise alone
        exceeds none of them.

        Parameters
        ----------
        arch : (L,) integers
        others : (n, L) integers
        comparisons : int
        """
        both = np.concatenate([arch[None], others])
        counts = np.maximum(_known(self.landscape, both).sum(axis=1), 1)
        variances = self.variance(self.landscape.losses_of(both)) / counts
        quantile = NormalDist().inv_cdf(1.0 - FAMILY / (2 * max(comparisons, 1)))
        margins: FloatArray = quantile * np.sqrt(variances[0] + variances[1:])
        return margins


def noise(landscape: Landscape) -> Noise:
    """Read the noise of trainings from a benchmark; of predictions, and of what was trained once, it is not known."""
    order = np.argsort(landscape.losses, kind="stable")
    if len(order) > _MOST:
        order = order[np.linspace(0, len(order) - 1, _MOST).astype(np.intp)]
    runs = _runs(landscape, landscape.archs[order])
    counts = (~np.isnan(runs)).sum(axis=1)
    repeated = counts > 1
    runs, counts = runs[repeated], counts[repeated]
    squares = np.nansum((runs - np.nanmean(runs, axis=1, keepdims=True)) ** 2, axis=1) if len(runs) else np.zeros(0)
    return Noise(landscape, landscape.losses[order][repeated], squares, (counts - 1).astype(np.float64))


def _runs(landscape: Landscape, archs: Archs) -> FloatArray:
    truth = landscape.truth
    return truth.oracle.trainings(archs, truth.column("validation").name)


def _known(landscape: Landscape, archs: Archs) -> BoolArray:
    return ~np.isnan(_runs(landscape, archs))
