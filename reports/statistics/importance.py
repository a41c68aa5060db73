"""Importance of genes: variances of a function of several categories by one gene alone, and by two of them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, FloatArray, IntArray

GROUPS = 10
"""Parts of a sample that the jackknife leaves out in turn."""


@dataclass(frozen=True)
class Anova:
    """Variances of a function of L genes, in the square of its unit.

    Attributes
    ----------
    total : float
    main : (L,) float64
        Explained by each gene alone.
    pair : (L, L) float64
        Explained by two genes together and by neither alone, symmetric, 0 on the diagonal.
    main_error, pair_error : (L,) and (L, L) float64
        Standard errors as shares of the total; 0 where every architecture was counted.
    """

    total: float
    main: FloatArray
    pair: FloatArray
    main_error: FloatArray
    pair_error: FloatArray

    @property
    def main_shares(self) -> FloatArray:
        """Shares of the total, (L,); NaN where nothing varies."""
        return self.main / self.total if self.total > 0 else np.full_like(self.main, np.nan)

    @property
    def pair_shares(self) -> FloatArray:
        """Shares of the total, (L, L); NaN where nothing varies."""
        return self.pair / self.total if self.total > 0 else np.full_like(self.pair, np.nan)

    @property
    def rest(self) -> float:
        """Share of the total that no gene and no pair explains: interactions of three genes and more."""
        return float(1.0 - self.main_shares.sum() - np.triu(self.pair_shares, 1).sum())


def anova(archs: Archs, cardinalities: IntArray, values: FloatArray, *, sampled: bool = False) -> Anova:
    """Decompose the variance of a function of independent, uniform genes into main effects and pairs.

    Functional ANOVA as Hutter, Hoos & Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance"
    (ICML 2014), have it, of the function itself in place of a forest fitted to it: with every coding
    once, its variances are exact.  Of a sample, cells of a gene or a pair are means of few values, and what these vary
    by themselves is taken off (the estimate of a component of variance in a one-way layout); errors are those of a
    jackknife that leaves out one tenth of the sample at a time.

    Parameters
    ----------
    archs : (n, L) integers
        Every coding once, or a uniform sample in random order.
    cardinalities : (L,) int64
    values : (n,) float64
        Finite.
    sampled : bool
        Whether the rows are a sample; estimates can then be a little below 0.

    Examples
    --------
    >>> archs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> both = anova(archs, np.array([2, 2]), np.array([0.0, 1.0, 1.0, 0.0]))
    >>> both.main.tolist(), float(both.pair[0, 1])
    ([0.0, 0.0], 0.25)
    """
    one_hot, starts = _indicators(archs, cardinalities)
    centred = values - values.mean()
    if not sampled:
        main, pair, total = _cells(one_hot, centred).variances(starts, sampled=False)
        return Anova(total, main, pair, np.zeros_like(main), np.zeros_like(pair))
    parts = [
        _cells(rows, shown)
        for rows, shown in zip(np.array_split(one_hot, GROUPS), np.array_split(centred, GROUPS), strict=True)
    ]
    whole = _cells(one_hot, centred)
    main, pair, total = whole.variances(starts, sampled=True)
    left = [whole.without(part).variances(starts, sampled=True) for part in parts]
    main_error, pair_error = (_jackknife(np.array([one[place] / one[2] for one in left])) for place in (0, 1))
    return Anova(total, main, pair, main_error, pair_error)


def main_effects(archs: Archs, cardinalities: IntArray, values: FloatArray) -> Anova:
    """Return what each gene explains on its own where genes are not independent; pairs are NaN.

    The variance of the mean of each value of a gene (the squared correlation ratio, less what means of few rows vary by
    themselves: Kelley's epsilon squared, PNAS 1935).  Shares overlap where genes go together, and do not sum to one.
    """
    centred = values - values.mean()
    squares, n = float(centred @ centred), len(values)
    main = np.empty(len(cardinalities))
    for gene, count in enumerate(cardinalities.tolist()):
        counts = np.bincount(archs[:, gene], minlength=count).astype(np.float64)
        sums = np.bincount(archs[:, gene], weights=centred, minlength=count).astype(np.float64)
        between = np.array([_ratio(sums**2, counts).sum()])
        main[gene] = _component(between, np.array([np.count_nonzero(counts)]), squares, n)[0]
    nothing = np.full((len(main), len(main)), np.nan)
    return Anova(squares / n, main, nothing, np.full(len(main), np.nan), nothing)


def in_best(losses: FloatArray, share: float) -> FloatArray:
    """Return 1 for the best share of all, and for what is as good as the last of these, 0 for others: (n,) to (n,).

    Its functional ANOVA is PED-ANOVA (Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
    Importance in Arbitrary Subspaces", IJCAI 2023) with exact frequencies in place of estimated densities: the variance
    of a main effect is the share of the best, squared, times the Pearson divergence of the gene's values among the best
    from those among all.  Pairs, which the paper leaves out, come with it.
    """
    last = np.partition(losses, max(round(share * len(losses)) - 1, 0))[max(round(share * len(losses)) - 1, 0)]
    best: FloatArray = (losses <= last).astype(np.float64)
    return best


def _indicators(archs: Archs, cardinalities: IntArray) -> tuple[FloatArray, IntArray]:
    """Return an indicator for each value of each gene, (n, D), and where those of each gene begin, (L,)."""
    starts = np.cumsum(cardinalities) - cardinalities
    one_hot = np.zeros((len(archs), int(cardinalities.sum())))
    one_hot[np.arange(len(archs))[:, None], archs + starts] = 1.0
    return one_hot, starts


@dataclass(frozen=True)
class _Cells:
    """Numbers and sums of the values of each two values of genes, (D, D) each; of all: number, sum, sum of squares."""

    counts: FloatArray
    sums: FloatArray
    number: int
    total: float
    squares: float

    def without(self, part: _Cells) -> _Cells:
        """Return what is left when a part is taken away."""
        return _Cells(
            self.counts - part.counts,
            self.sums - part.sums,
            self.number - part.number,
            self.total - part.total,
            self.squares - part.squares,
        )

    def variances(self, starts: IntArray, *, sampled: bool) -> tuple[FloatArray, FloatArray, float]:
        """Return main effects, (L,), pairs, (L, L), and the total variance."""
        n, shift = float(self.number), self.total**2 / self.number
        between = _blocks(_ratio(self.sums**2, self.counts), starts) - shift
        groups = _blocks((self.counts > 0).astype(np.float64), starts)
        closed = _component(between, groups, self.squares - shift, n) if sampled else between / n
        main = np.diagonal(closed).copy()
        pair = closed - main[:, None] - main[None, :]
        np.fill_diagonal(pair, 0.0)
        return main, (pair + pair.T) / 2, (self.squares - shift) / n


def _cells(one_hot: FloatArray, centred: FloatArray) -> _Cells:
    weighted = one_hot * centred[:, None]
    sums = float(centred.sum()), float(centred @ centred)
    return _Cells(one_hot.T @ one_hot, one_hot.T @ weighted, len(centred), *sums)


def _component(between: FloatArray, groups: FloatArray, squares: float, n: float) -> FloatArray:
    """Return the variance among groups without that of their means, from sums of squares."""
    within = (squares - between) / np.maximum(n - groups, 1.0)
    found: FloatArray = (between - (groups - 1.0) * within) / n
    return found


def _ratio(squares: FloatArray, counts: FloatArray) -> FloatArray:
    return np.divide(squares, counts, out=np.zeros_like(squares), where=counts > 0)


def _blocks(cells: FloatArray, starts: IntArray) -> FloatArray:
    """Sum the cells of each two genes: (D, D) to (L, L)."""
    summed: FloatArray = np.add.reduceat(np.add.reduceat(cells, starts, axis=0), starts, axis=1)
    return summed


def _jackknife(estimates: FloatArray) -> FloatArray:
    """Return the standard error from estimates that each leave out one group: (G, …) to (…)."""
    spread: FloatArray = np.sqrt((len(estimates) - 1) * estimates.var(axis=0))
    return spread
