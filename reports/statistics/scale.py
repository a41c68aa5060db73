"""The scale of a metric, read from its own values: what counts as equal, where a log axis ends, how many digits say it.

Nothing is in percent by assumption: multiply a column by 1e-6, or turn it round, and the same values are equal and the
same regrets lie below the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray

_ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""What sums and means of double precision leave behind, relative to the largest value."""
_VOID = 1e3
"""Differences of noise and differences of values lie at least so far apart, as a ratio."""
_CHANCE = 6.0
"""Decimal digits of how improbable such a void is among values without noise."""
_OF_BULK = 1e-4
"""Noise is narrower than this share of the interquartile range."""
_PERCENT_DECIMALS = 2
"""What the field prints of accuracies in percent."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The scale of one column of a table, in its published unit.

    Attributes
    ----------
    levels : (K, 2) float64
        Lowest and highest member of each group of table values that are equal, ascending.
    resolution : float
        Values that differ by this or less are equal.
    floor : float
        A power of ten below every regret that a row of the table can have, zero left out: the end of log axes.
    decimals : int
        Decimals with which values are written; negative where tens are.
    exponent : bool
        Whether values are written with an exponent, because they are very small or very large.
    """

    levels: FloatArray
    resolution: float
    floor: float
    decimals: int
    exponent: bool

    @classmethod
    def of(cls, values: FloatArray, eligible: BoolArray, *, direction: str, unit: str = "") -> Scale:
        """Read the scale of a column.

        Parameters
        ----------
        values : (N,) float64
            Means of all rows, NaN where there is none.
        eligible : (N,) bool
            Rows whose best is the best; at least one with a value.
        direction : {"maximise", "minimise"}
        unit : str
            Values in percent are written with two decimals at least.
        """
        known = np.unique(values[np.isfinite(values)])
        resolution = resolution_of(known)
        first = _starts(known, resolution)
        levels = np.stack([known[first], known[np.append(first[1:], len(known)) - 1]], axis=1)
        plain = cls(levels, resolution, 1.0, 0, exponent=False)
        settled = plain.settled(values[eligible & np.isfinite(values)])
        regrets = settled.max() - settled if direction == "maximise" else settled - settled.min()
        typical, positive = float(regrets.mean()), regrets[regrets > 0]
        size = float(np.median(np.abs(settled)))
        floor = power_of_ten(max(float(positive.min()) / 3, 1e-6 * typical)) if len(positive) else 1.0
        if typical > 0:
            decimals = math.ceil(-math.log10(typical / (100 if unit == "percent" else 300)) - 1e-9)
        else:
            decimals = 3 - math.floor(math.log10(size)) if size > 0 else 0
        if unit == "percent":
            decimals = max(decimals, _PERCENT_DECIMALS)
        return cls(levels, resolution, floor, decimals, exponent=size > 0 and not 1e-3 <= size < 1e7)

    @cached_property
    def _middles(self) -> FloatArray:
        return np.asarray((self.levels[:, 0] + self.levels[:, 1]) / 2)

    def settled(self, values: FloatArray) -> FloatArray:
        """Return values of which equal ones are the same number: (n,) to (n,); NaN stays.

        A value of the table, or one that is equal to it, becomes the middle of its group; others (predictions) are
        grouped among themselves.
        """
        low, high = self.levels[:, 0], self.levels[:, 1]
        place = np.clip(np.searchsorted(low, values + self.resolution, side="right") - 1, 0, len(low) - 1)
        inside = (values >= low[place] - self.resolution) & (values <= high[place] + self.resolution)
        settled = np.where(inside, self._middles[place], values)
        others = ~inside & np.isfinite(values)
        if others.any():
            settled[others] = merged(values[others], self.resolution)
        return settled


def merged(values: FloatArray, resolution: float) -> FloatArray:
    """Return values, those that differ by `resolution` or less, directly or by steps, as one number; any shape.

    >>> merged(np.array([0.1 + 0.2, 0.3, 0.7]), 1e-15).tolist() == [0.30000000000000004, 0.30000000000000004, 0.7]
    True
    """
    if not values.size:
        return values
    known, inverse = np.unique(values, return_inverse=True)
    first = _starts(known, resolution)
    last = np.append(first[1:], len(known)) - 1
    middles = (known[first] + known[last]) / 2
    group = np.searchsorted(first, np.arange(len(known)), side="right") - 1
    shared: FloatArray = middles[group][inverse].reshape(values.shape)
    return shared


def merged_sizes(values: FloatArray, resolution: float) -> FloatArray:
    """Return differences of which equal sizes are the same number, and what is no difference is exactly 0; (n,)."""
    sizes = merged(np.append(np.abs(values), 0.0), resolution)
    sizes[sizes <= sizes[-1]] = 0.0
    return np.asarray(np.sign(values) * sizes[:-1]) + 0.0


def resolution_of(known: FloatArray) -> float:
    """Return how much values may differ that are equal but for noise of their storage.

    The noise shows as a void among the differences of neighbours: those that are noise lie far below those that are
    not.  Of values without noise, the k smallest differences lie by chance a ratio r below all others with a
    probability of about ``r**-k``; a void is taken for one where that is below one in a million.  Without a void only
    what double precision cannot tell apart is equal.

    Parameters
    ----------
    known : (K,) float64
        Different values, ascending, finite; at least one.

    Examples
    --------
    Digits as recorded make no noise, single precision does:

    >>> recorded = np.unique(np.random.default_rng(0).integers(0, 10_000, 500) * 0.01)
    >>> resolution_of(recorded) < 1e-12
    True
    >>> noisy = np.unique(np.concatenate([recorded, recorded.astype(np.float32).astype(np.float64)]))
    >>> 1e-7 < resolution_of(noisy) < 1e-3
    True
    """
    rounding = _ROUNDING * float(np.max(np.abs(known)))
    steps = np.sort(np.diff(known))
    steps = steps[steps > rounding]
    if len(steps) < 2:
        return rounding
    ratios = np.log10(steps[1:]) - np.log10(steps[:-1])
    smaller = np.arange(1, len(steps))
    voids = np.flatnonzero((ratios >= math.log10(_VOID)) & (smaller * ratios >= _CHANCE))
    low, high = np.quantile(known, [0.25, 0.75])
    for void in voids[::-1]:
        first = _starts(known, float(steps[void]))
        width = float(np.max(known[np.append(first[1:], len(known)) - 1] - known[first]))
        if 4 * width < steps[void + 1] and width <= _OF_BULK * (high - low):
            return max(rounding, 4 * width)  # of a difference of two means; both ends may be off by the width
    return rounding


def _starts(known: FloatArray, resolution: float) -> IntArray:
    """Return where the groups of ascending values begin whose neighbours differ by `resolution` or less."""
    return np.flatnonzero(~(np.diff(known, prepend=-np.inf) <= resolution))  # NaN, at the end, is a group


def power_of_ten(value: float) -> float:
    """Return the power of ten at or below a positive number.

    >>> power_of_ten(0.0178), power_of_ten(10.0)
    (0.01, 10.0)
    """
    return float(f"1e{math.floor(math.log10(value) + 1e-9)}")
