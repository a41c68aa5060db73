"""Centres of runs: median, interquartile mean and mean, and the mean of a curve over a log axis."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray, choice
from harness.errors import HarnessError, must

CENTRES = ("median", "iqm", "mean")


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
