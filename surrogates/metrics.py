"""Metrics of predictions: pure functions of arrays; of predictions and results, lower is better.

Order (rank correlations, Pearson's), choice (what the best by prediction are worth), accuracy (errors) and honesty of
the stated uncertainty (coverage, probability integral transform, likelihood, sharpness).  Order and choice are NaN
where all predictions are equal, or all results: such a predictor ranks nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau, norm, rankdata

from harness.checks import FloatArray, IntArray, integer, real


def kendall_tau(predicted: FloatArray, observed: FloatArray) -> float:
    """Return Kendall's tau-b of two lists of n numbers; NaN if one of them is constant.

    Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945.

    Examples
    --------
    >>> round(kendall_tau(np.array([1, 1, 2, 3]), np.array([1, 2, 2, 3])), 6)
    0.8
    """
    return float(kendalltau(predicted, observed, variant="b").statistic)


def sparse_kendall_tau(predicted: FloatArray, observed: FloatArray, step: float = 0.1) -> float:
    """Return Kendall's tau-b after rounding the predictions alone to multiples of `step`, in their unit.

    Siems et al., "NAS-Bench-301 and the case for surrogate benchmarks for neural architecture search", 2020: what
    differs by less than the noise of trainings counts as a tie, 0.1 percentage points there.

    Examples
    --------
    >>> round(sparse_kendall_tau(np.array([1.01, 0.99, 2.0, 3.0]), np.array([1, 2, 2, 3])), 6)
    0.8
    """
    return kendall_tau(np.round(np.asarray(predicted) / real("step", step, low=0, open_low=True)), observed)


def spearman(predicted: FloatArray, observed: FloatArray) -> float:
    """Return Spearman's rank correlation, equal numbers having their mean rank; NaN if one list is constant.

    Examples
    --------
    >>> round(spearman(np.array([1, 1, 2, 3]), np.array([10, 20, 20, 30])), 6)
    0.833333
    """
    return pearson(rankdata(predicted), rankdata(observed))


def pearson(predicted: FloatArray, observed: FloatArray) -> float:
    """Return Pearson's linear correlation with its sign, in [-1, 1]; NaN if one list is constant.

    Examples
    --------
    >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([-1.0, -2.0, -3.0])), 6)
    -1.0
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (predicted, observed))
    if _constant(x) or _constant(y):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def precision_at(predicted: FloatArray, observed: FloatArray, k: int) -> float:
    """Return the part of the `k` best by prediction that are among the `k` best by result.

    In every one of these choices, of equal numbers the earlier comes first.

    Examples
    --------
    >>> precision_at(np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 9.0, 6.0, 8.0]), k=2)
    0.5
    """
    chosen = _best(predicted, observed, k)
    return float(np.isin(chosen, np.argsort(observed, kind="stable")[:k]).mean()) if len(chosen) else float("nan")


def best_rank_at(predicted: FloatArray, observed: FloatArray, k: int) -> float:
    """Return the best rank by result, from 1, of the `k` best by prediction; equal results share the better rank.

    Ning et al., "A generic graph-based neural architecture encoding scheme for predictor-based NAS", ECCV 2020 (N@K).

    Examples
    --------
    >>> best_rank_at(np.array([1.0, 2.0, 3.0, 4.0]), np.array([8.0, 9.0, 5.0, 6.0]), k=2)
    3.0
    """
    chosen = _best(predicted, observed, k)
    return float(rankdata(observed, method="min")[chosen].min()) if len(chosen) else float("nan")


def regret_at(predicted: FloatArray, observed: FloatArray, k: int) -> float:
    """Return how much the best result of the `k` best by prediction is above the best of all, in the unit of results.

    Examples
    --------
    >>> regret_at(np.array([1.0, 2.0, 3.0, 4.0]), np.array([8.0, 9.0, 5.0, 6.0]), k=2)
    3.0
    """
    chosen = _best(predicted, observed, k)
    return float(np.asarray(observed)[chosen].min() - np.min(observed)) if len(chosen) else float("nan")


def root_mean_squared_error(predicted: FloatArray, observed: FloatArray) -> float:
    """Return the root mean squared error, in the unit of the targets."""
    return float(np.sqrt(np.mean((np.asarray(predicted) - observed) ** 2)))


def mean_absolute_error(predicted: FloatArray, observed: FloatArray) -> float:
    """Return the mean absolute error, in the unit of the targets.

    Examples
    --------
    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([4.0, 1.0]))
    2.0
    """
    return float(np.mean(np.abs(np.asarray(predicted) - observed)))


def coverage(mean: FloatArray, std: FloatArray, observed: FloatArray, levels: npt.ArrayLike) -> FloatArray:
    """Return the part of observations inside the central normal interval of each level.

    Kuleshov, Fenner & Ermon, "Accurate uncertainties for deep learning using calibrated regression", ICML 2018,
    section 3.5.  A calibrated prediction covers a part equal to the level: over all levels, its reliability curve.

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


def probability_integral_transform(mean: FloatArray, std: FloatArray, observed: FloatArray) -> FloatArray:
    """Return the normal distribution function of each prediction at its observation, (n,) in [0, 1]; std > 0.

    Dawid, "Statistical theory: the prequential approach", Journal of the Royal Statistical Society A 147, 1984: uniform
    where predictions are calibrated, hollow in the middle where they are too sure.

    Examples
    --------
    >>> probability_integral_transform(np.zeros(2), np.array([1.0, 2.0]), np.array([0.0, 2.0])).round(4).tolist()
    [0.5, 0.8413]
    """
    return np.asarray(norm.cdf(observed, mean, std), dtype=np.float64)


def sharpness(std: FloatArray) -> float:
    """Return the root of the mean predicted variance, in the unit of the targets; the smaller the better if calibrated.

    Kuleshov, Fenner & Ermon, ICML 2018, section 3.5, of which this is the root.

    Examples
    --------
    >>> sharpness(np.array([1.0, 7.0]))
    5.0
    """
    return float(np.sqrt(np.mean(np.square(std))))


def negative_log_likelihood(mean: FloatArray, std: FloatArray, observed: FloatArray) -> float:
    """Return the mean negative log-density, in nats, of the observations under normal predictions; std > 0."""
    return float(-np.mean(norm.logpdf(observed, mean, std)))


def _constant(values: npt.ArrayLike) -> bool:
    return len(np.unique(values)) < 2


def _best(predicted: FloatArray, observed: FloatArray, k: int) -> IntArray:
    """Return the indices of the `k` best by prediction; none where predictions or results order nothing."""
    integer("k", k, low=1, high=len(predicted))
    ordered = not (_constant(predicted) or _constant(observed))
    return np.argsort(predicted, kind="stable")[: k if ordered else 0]
