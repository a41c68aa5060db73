"""Pure functions from arrays to numbers: centres, bootstrap, tests, effect sizes, ranks.

Nothing here knows of runs or benchmarks. Larger is worse nowhere by convention: functions that need a direction say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.checks import FloatArray, choice
from harness.errors import HarnessError, ResultError, must

ALPHA = 0.05
CENTRES = ("median", "iqm", "mean")
_CHUNK = 4_000_000  # floats held at once while resampling, 32 MB


def order_weights(n: int, centre: str) -> FloatArray:
    """Return what each order statistic weighs in a centre: (n,), adding up to 1.

    The median, the interquartile mean (`scipy.stats.trim_mean(x, 0.25)`) and the mean are all L-statistics
    ``sum_j w_j x_(j)``, so one routine serves them.

    >>> order_weights(8, "iqm").tolist()
    [0.0, 0.0, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0]
    """
    choice("centre", centre, CENTRES)
    if n < 1:
        raise HarnessError(must("n", "be at least 1", n))
    weights = np.zeros(n)
    cut = {"median": (n - 1) // 2, "iqm": n // 4, "mean": 0}[centre]
    weights[cut : n - cut] = 1.0 / (n - 2 * cut)
    return weights


def centre_of(values: npt.ArrayLike, centre: str, axis: int = 0) -> FloatArray:
    """Return the median, interquartile mean or mean along an axis; NaN where any value is NaN.

    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021 (IQM).

    >>> float(centre_of([1, 2, 3, 4, 5, 6, 7, 8], "iqm"))
    4.5
    """
    ordered = np.sort(np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1), axis=-1)
    weights = order_weights(ordered.shape[-1], centre)
    inner = np.flatnonzero(weights)  # the others must not turn an infinite value into NaN
    centres: FloatArray = np.asarray(ordered[..., inner] @ weights[inner])
    centres[np.isnan(ordered[..., -1])] = np.nan
    return centres


def resample_counts(n: int, repetitions: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Draw bootstrap resamples of n items as counts.

    Returns
    -------
    (n, repetitions) int32
        How often each item is in each resample; columns add up to n. One such matrix shared by all grid points of all
        strategies makes bands smooth and keeps pairs together.
    """
    counts = np.empty((n, repetitions), dtype=np.int32)
    step = max(1, _CHUNK // max(n, 1))
    for start in range(0, repetitions, step):
        stop = min(start + step, repetitions)
        drawn = rng.integers(0, n, size=(stop - start, n)) + n * np.arange(stop - start)[:, None]
        counts[:, start:stop] = np.bincount(drawn.ravel(), minlength=n * (stop - start)).reshape(-1, n).T
    return counts


def bootstrap_centres(values: FloatArray, counts: npt.NDArray[np.int32], centre: str) -> FloatArray:
    """Return a centre of every resample, for many columns at once.

    With c_j the number of resampled items among the j smallest and W the cumulated order weights, the centre is
    ``sum_j x_(j) (W[c_j] - W[c_(j-1)])``: no resampled matrix is ever sorted.

    Parameters
    ----------
    values : (n, T) float64
        Finite.
    counts : (n, B) int32
        From `resample_counts`.
    centre : {"median", "iqm", "mean"}

    Returns
    -------
    (T, B) float64
    """
    n = len(values)
    cumulated = np.concatenate([[0.0], np.cumsum(order_weights(n, centre))])
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    out = np.empty((values.shape[1], counts.shape[1]))
    for column in range(values.shape[1]):
        if column and np.array_equal(values[:, column], values[:, column - 1]):
            out[column] = out[column - 1]  # step curves often stand still
            continue
        below = np.cumsum(counts[order[:-1, column]], axis=0)
        out[column] = ordered[-1, column] - np.diff(ordered[:, column]) @ cumulated[below]
    return out


def interval(samples: FloatArray, level: float = 0.95, axis: int = -1) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval of bootstrap samples: two arrays without `axis`.

    Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(samples, [tail, 1.0 - tail], axis=axis)
    return np.asarray(low), np.asarray(high)


def stratified_iqm(strata: Sequence[FloatArray], repetitions: int, rng: np.random.Generator) -> FloatArray:
    """Return the IQM of the pooled values of every stratified resample: (repetitions,).

    Runs are resampled within each stratum (task) independently; tasks are not resampled.
    """
    total = sum(len(stratum) for stratum in strata)
    out = np.empty(repetitions)
    step = max(1, _CHUNK // max(total, 1))
    for start in range(0, repetitions, step):
        size = min(step, repetitions - start)
        drawn = [stratum[rng.integers(0, len(stratum), size=(size, len(stratum)))] for stratum in strata]
        out[start : start + size] = centre_of(np.concatenate(drawn, axis=1), "iqm", axis=1)
    return out


def average_ranks(values: FloatArray) -> FloatArray:
    """Rank strategies within each block, 1 = smallest, ties share the average; NaN ranks worst.

    Parameters
    ----------
    values : (..., k) float64
        Smaller is better.
    """
    ranks: FloatArray = stats.rankdata(np.where(np.isnan(values), np.inf, values), method="average", axis=-1)
    return ranks


def holm(p_values: FloatArray) -> FloatArray:
    """Adjust p values for the family they form; NaN entries (tests not made) stay NaN and are not counted.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests  # takes half a second to import

    adjusted = np.full(len(p_values), np.nan)
    made = ~np.isnan(p_values)
    if made.any():
        adjusted[made] = multipletests(p_values[made], method="holm")[1]
    return adjusted


def wilcoxon_p(differences: FloatArray) -> float:
    """Return the two-sided p of the signed-rank test with Pratt's treatment of zeros.

    Exact where n <= 50 without ties or zeros, else the normal approximation.  Wilcoxon, Biometrics Bulletin 1, 1945;
    Pratt, JASA 54, 1959.
    """
    if not np.any(differences):
        return 1.0
    plain = len(differences) <= 50 and np.all(differences) and len(np.unique(np.abs(differences))) == len(differences)
    result = stats.wilcoxon(differences, zero_method="pratt", method="exact" if plain else "approx")
    return float(result.pvalue)


def rank_biserial(differences: FloatArray) -> float:
    """Return the matched-pairs rank-biserial correlation in [-1, 1]; positive where differences are.

    Kerby, "The simple difference formula", Comprehensive Psychology 3, 2014; Pratt ranks, zeros then left out.
    """
    ranks = stats.rankdata(np.abs(differences))
    positive, negative = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    total = positive + negative
    return float((positive - negative) / total) if total > 0 else 0.0


def probability_of_improvement(better: FloatArray, worse: FloatArray) -> float:
    """Return P(x < y) + P(x = y) / 2 over all pairs of runs: Vargha and Delaney's A12 for values to minimise.

    Parameters
    ----------
    better, worse : (n,) and (m,) float64
        x and y.

    >>> probability_of_improvement(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    n, m = len(better), len(worse)
    ranks = stats.rankdata(np.concatenate([better, worse]))
    return float(1.0 - (ranks[:n].sum() / n - (n + 1) / 2) / m)


def require_reachable(n: int, comparisons: int, alpha: float = ALPHA) -> None:
    """Refuse a signed-rank test that could not reject whatever the data.

    The smallest two-sided p of n pairs is ``2 / 2**n``; Holm compares the smallest p with ``alpha / comparisons``.

    Raises
    ------
    ResultError
        States the n that would be needed.

    >>> require_reachable(12, 24)
    """
    if n < 1 or 2.0 ** (1 - n) > alpha / comparisons:
        needed = math.ceil(1 - math.log2(alpha / comparisons))
        raise ResultError(
            f"not tested: {n} pairs reach p = {2.0 ** (1 - n) if n else 1.0:.2g} at best, above {alpha:g}/{comparisons}"
            f" comparisons; {needed} pairs are needed"
        )


def require_tasks(tasks: int) -> None:
    """Refuse tests across fewer than five tasks (critical-difference diagrams, Friedman).

    With N = 3 and k = 5 the critical difference is 3.52 of a possible rank distance of 4: nothing could be found.
    """
    if tasks < 5:
        raise ResultError(
            f"no test across benchmarks: {tasks} of them are fewer than 5; strategies are compared on each benchmark,"
            " with one Holm correction over benchmarks and pairs"
        )


def friedman(mean_ranks: FloatArray, tasks: int) -> tuple[float, float, float]:
    """Return Friedman's chi-squared (no ties), Iman and Davenport's F and its p.

    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2.

    >>> chi2, f, _ = friedman(np.array([3.143, 2.000, 2.893, 1.964]), 14)
    >>> round(chi2, 2), round(f, 2)
    (9.28, 3.69)
    """
    k = len(mean_ranks)
    chi2 = 12 * tasks / (k * (k + 1)) * (float(np.sum(mean_ranks**2)) - k * (k + 1) ** 2 / 4)
    remainder = tasks * (k - 1) - chi2
    f = (tasks - 1) * chi2 / remainder if remainder > 0 else math.inf
    return chi2, f, float(stats.f.sf(f, k - 1, (k - 1) * (tasks - 1)))


def critical_difference(strategies: int, tasks: int, alpha: float = ALPHA) -> float:
    """Return Nemenyi's critical difference of mean ranks (Demsar 2006, equation 6 context).

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    q = stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(strategies * (strategies + 1) / (6 * tasks)))


def log_auc(x: FloatArray, y: FloatArray, start: float, stop: float) -> float:
    """Return the mean of a right-continuous step function over log x in [start, stop]; exact.

    Parameters
    ----------
    x, y : (k,) float64
        Break points ascending, and the value from each on.
    start, stop : float
        ``x[0] <= start < stop``.

    >>> round(log_auc(np.array([1.0, 10.0]), np.array([1.0, 0.1]), 1.0, 100.0), 9)
    0.55
    """
    if not 0 < start < stop or len(x) == 0 or x[0] > start:
        raise HarnessError(f"`start` and `stop` must satisfy 0 < x[0] <= start < stop, got {start} and {stop}")
    edges = np.clip(np.append(x, max(stop, x[-1])), start, stop)
    return float(np.sum(y * np.diff(np.log(edges))) / math.log(stop / start))
