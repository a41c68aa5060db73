"""Transforms of targets: monotone functions of results, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from harness.checks import FloatArray

TRANSFORMS = ("raw", "log_error", "normal_scores")
"""Results as they are; their logarithms, which suits errors whose spread grows with their size (Hutter, Hoos &
Leyton-Brown, "Sequential model-based optimization for general algorithm configuration", LION 2011); the normal scores
of their ranks, which an outlier cannot pull."""
Back = Callable[[FloatArray], FloatArray]
"""A monotone function from transformed to original values, elementwise."""
_LARGEST_LOG = float(np.log(np.finfo(np.float64).max))


def transformed(name: str, targets: FloatArray) -> tuple[FloatArray, Back]:
    """Return transformed targets, (n,) float64, in the order of the targets, and the function that leads back.

    ``log_error`` leaves targets as they are that are not all positive: they have no logarithms.  ``normal_scores`` are
    those of Blom, "Statistical Estimates and Transformed Beta-Variables", 1958: the normal quantiles of
    ``(rank - 3/8) / (n + 1/4)``, of equal targets those of their mean rank.  The way back interpolates linearly between
    the sorted targets, and ends at the least and the largest.

    Parameters
    ----------
    name : str
        One of `TRANSFORMS`.
    targets : (n,) float64
        Finite, n at least 1.

    Examples
    --------
    >>> values, back = transformed("log_error", np.array([1.0, 10.0]))
    >>> values.round(4).tolist(), back(values).round(4).tolist()
    ([0.0, 2.3026], [1.0, 10.0])
    >>> transformed("log_error", np.array([-1.0, 2.0]))[0].tolist()
    [-1.0, 2.0]
    >>> values, back = transformed("normal_scores", np.array([90.0, 5.0, 6.0]))
    >>> values.round(4).tolist(), back(np.array([-9.0, 0.0, 0.4353, 9.0])).round(1).tolist()
    ([0.8694, -0.8694, 0.0], [5.0, 6.0, 48.1, 90.0])
    """
    if name == "normal_scores":
        return _normal_scores(targets)
    if name == "log_error" and np.all(targets > 0):
        return np.log(targets), _exponential
    return targets, _same


def _same(values: FloatArray) -> FloatArray:
    return values


def _exponential(values: FloatArray) -> FloatArray:
    return np.exp(np.minimum(values, _LARGEST_LOG))


def _normal_scores(targets: FloatArray) -> tuple[FloatArray, Back]:
    known, place, counts = np.unique(targets, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    quantile = NormalDist().inv_cdf
    scores = np.array([quantile(part) for part in ((ranks - 0.375) / (len(targets) + 0.25)).tolist()])

    def back(values: FloatArray) -> FloatArray:
        return np.interp(values, scores, known)

    return scores[place], back
