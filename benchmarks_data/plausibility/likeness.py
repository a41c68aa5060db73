"""Likeness of two columns of numbers: whether one is the other, written otherwise.

Two measurements of the same networks on different images agree to within the noise of images and trainings; the same
measurement written twice agrees to within its digits.  Between them lies a gap, and the figures here are made to stand
on either side of it: the distance from a robust straight line in units of the spread along it, the distance in ranks,
and the share of pairs that lie on the line but for rounding.  In published tables validation lies 0.014 to 1 off a
straight line through test, and 4e-4 to 0.5 off its ranks; a copy in single precision, with other digits, as a fraction
or as an error lies below 0.002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray

COPY, CLOSE = 0.002, 0.008
"""Distance from a straight line up to which a column is a copy, and up to which it must be explained."""
SAME_ORDER = 5e-5
"""Distance in ranks up to which an order must be explained; the nearest of published tables is at 4e-4."""
FEWEST = 8
"""Different pairs below which nothing is said."""
FAR = 1.0
"""Distance of what cannot be compared."""
_SAMPLE = 4096
_STARTS = 256
_ROUNDS = 12
_CONSISTENT = 1.4826
"""Median absolute deviation to standard deviation, of normal noise."""
_STEPS = 50
"""Steps of the last digit that the spread must have before equality but for rounding says anything."""


@dataclass(frozen=True)
class Likeness:
    """How near the pairs of two columns lie to a straight line.

    Attributes
    ----------
    pairs : int
        Different pairs of finite values.
    slope, intercept : float
        Of the robust line, the second column over the first.
    scatter : float
        Robust standard deviation of the residual, in units of the second column.
    distance : float
        `scatter` over the spread of the second column; `FAR` where nothing can be said.
    rank : float
        1 less the absolute rank correlation of Spearman.
    rounded : float
        Share of pairs whose residual is within the last digit of the coarser column; 0 where digits say nothing.
    """

    pairs: int
    slope: float
    intercept: float
    scatter: float
    distance: float
    rank: float
    rounded: float


NOTHING = Likeness(0, np.nan, np.nan, np.nan, FAR, 1.0, 0.0)


def likeness(one: FloatArray, other: FloatArray) -> Likeness:
    """Compare two columns, value for value.

    Least median of squares over lines through two pairs (Rousseeuw, "Least Median of Squares Regression", JASA 1984),
    refined on the nearest half; at most 4,096 pairs are looked at, evenly.  Pairs that repeat count once: rows at
    chance level tell nothing.

    Parameters
    ----------
    one, other : (n,) float64
        NaN where a value is missing.

    Examples
    --------
    >>> told = np.linspace(60.0, 75.0, 40) ** 1.1
    >>> found = likeness(told, 1.0 - told.astype(np.float32) / 100.0)
    >>> found.distance < 1e-6, round(found.slope, 6)
    (True, -0.01)
    """
    both = np.flatnonzero(np.isfinite(one) & np.isfinite(other))
    if len(both) > 4 * _SAMPLE:
        both = np.random.default_rng(0).choice(both, 4 * _SAMPLE, replace=False)
    pairs = np.unique(one[both] + 1j * other[both])  # quicker than rows of two
    if len(pairs) > _SAMPLE:
        pairs = pairs[np.random.default_rng(0).choice(len(pairs), _SAMPLE, replace=False)]
    x, y = pairs.real.copy(), pairs.imag.copy()
    if len(x) < FEWEST or min(len(np.unique(x)), len(np.unique(y))) < FEWEST:
        return NOTHING
    slope, intercept = _line(x, y)
    residual = np.abs(y - slope * x - intercept)
    spread = _spread(y)
    if spread <= 0 or slope == 0:
        return NOTHING
    scatter = _CONSISTENT * float(np.median(residual))
    return Likeness(
        pairs=len(x),
        slope=slope,
        intercept=intercept,
        scatter=scatter,
        distance=min(FAR, scatter / spread),
        rank=1.0 - abs(spearman(x, y)),
        rounded=_rounded(x, y, slope, residual),
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return slope and intercept of the line with the least median residual."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(x), (2, _STARTS))
    apart = np.abs(x[first] - x[second]) > 0.1 * _spread(x)
    first, second = first[apart], second[apart]
    slopes = (y[first] - y[second]) / (x[first] - x[second])
    slopes = np.concatenate([slopes, [1.0, 100.0, 0.01, -1.0, -100.0, -0.01]])
    few = slice(None) if len(x) <= 512 else rng.choice(len(x), 512, replace=False)
    offsets = y[few] - slopes[:, None] * x[few]
    intercepts = np.median(offsets, axis=1)
    best = int(np.argmin(np.median(np.abs(offsets - intercepts[:, None]), axis=1)))
    line = float(slopes[best]), float(intercepts[best])
    least = np.median(np.abs(y - line[0] * x - line[1]))
    for _ in range(_ROUNDS):
        residual = np.abs(y - line[0] * x - line[1])
        near = residual <= np.median(residual)
        centre = x[near].mean()
        moment = float(((x[near] - centre) ** 2).sum())
        if moment == 0:
            break
        slope = float(((x[near] - centre) * y[near]).sum()) / moment
        refined = slope, float(y[near].mean() - slope * centre)
        now = np.median(np.abs(y - refined[0] * x - refined[1]))
        if now >= least:
            break
        line, least = refined, now
    return line


def _spread(values: FloatArray) -> float:
    """Return a standard deviation by the shortest half of the values: a second heap far away does not count.

    Grubel, "The Length of the Shorth", Annals of Statistics 1988; consistent for normal values.
    """
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float((ordered[half:] - ordered[: len(ordered) - half]).min()) / (2 * 0.6745)


def spearman(x: FloatArray, y: FloatArray) -> float:
    """Return the rank correlation; ties have their mean rank."""
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def ranks(values: FloatArray) -> FloatArray:
    """Return the rank of each value from 1; ties have their mean rank: (n,) to (n,)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts).astype(np.float64)
    ranks: FloatArray = (ends - (counts - 1) / 2)[place]
    return ranks


def last_digit(values: FloatArray) -> float:
    """Return the unit of the last decimal digit of values that were rounded, 0 where they have more than six digits.

    >>> last_digit(np.array([60.5, 61.25, 70.0])), last_digit(np.array([1 / 3]))
    (0.01, 0.0)
    """
    for digits in range(-2, 7):
        if (np.abs(values - np.round(values, digits)) <= 1e-9 * np.maximum(1.0, np.abs(values))).all():
            return float(10.0**-digits)
    return 0.0


def _rounded(x: FloatArray, y: FloatArray, slope: float, residual: FloatArray) -> float:
    """Return the share of residuals within the last digit of the coarser column."""
    step = max(last_digit(x) * abs(slope), last_digit(y))
    if step == 0 or _spread(y) < _STEPS * step:
        return 0.0
    return float(np.mean(residual <= 1.01 * step))
