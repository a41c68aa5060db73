"""Weights of models by how well they rank: mis-ranked pairs of posterior draws, and the share of draws that each wins.

Feurer, Letham & Bakshy, "Scalable meta-learning for Bayesian optimization using ranking-weighted Gaussian process
ensembles", AutoML workshop at ICML 2018, sections 3 and 4; also how Li et al., "Hyper-Tune: towards efficient
hyper-parameter tuning at scale", VLDB 2022, weigh the models of lower fidelities.
"""

from __future__ import annotations

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.surrogate import Prediction

DRAWS = 256
"""Posterior draws of which each model is weighed, as in the tutorial of BoTorch."""
QUANTILE = 0.95
"""A model is dropped whose median loss is above this quantile of the losses of the target's own model."""


def draws(prediction: Prediction, count: int, rng: np.random.Generator) -> FloatArray:
    """Return draws of a model's posterior at n architectures, (count, n), independent at each architecture.

    Departs from the paper, whose draws are joint: a `Prediction` has no covariances.

    Parameters
    ----------
    prediction : Prediction
        Mean and std of shape (n,).
    count : int
        S, at least 1.
    rng : numpy.random.Generator
    """
    drawn: FloatArray = prediction.mean + prediction.std * rng.standard_normal((count, len(prediction.mean)))
    return drawn


def misranked(values: FloatArray, targets: FloatArray, others: FloatArray | None = None) -> IntArray:
    """Return how many pairs of results each draw ranks in the wrong order.

    Feurer et al., equation 3: ``sum over j and k of (f(x_j) < f(x_k)) xor (y_j < y_k)``, ordered pairs.  With `others`
    it is equation 5, the loss of the target's own model: ``f(x_j)`` is drawn by a model that was not told of j, and is
    compared with what this model draws at k, or with ``y_k`` itself.

    Parameters
    ----------
    values : (S, n) float64
        Draws.
    targets : (n,) float64
        Results; lower is better.
    others : (n,) float64, optional
        What each draw of j is compared with at k; the draws themselves if left out.

    Returns
    -------
    (S,) int64

    Examples
    --------
    >>> misranked(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]]), np.array([10.0, 20.0, 30.0])).tolist()
    [0, 6, 2]
    """
    losses = np.zeros(len(values), dtype=np.int64)
    for j in range(len(targets)):
        truth = targets[j] < targets
        said = values[:, j, None] < (values if others is None else others)
        wrong: BoolArray = said != truth
        if others is not None:
            wrong[:, j] = False  # the result itself, and not a pair
        losses += wrong.sum(axis=1)
    return losses


def shares(losses: IntArray, own: int | None = None) -> FloatArray:
    """Return the weight of each model, (K,), which sum to 1: the share of draws in which its loss is the least.

    Parameters
    ----------
    losses : (K, S) int64
        Of K models in S draws.
    own : int, optional
        The model of the target itself: it wins a draw in which others are as good.  Otherwise they share it.

    Examples
    --------
    >>> losses = np.array([[3, 1, 2, 5], [3, 4, 0, 5]])
    >>> shares(losses).tolist(), shares(losses, own=1).tolist()
    ([0.5, 0.5], [0.25, 0.75])
    """
    least = losses == losses.min(axis=0)
    if own is not None:
        least[:, least[own]] = np.arange(len(losses))[:, None] == own
    weights: FloatArray = (least / least.sum(axis=0)).mean(axis=1)
    return weights


def kept(losses: IntArray, own: int) -> BoolArray:
    """Return which models may be used, (K,): all but those that rank worse than the target's own model can by chance.

    Feurer et al., section 4.2, against dilution by many useless sources: a model is dropped where the median of its
    losses is above the quantile `QUANTILE` of those of the target's own model.

    Parameters
    ----------
    losses : (K, S) int64
    own : int
        The model of the target itself, always kept.

    Examples
    --------
    >>> kept(np.array([[9, 9, 9], [1, 2, 3], [2, 2, 8]]), own=1).tolist()
    [False, True, True]
    """
    limit = np.quantile(losses[own], QUANTILE)
    good: BoolArray = np.median(losses, axis=1) <= limit
    good[own] = True
    return good
