"""Equivalence within a margin: of two noisy measurements of the same architecture, and of two strategies.

Of measurements, table and real training, one spread for all: the within-architecture standard deviation is pooled over
architectures and over both sides, because three seeds say next to nothing about the spread of one architecture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.checks import FloatArray
from reports.statistics.significance import ALPHA

POWER = 0.8
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


def tost_bootstrap(samples: FloatArray, margin: float) -> Equivalence:
    """Test from bootstrap samples of a difference whether it lies within ``(-margin, margin)``, and whether outside.

    The percentile form of `tost`, which needs no normal distribution: for medians of paired differences.

    Parameters
    ----------
    samples : (B,) float64
        The difference in each resample.
    margin : float
        Larger than 0.
    """
    low, high = np.quantile(samples, [ALPHA, 1 - ALPHA])
    too_low, too_high = np.mean(samples <= -margin), np.mean(samples >= margin)
    drift = min(np.mean(samples <= margin), np.mean(samples >= -margin))
    return Equivalence(float(low), float(high), float(max(too_low, too_high)), float(drift))


def pairs_needed(differences: FloatArray, margin: float) -> int | None:
    """Return how many pairs show equivalence with 80 % power if the true difference is zero; None beyond `MOST_SEEDS`.

    ``((z_0.95 + z_0.9) sd / margin)**2``, the normal approximation for paired differences: a power guard that says
    before more runs are made whether they could settle anything.

    >>> pairs_needed(np.array([-1.0, 1.0, -1.0, 1.0]), 0.5)
    46
    """
    spread = float(np.std(differences, ddof=1)) if len(differences) > 1 else math.nan
    wanted = (stats.norm.ppf(1 - ALPHA) + stats.norm.ppf((1 + POWER) / 2)) * spread / margin
    return max(2, math.ceil(wanted**2)) if wanted**2 <= MOST_SEEDS else None


def standard_error(sd: float, n: float, m: float) -> float:
    """Return the standard error of a difference of means of n and m values; an infinite number has no noise."""
    return sd * math.sqrt(1 / n + 1 / m)


def is_predicted(difference: float, sd: Pooled, n: float, m: float) -> bool:
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


def seeds_needed(difference: float, sd: Pooled, m: float, margin: float) -> Needed:
    """Return the fresh seeds at which a decision has 80 % power if the difference seen is true.

    Parameters
    ----------
    difference : float
    sd : Pooled
    m : float
        Runs of the table; infinite of a value without noise.
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
