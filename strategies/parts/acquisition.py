"""Acquisition functions: pure functions of a prediction, all oriented so that lower is better.

As in White, Neiswanger & Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021, section "Acquisition functions", for an objective that is minimised.  `best` is the lowest objective
observed so far.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, pi, sqrt

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.errors import HarnessError
from harness.surrogate import Prediction

BETA = 0.5
"""Weight of the standard deviation in the confidence bound, as in the authors' code."""


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal distribution function, elementwise: (q,) to (q,)."""
    return np.array([0.5 * erfc(-value / sqrt(2.0)) for value in x.tolist()], dtype=np.float64)


def normal_pdf(x: FloatArray) -> FloatArray:
    """Return the standard normal density, elementwise: (q,) to (q,)."""
    density: FloatArray = np.exp(-0.5 * np.square(x)) / sqrt(2.0 * pi)
    return density


def confidence_bound(mean: FloatArray, std: FloatArray, beta: float = BETA) -> FloatArray:
    """Return the optimistic bound ``mean - beta std`` (the upper confidence bound of a maximised objective), (q,)."""
    return mean - beta * std


def expected_improvement(mean: FloatArray, std: FloatArray, best: float) -> FloatArray:
    """Return ``E[max(best - f, 0)]`` for f normal, (q,); higher is better.

    ``std (z cdf(z) + pdf(z))`` with ``z = (best - mean) / std``; ``max(best - mean, 0)`` where std is 0.

    Examples
    --------
    >>> expected_improvement(np.array([1.0, 0.0]), np.array([1.0, 0.0]), best=1.0).round(4).tolist()
    [0.3989, 1.0]
    """
    gain = best - mean
    z = _standardised(gain, std)
    return np.where(std > 0, std * (z * normal_cdf(z) + normal_pdf(z)), np.maximum(gain, 0.0))


def probability_of_improvement(mean: FloatArray, std: FloatArray, best: float) -> FloatArray:
    """Return ``P(f < best)`` for f normal, (q,); higher is better; 0 or 1 where std is 0."""
    gain = best - mean
    return np.where(std > 0, normal_cdf(_standardised(gain, std)), (gain > 0).astype(np.float64))


def independent_thompson(mean: FloatArray, std: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return one draw from ``Normal(mean, std)`` for each architecture, independently, (q,)."""
    return mean + std * rng.standard_normal(len(mean))


def thompson(members: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the predictions of one member of the ensemble, drawn uniformly: (K, q) to (q,)."""
    chosen: FloatArray = members[rng.integers(len(members))]
    return chosen


def _standardised(gain: FloatArray, std: FloatArray) -> FloatArray:
    return np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)


def _members(prediction: Prediction) -> FloatArray:
    if prediction.members is None:
        raise HarnessError(
            "the acquisition 'ts' needs a surrogate that predicts with an ensemble (`Prediction.members`); "
            "use 'its', or another surrogate such as mlp_ensemble"
        )
    return prediction.members


_LOWER_IS_BETTER: dict[str, Callable[[Prediction, float, np.random.Generator], FloatArray]] = {
    "its": lambda prediction, best, rng: independent_thompson(prediction.mean, prediction.std, rng),
    "ucb": lambda prediction, best, rng: confidence_bound(prediction.mean, prediction.std),
    "ei": lambda prediction, best, rng: -expected_improvement(prediction.mean, prediction.std, best),
    "pi": lambda prediction, best, rng: -probability_of_improvement(prediction.mean, prediction.std, best),
    "ts": lambda prediction, best, rng: thompson(_members(prediction), rng),
}
NAMES = tuple(_LOWER_IS_BETTER)
"""Names that `select` takes: independent Thompson sampling, confidence bound, expected improvement, probability of
improvement, Thompson sampling of one member."""


def select(name: str, prediction: Prediction, n: int, *, best: float, rng: np.random.Generator) -> IntArray:
    """Return the `n` architectures that an acquisition function prefers, the best first.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    prediction : Prediction
        Of q architectures, one objective: mean and std of shape (q,).
    n : int
        Indices wanted; fewer come back where q < n.
    best : float
        Lowest objective observed.
    rng : numpy.random.Generator

    Returns
    -------
    (min(n, q),) int64
        Indices into the prediction; the earlier one among equals.
    """
    if prediction.mean.ndim != 1:
        raise HarnessError(f"the surrogate must predict one value for each architecture, got {prediction.mean.shape}")
    return np.argsort(_LOWER_IS_BETTER[name](prediction, best, rng), kind="stable")[:n]
