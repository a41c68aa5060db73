"""The scores of a prediction: what is reported of a learner on a test set, and of its choice from the whole pool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.surrogate import Prediction
from surrogates import metrics

RANKING: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "kendall": metrics.kendall_tau,
    "spearman": metrics.spearman,
    "pearson": metrics.pearson,
    "sparse_kendall": metrics.sparse_kendall_tau,
    "rmse": metrics.root_mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "precision_at_10": lambda predicted, observed: _chosen(metrics.precision_at, predicted, observed, 10),
    "best_rank_at_10": lambda predicted, observed: _chosen(metrics.best_rank_at, predicted, observed, 10),
}
"""Scores of means, by name; lower predictions and observations are better.  Of a choice of more than there are: NaN."""
LEVELS = (0.5, 0.8, 0.95)
"""Levels of the central intervals whose coverage is told."""
SPREAD = ("nll", "sharpness", *(f"coverage_{100 * level:.0f}" for level in LEVELS))
"""Scores of standard deviations; NaN where a learner has none."""
NAMES = (*RANKING, *SPREAD)
TOPS = (1, 10, 50)
"""Sizes of the choice whose regret is told."""
BINS = 10
"""Of the histogram of the probability integral transform."""


def scores(prediction: Prediction, rows: IntArray, observed: FloatArray, *, honest: bool) -> FloatArray:
    """Return the scores `NAMES` of a prediction of the pool on some of its rows, (M,).

    Parameters
    ----------
    prediction : Prediction
        Of the whole pool.
    rows : (q,) int64
    observed : (q,) float64
        Means over trainings.
    honest : bool
        Whether the learner's standard deviations are some.
    """
    mean = prediction.mean[rows]
    values = [score(mean, observed) for score in RANKING.values()]
    std = prediction.std[rows] if honest else np.zeros_like(mean)
    if not (std > 0).all():
        return np.array([*values, *[np.nan] * len(SPREAD)])
    spread = [metrics.negative_log_likelihood(mean, std, observed), metrics.sharpness(std)]
    return np.array([*values, *spread, *metrics.coverage(mean, std, observed, LEVELS)])


def histogram(prediction: Prediction, rows: IntArray, observed: FloatArray, *, honest: bool) -> FloatArray:
    """Return the share of probability integral transforms in each of `BINS` equal bins, (BINS,); NaN without std."""
    std = prediction.std[rows]
    if not honest or not (std > 0).all():
        return np.full(BINS, np.nan)
    transforms = metrics.probability_integral_transform(prediction.mean[rows], std, observed)
    return np.histogram(transforms, bins=BINS, range=(0.0, 1.0))[0] / len(rows)


def regrets(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the regret of the `TOPS` best predicted, in the unit of the truth, (len(TOPS),); NaN of more than all."""
    return np.array([_chosen(metrics.regret_at, predicted, truth, top) for top in TOPS])


def _chosen(
    metric: Callable[[FloatArray, FloatArray, int], float], predicted: FloatArray, observed: FloatArray, count: int
) -> float:
    return metric(predicted, observed, count) if count <= len(predicted) else float("nan")
