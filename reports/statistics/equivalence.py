"""Pure functions that compare two sets of noisy measurements of the same architectures: table and real training.

One spread for all: the within-architecture standard deviation is pooled over architectures and over both sides, because
three seeds say next to nothing about the spread of one architecture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.checks import FloatArray, IntArray

ALPHA = 0.05
POWER = 0.8
SIMULATIONS = 1_000
MOST_SEEDS = 10_000
"""Beyond this many seeds, none are said to be enough."""
_TINY = 1e-12


@dataclass(frozen=True)
class Pooled:
    """A pooled standard deviation and its degrees of freedom."""

    sd: float
    df: int


def pooled_sd(*groups: FloatArray) -> Pooled:
    """Pool the spread within rows over all rows of all groups; NaN entries are missing.

    Parameters
    ----------
    *groups : (n, r) float64
        Rows are architectures, columns repeated trainings; r may differ between groups.

    >>> pooled_sd(np.array([[1.0, 3.0], [5.0, 5.0]]))
    Pooled(sd=1.0, df=2)
    """
    squares, df = 0.0, 0
    for group in groups:
        present = ~np.isnan(group)
        counts = present.sum(axis=1)
        filled = np.where(present, group, 0.0)
        means = filled.sum(axis=1) / np.maximum(counts, 1)
        squares += float(np.sum(np.where(present, group - means[:, None], 0.0) ** 2))
        df += int(np.maximum(counts - 1, 0).sum())
    return Pooled(math.sqrt(squares / df) if df else math.nan, df)


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests, and the test of the opposite.

    Attributes
    ----------
    low, high : float
        90 % confidence interval of the difference: equivalent exactly if it lies inside the margins.
    p_equivalent : float
        Larger p of the two one-sided tests of a difference beyond the margin.
    p_drift : float
        One-sided p of a difference inside the margins.
    """

    low: float
    high: float
    p_equivalent: float
    p_drift: float


def tost(difference: float, se: float, df: float, margin: float) -> Equivalence:
    """Test whether a difference lies within ``(-margin, margin)``, and whether it lies outside.

    Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", Journal of Pharmacokinetics
    and Biopharmaceutics 15, 1987.

    Parameters
    ----------
    difference, se : float
        Estimate and its standard error.
    df : float
        Degrees of freedom of `se`.
    margin : float
        Larger than 0.
    """
    se = max(se, _TINY)
    half = float(stats.t.ppf(1 - ALPHA, df)) * se
    too_low, too_high = stats.t.sf((difference + margin) / se, df), stats.t.cdf((difference - margin) / se, df)
    drift = stats.t.sf((abs(difference) - margin) / se, df)
    return Equivalence(difference - half, difference + half, float(max(too_low, too_high)), float(drift))


def standard_error(sd: float, n: float, m: float) -> float:
    """Return the standard error of a difference of means of n and m values."""
    return sd * math.sqrt(1 / n + 1 / m)


def is_predicted(difference: float, sd: Pooled, n: int, m: int) -> bool:
    """Say whether a new mean of n lies in the 95 % prediction interval around an old mean of m."""
    limit = float(stats.t.ppf(1 - ALPHA / 2, sd.df)) * standard_error(sd.sd, n, m)
    return abs(difference) <= limit + _TINY


def power(difference: float, se: float, df: float, margin: float) -> float:
    """Return how probable a decision is if `difference` is true: equivalence inside the margin, drift outside it.

    Normal approximation of the estimate, Student's t for the critical value.
    """
    se = max(se, _TINY)
    critical = float(stats.t.ppf(1 - ALPHA, df)) * se
    if abs(difference) < margin:
        low, high = (critical - margin - difference) / se, (margin - critical - difference) / se
        return max(0.0, float(stats.norm.cdf(high) - stats.norm.cdf(low)))
    return float(stats.norm.sf((margin + critical - abs(difference)) / se))


@dataclass(frozen=True)
class Needed:
    """How many trainings of an architecture would settle it.

    Attributes
    ----------
    seeds : int or None
        None where even very many would not.
    both : bool
        Whether the table needs as many: its own few runs leave too much doubt, however often one trains anew.
    """

    seeds: int | None
    both: bool = False


def seeds_needed(difference: float, sd: Pooled, m: int, margin: float) -> Needed:
    """Return the fresh seeds at which a decision has 80 % power if the difference seen is true.

    Parameters
    ----------
    difference : float
    sd : Pooled
    m : int
        Runs of the table.
    margin : float

    Examples
    --------
    At a margin of 2.4 standard deviations three seeds on either side have 80 % power:

    >>> seeds_needed(0.0, Pooled(0.21, 1000), 3, 2.4 * 0.21)
    Needed(seeds=3, both=False)
    """
    fresh = _first(lambda n: power(difference, standard_error(sd.sd, n, m), sd.df, margin))
    if fresh is not None:
        return Needed(fresh)
    each = _first(lambda n: power(difference, standard_error(sd.sd, n, n), sd.df, margin))
    return Needed(each, both=each is not None)


def _first(power_of: Callable[[int], float]) -> int | None:
    """Return the smallest n >= 2 with enough power, by doubling and bisection; None beyond `MOST_SEEDS`."""
    high = 2
    while power_of(high) < POWER:
        high *= 2
        if high > MOST_SEEDS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= POWER else (middle, high)
    return max(high, 2)


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def mean_interval(values: FloatArray) -> Mean:
    """Return the mean of independent values with Student's interval; the interval is NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return Mean(float(values.mean()) if n else math.nan, math.nan, math.nan)
    half = float(stats.t.ppf(1 - ALPHA / 2, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    middle = float(values.mean())
    return Mean(middle, middle - half, middle + half)


def slope(x: FloatArray, y: FloatArray) -> Mean:
    """Return the least-squares slope of y on x with its 95 % interval; NaN for fewer than three or equal x."""
    if len(x) < 3 or np.ptp(x) == 0:
        return Mean(math.nan, math.nan, math.nan)
    fit = stats.linregress(x, y)
    half = float(stats.t.ppf(1 - ALPHA / 2, len(x) - 2)) * float(fit.stderr)
    return Mean(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def kendall(x: FloatArray, y: FloatArray) -> float:
    """Return Kendall's tau-b; NaN for fewer than three architectures or where one side is constant.

    >>> round(kendall(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 2, 3])), 3)
    0.8
    """
    if len(x) < 3:
        return math.nan
    return float(_taus(x[None], y[None])[0])


def _taus(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return tau-b of each pair of rows: (r, n), (r, n) to (r,)."""
    i, j = np.triu_indices(x.shape[1], 1)
    a, b = np.sign(x[:, i] - x[:, j]), np.sign(y[:, i] - y[:, j])
    norm = np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
    taus: FloatArray = np.divide(np.sum(a * b, axis=1), norm, out=np.full(len(x), np.nan), where=norm > 0)
    return taus


def reliability(means: FloatArray, sd: float, runs: IntArray) -> float:
    """Return the share of the variance of means that is not noise, in [0, 1].

    ``s_b^2 / (s_b^2 + s_w^2 / n)`` with ``s_b^2 = max(0, var(means) - s_w^2 / n)``.
    """
    if len(means) < 2:
        return math.nan
    total = float(np.var(means, ddof=1))
    noise = sd**2 * float(np.mean(1.0 / runs))
    return max(0.0, total - noise) / total if total > 0 else 0.0


@dataclass(frozen=True)
class Ceiling:
    """Rank agreement that two noisy measurements of the same truth would reach: median and 5 to 95 %."""

    median: float
    low: float
    high: float


def noise_ceiling(
    means: FloatArray, sd: float, table_runs: IntArray, fresh_runs: IntArray, rng: np.random.Generator
) -> Ceiling:
    """Simulate Kendall's tau between a table and a faultless re-training of the same architectures.

    The means are shrunk to the variance that is not noise; then noise of the pooled size is added to both sides,
    `SIMULATIONS` times.

    Parameters
    ----------
    means : (n,) float64
        Of the table.
    sd : float
        Pooled standard deviation of one training.
    table_runs, fresh_runs : (n,) int64
        Trainings behind the means of either side.
    rng : numpy.random.Generator
    """
    if len(means) < 3:
        return Ceiling(math.nan, math.nan, math.nan)
    true = means.mean() + math.sqrt(reliability(means, sd, table_runs)) * (means - means.mean())
    shape = (SIMULATIONS, len(means))
    sides = [true + rng.standard_normal(shape) * (sd / np.sqrt(runs)) for runs in (table_runs, fresh_runs)]
    taus = _taus(*sides)
    if np.isnan(taus).all():
        return Ceiling(math.nan, math.nan, math.nan)
    low, median, high = np.nanquantile(taus, [0.05, 0.5, 0.95])
    return Ceiling(float(median), float(low), float(high))


def shrinkage(means: FloatArray, rel: float, grand_mean: float) -> FloatArray:
    """Return the difference that re-training is expected to show for values picked because they are high.

    The winner's curse: ``(rel - 1) (mean_i - grand mean)``, with reliability and grand mean of the population that they
    were picked from.
    """
    expected: FloatArray = (rel - 1.0) * (means - grand_mean)
    return expected


def expected_absolute(sd: float, n: IntArray, m: IntArray) -> float:
    """Return the mean absolute difference that noise alone makes between means of n and of m trainings."""
    return float(np.mean(sd * np.sqrt(1 / n + 1 / m)) * math.sqrt(2 / math.pi)) if len(n) else math.nan
