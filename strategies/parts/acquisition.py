"""Acquisition functions: pure functions of a prediction, all oriented so that lower is better.

As in White, Neiswanger & Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021, section "Acquisition functions", for an objective that is minimised.  `best` is the lowest objective
observed so far.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
from scipy.special import log_ndtr, ndtr

from harness.checks import FloatArray, IntArray
from harness.errors import HarnessError, must
from harness.learners.wrapping import Wrapper
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate

BETA = 0.5
"""Weight of the standard deviation in the confidence bound, as in the authors' code."""


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal distribution function, elementwise: (q,) to (q,)."""
    below: FloatArray = ndtr(x)
    return below


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


def expected_improvement_of_logs(mean: FloatArray, std: FloatArray, best: float) -> FloatArray:
    """Return ``E[max(e^best - e^f, 0)]`` for f normal, (q,); higher is better.

    Expected improvement of an objective of which the model predicts the logarithm (Hutter, Hoos & Leyton-Brown, LION
    2011, section 5.2): ``e^best cdf(v) - e^(mean + std^2 / 2) cdf(v - std)`` with ``v = (best - mean) / std``.

    Examples
    --------
    >>> expected_improvement_of_logs(np.array([0.0, -1.0]), np.array([1.0, 0.0]), best=0.0).round(4).tolist()
    [0.2384, 0.6321]
    """
    v = _standardised(best - mean, std)
    # In logarithms, because where the second factor vanishes the first may be infinite; their product is at most 1.
    rest = np.exp(np.minimum(mean - best + 0.5 * np.square(std) + log_ndtr(v - std), 0.0))
    certain = -np.expm1(np.minimum(mean - best, 0.0))
    improvement: FloatArray = np.exp(best) * np.where(std > 0, np.maximum(normal_cdf(v) - rest, 0.0), certain)
    return improvement


def probability_of_improvement(mean: FloatArray, std: FloatArray, best: float) -> FloatArray:
    """Return ``P(f < best)`` for f normal, (q,); higher is better; 0 or 1 where std is 0."""
    gain = best - mean
    return np.where(std > 0, normal_cdf(_standardised(gain, std)), (gain > 0).astype(np.float64))


def probability_below_zero(prediction: Prediction) -> FloatArray:
    """Return ``P(f <= 0)`` for f normal, (q,): how likely it is that a constraint is kept."""
    std = np.where(prediction.std > 0, prediction.std, 1.0)
    below = np.where(prediction.std > 0, normal_cdf(-prediction.mean / std), prediction.mean <= 0)
    return below.astype(np.float64)


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
    # Of objectives in units of the best: their order is the same, and nothing vanishes.
    "log_ei": lambda prediction, best, rng: -expected_improvement_of_logs(prediction.mean - best, prediction.std, 0.0),
    "pi": lambda prediction, best, rng: -probability_of_improvement(prediction.mean, prediction.std, best),
    "ts": lambda prediction, best, rng: thompson(_members(prediction), rng),
    "mean": lambda prediction, best, rng: prediction.mean,
}
NAMES = tuple(_LOWER_IS_BETTER)
"""Names that `values` takes: independent Thompson sampling, confidence bound, expected improvement, the same where the
model predicts logarithms, probability of improvement, Thompson sampling of one member, the mean."""
GAINS = ("ei", "log_ei", "pi")
"""Those that are expectations of a gain, never negative: factors such as a probability can weigh them."""


def suited(surrogate: Surrogate, space: SearchSpace, acquisition: str) -> Surrogate:
    """Return a learner that is built on a space and says what an acquisition function needs.

    Parameters
    ----------
    acquisition : str
        One of `NAMES`; all but "mean" need standard deviations that say how unsure predictions are.

    Raises
    ------
    HarnessError
        If it is built on another space, or has no such standard deviations (`Surrogate.has_std`).
    """
    if not isinstance(surrogate, Surrogate) or surrogate.space.name != space.name:
        raise HarnessError(must("surrogate", f"be a Surrogate built on the space '{space.name}'", surrogate))
    if acquisition != "mean" and not surrogate.has_std:
        raise HarnessError(
            f"the acquisition '{acquisition}' needs standard deviations that say how unsure predictions are, and "
            f"{surrogate if isinstance(surrogate, Wrapper) else type(surrogate).__name__} has none: add `calibrated = "
            '"conformal"` to its settings, name another surrogate, or choose an acquisition that uses the mean alone '
            "where the strategy has one"
        )
    return surrogate


def values(
    name: str, prediction: Prediction, *, best: float, rng: np.random.Generator, beta: float = BETA
) -> FloatArray:
    """Return what an acquisition function says of q architectures, (q,), lower is better; see `select`.

    `beta` is the weight of the standard deviation in "ucb".
    """
    if prediction.mean.ndim != 1:
        raise HarnessError(f"the surrogate must predict one value for each architecture, got {prediction.mean.shape}")
    if name == "ucb":
        return confidence_bound(prediction.mean, prediction.std, beta)
    return _LOWER_IS_BETTER[name](prediction, best, rng)


def weighted(name: str, value: FloatArray, feasible: FloatArray) -> FloatArray:
    """Return acquisition values, (q,), lower is better, that take the probability of being feasible into account.

    A gain is multiplied by it (Gardner et al., "Bayesian optimization with inequality constraints", ICML 2014,
    equation 6).  What is no gain is compared among those that are more likely feasible than not, which come first, the
    others by their probability.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    value : (q,) float64
        From `values`.
    feasible : (q,) float64
        Probability that all constraints hold.
    """
    if name in GAINS:
        return value * feasible
    likely = feasible >= 0.5
    ordered: FloatArray = np.where(likely, _squashed(value), 2.0 - feasible)
    return ordered


def _squashed(value: FloatArray) -> FloatArray:
    """Return an increasing function of values, (q,), inside [0, 1]."""
    ranks: FloatArray = np.searchsorted(np.sort(value), value).astype(np.float64)
    return ranks / max(len(value), 1)


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
    return np.argsort(values(name, prediction, best=best, rng=rng), kind="stable")[:n]
