"""The agreement of a surrogate benchmark with trainings that it was not told of: pure functions of its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from harness.checks import BoolArray, FloatArray, IntArray
from reports.statistics.agreement import reliability

LEVELS = (0.5, 0.8, 0.95)
"""Of central intervals whose coverage is told."""
_FEWEST, _SIMULATIONS = 10, 20
TOP = 0.1
"""Part of architectures that are the best."""


@dataclass(frozen=True)
class Agreement:
    """How predictions agree with the means of trainings, over n architectures; units are those of the column.

    Attributes
    ----------
    n : int
    r2, tau : float
        Coefficient of determination and Kendall's tau-b.
    r2_ceiling, tau_ceiling : float
        What a predictor of the true means would have: the noise of few trainings keeps it from 1.
    top_tau, top_ceiling : float
        The same of the best tenth by observation.
    rmse, worst, bias : float
        Root mean squared error; what 1 % of absolute errors exceed; mean of predicted less observed.
    coverage : tuple of float
        Part of single trainings inside the central interval of each of `LEVELS`; NaN where nothing is said of noise.
    """

    n: int
    r2: float
    r2_ceiling: float
    tau: float
    tau_ceiling: float
    top_tau: float
    top_ceiling: float
    rmse: float
    worst: float
    bias: float
    coverage: tuple[float, ...]


def agreement(
    predicted: FloatArray, observed: FloatArray, runs: IntArray, spread: FloatArray, *, maximise: bool
) -> Agreement:
    """Return how predictions agree with means over trainings.

    Parameters
    ----------
    predicted, observed : (n,) float64
    runs : (n,) int64
        Trainings behind each mean.
    spread : (n,) float64
        Standard deviation of one training at each.
    maximise : bool
        Whether large is good.
    """
    sign = -1.0 if maximise else 1.0
    best = _best(sign * observed)
    ceilings = _ceilings(sign * observed, runs, spread)
    errors = predicted - observed
    variance = float(observed.var()) if len(observed) else 0.0
    pooled = float(np.sqrt(np.mean(spread**2))) if len(observed) else 0.0
    return Agreement(
        n=len(observed),
        r2=1 - float(np.mean(errors**2)) / variance if variance > 0 else np.nan,
        r2_ceiling=reliability(observed, pooled, runs),
        tau=tau(predicted, observed),
        tau_ceiling=ceilings[0],
        top_tau=tau(predicted[best], observed[best]),
        top_ceiling=ceilings[1],
        rmse=float(np.sqrt(np.mean(errors**2))) if len(observed) else np.nan,
        worst=float(np.quantile(np.abs(errors), 0.99)) if len(observed) else np.nan,
        bias=float(errors.mean()) if len(observed) else np.nan,
        coverage=(),
    )


def tau(one: FloatArray, other: FloatArray) -> float:
    """Return Kendall's tau-b; NaN for fewer than ten pairs, or where one side is constant."""
    if len(one) < _FEWEST:
        return float("nan")
    return float(stats.kendalltau(one, other).statistic)


def coverage(errors: FloatArray, deviations: FloatArray) -> tuple[float, ...]:
    """Return the part of errors inside the central normal interval of each of `LEVELS`; NaN where none is known.

    >>> coverage(np.array([0.0, 0.5, 1.0, 3.0]), np.ones(4))
    (0.5, 0.75, 0.75)
    """
    if not len(errors) or not (deviations > 0).all():
        return tuple(float("nan") for _ in LEVELS)
    widths = stats.norm.ppf(0.5 + np.array(LEVELS) / 2)
    return tuple(float(np.mean(np.abs(errors) <= width * deviations)) for width in widths)


def first_of_classes(keys: FloatArray | IntArray | Any) -> BoolArray:
    """Return which rows are the first of their class: (n,) keys to (n,)."""
    first = np.zeros(len(keys), dtype=bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first


def held_out(evidence: Mapping[str, Any], keys: Any, deviations: Any, *, maximise: bool) -> tuple[Agreement, BoolArray]:
    """Return the agreement out of fold, on one architecture of each functional class, and which rows these are.

    Parameters
    ----------
    evidence : mapping
        Of the surrogate benchmark.
    keys : (n,) uint64
        Functional keys of its sample.
    deviations : callable
        From predicted values to the standard deviation of a training.
    maximise : bool
    """
    kept = np.isfinite(evidence["predicted"]) & first_of_classes(keys)
    predicted, observed = evidence["predicted"][kept], evidence["observed"][kept]
    spread = deviations(predicted)
    found = agreement(predicted, observed, evidence["runs"][kept], spread, maximise=maximise)
    doubt = np.nan_to_num(evidence["doubt"][kept])
    inside = coverage(evidence["first"][kept] - predicted, np.hypot(spread, doubt))
    return Agreement(**vars(found) | {"coverage": inside}), kept


def _best(minimised: FloatArray) -> IntArray:
    """Return the places of the best tenth."""
    return np.argsort(minimised, kind="stable")[: max(1, round(TOP * len(minimised)))]


def _ceilings(minimised: FloatArray, runs: IntArray, spread: FloatArray) -> tuple[float, float]:
    """Return the tau of true means with means of so many trainings, of all and of the best tenth by the latter.

    Observed means are shrunk to the variance that is not noise, and noise is added again.
    """
    if len(minimised) < _FEWEST:
        return float("nan"), float("nan")
    pooled = float(np.sqrt(np.mean(spread**2)))
    share = np.sqrt(reliability(minimised, pooled, runs))
    true = minimised.mean() + share * (minimised - minimised.mean())
    rng = np.random.default_rng(0)
    taus = []
    for _ in range(_SIMULATIONS):
        seen = true + rng.standard_normal(len(true)) * spread / np.sqrt(runs)
        best = _best(seen)
        taus.append((tau(true, seen), tau(true[best], seen[best])))
    every, top = np.mean(taus, axis=0).tolist()
    return every, top
