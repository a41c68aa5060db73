"""Metrics of predictions: pure functions of arrays.

Ranking (Kendall's tau-b), accuracy (root mean squared error) and honesty of the stated uncertainty (coverage of central
intervals, Gaussian negative log-likelihood).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau, norm

from harness.checks import FloatArray


def kendall_tau(predicted: FloatArray, observed: FloatArray) -> float:
    """Return Kendall's tau-b of two lists of n numbers; NaN if one of them is constant.

    Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945.

    Examples
    --------
    >>> round(kendall_tau(np.array([1, 1, 2, 3]), np.array([1, 2, 2, 3])), 6)
    0.8
    """
    return float(kendalltau(predicted, observed, variant="b").statistic)


def root_mean_squared_error(predicted: FloatArray, observed: FloatArray) -> float:
    """Return the root mean squared error, in the unit of the targets."""
    return float(np.sqrt(np.mean((np.asarray(predicted) - observed) ** 2)))


def coverage(mean: FloatArray, std: FloatArray, observed: FloatArray, levels: npt.ArrayLike) -> FloatArray:
    """Return the part of observations inside the central normal interval of each level.

    Kuleshov, Fenner & Ermon, "Accurate uncertainties for deep learning using calibrated regression", ICML 2018,
    section 3.5.  A calibrated prediction covers a part equal to the level.

    Parameters
    ----------
    mean, std, observed : (n,) float64
    levels : (k,) in (0, 1)

    Returns
    -------
    (k,) float64

    Examples
    --------
    >>> coverage(np.zeros(4), np.ones(4), np.array([0.0, 0.5, 1.0, 3.0]), [0.5, 0.95]).tolist()
    [0.5, 0.75]
    """
    half_widths = norm.ppf(0.5 + np.asarray(levels, dtype=np.float64) / 2)
    errors = np.abs(np.asarray(observed) - mean)
    inside: FloatArray = np.mean(errors <= half_widths[:, None] * std, axis=1)
    return inside


def negative_log_likelihood(mean: FloatArray, std: FloatArray, observed: FloatArray) -> float:
    """Return the mean negative log-density, in nats, of the observations under normal predictions; std > 0."""
    return float(-np.mean(norm.logpdf(observed, mean, std)))
