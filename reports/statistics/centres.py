"""Centres of runs: median, interquartile mean and mean, and the mean of a curve over a log axis."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray, choice
from harness.errors import HarnessError, must

CENTRES = ("median", "iqm", "mean")


def cut_of(n: int, centre: str) -> int:
    """Return how many of n order statistics weigh nothing at either end of a centre; the others weigh the same.

    The median, the interquartile mean (`scipy.stats.trim_mean(x, 0.25)`) and the mean are all such, so one routine
    serves them.

    >>> cut_of(8, "iqm"), cut_of(8, "median"), cut_of(8, "mean")
    (2, 3, 0)
    """
    choice("centre", centre, CENTRES)
    if n < 1:
        raise HarnessError(must("n", "be at least 1", n))
    return {"median": (n - 1) // 2, "iqm": n // 4, "mean": 0}[centre]


def centre_of(values: npt.ArrayLike, centre: str, axis: int = 0) -> FloatArray:
    """Return the median, interquartile mean or mean along an axis; NaN where any value is NaN.

    The centre of equal values is that very value, and no centre leaves the values that it weighs.

    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021 (IQM).

    >>> float(centre_of([1, 2, 3, 4, 5, 6, 7, 8], "iqm"))
    4.5
    """
    return centre_of_ordered(np.sort(np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1), axis=-1), centre)


def centre_of_ordered(ordered: FloatArray, centre: str) -> FloatArray:
    """Return the centre along the last axis of what is ascending there, as `centre_of` does."""
    n = ordered.shape[-1]
    cut = cut_of(n, centre)
    inner = ordered[..., cut : n - cut]  # the others must not turn an infinite value into NaN
    centres: FloatArray = np.asarray(np.clip(inner.mean(axis=-1), inner[..., 0], inner[..., -1]))
    centres[np.isnan(ordered[..., -1])] = np.nan
    return centres


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
