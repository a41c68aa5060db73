"""Agreement of two noisy measurements of the same architectures: bias, slope, rank correlation, limits of noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.checks import FloatArray, IntArray
from reports.statistics.bootstrap import interval
from reports.statistics.significance import ALPHA

SIMULATIONS = 1_000
RESAMPLES = 400


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


def kendall_interval(rows: FloatArray, y: FloatArray, rng: np.random.Generator) -> Mean:
    """Return the mean tau-b of several measurements with y, and its 95 % interval over resamples of the architectures.

    Parameters
    ----------
    rows : (r, n) float64
        Of the same n architectures.
    y : (n,) float64
    rng : numpy.random.Generator
        Draws `RESAMPLES` resamples, the same for all rows; those in which a tau is NaN count as nothing.
    """
    taus = [kendall(row, y) for row in rows]
    if len(y) < 3 or np.isnan(taus).any():
        return Mean(float(np.mean(taus)) if taus else math.nan, math.nan, math.nan)
    drawn = rng.integers(len(y), size=(RESAMPLES, len(y)))
    means = np.mean([_taus(row[drawn], y[drawn]) for row in rows], axis=0)
    low, high = interval(means[np.isfinite(means)])
    return Mean(float(np.mean(taus)), float(low), float(high))


def _taus(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return tau-b of each pair of rows: (r, n), (r, n) to (r,)."""
    i, j = np.triu_indices(x.shape[1], 1)
    a, b = np.sign(x[:, i] - x[:, j]), np.sign(y[:, i] - y[:, j])
    norm = np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
    taus: FloatArray = np.divide(np.sum(a * b, axis=1), norm, out=np.full(len(x), np.nan), where=norm > 0)
    return taus


def reliability(means: FloatArray, sd: float, runs: IntArray | FloatArray) -> float:
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
    means: FloatArray,
    sd: float,
    table_runs: IntArray | FloatArray,
    fresh_runs: IntArray | FloatArray,
    rng: np.random.Generator,
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
    table_runs, fresh_runs : (n,) numbers
        Trainings behind the means of either side; infinite of values without noise.
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


def expected_absolute(sd: float, n: IntArray | FloatArray, m: IntArray | FloatArray) -> float:
    """Return the mean absolute difference that noise alone makes between means of n and of m trainings."""
    return float(np.mean(sd * np.sqrt(1 / n + 1 / m)) * math.sqrt(2 / math.pi)) if len(n) else math.nan
