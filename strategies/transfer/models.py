"""Models put together from those of several tasks: a weighted sum, and one task of a model of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer
from harness.errors import HarnessError
from harness.problem import Prior, Problem
from harness.surrogate import Prediction, Surrogate
from strategies.parts.targets import transformed
from strategies.transfer.sources import ranked, usable


class Sum(Surrogate):
    """The weighted sum of models of standardised tasks, in the units of the target.

    Feurer, Letham & Bakshy, AutoML workshop at ICML 2018, equation 1: mean ``sum of w_i mean_i``, variance ``sum of
    w_i^2 variance_i``.

    Parameters
    ----------
    models : sequence of Surrogate
        Fitted to standardised results.
    weights : (K,) float64
    centre, spread : float
        Of the target's results.
    """

    def __init__(self, models: Sequence[Surrogate], weights: FloatArray, centre: float, spread: float) -> None:
        first = models[0]
        super().__init__(first.space, encoding=first.encoding)
        self._models, self._weights, self._centre, self._spread = models, weights, centre, spread

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Refuse: its models are fitted by themselves."""
        raise HarnessError("a weighted sum of models must be made of fitted ones")

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,)."""
        mean, variance = np.zeros(len(archs)), np.zeros(len(archs))
        for model, weight in zip(self._models, self._weights.tolist(), strict=True):
            said = model.predict(archs, covariates)
            mean += weight * said.mean
            variance += weight**2 * np.square(said.std)
        return Prediction(self._centre + self._spread * mean, self._spread * np.sqrt(variance))


class OfTask(Surrogate):
    """A model of all tasks that answers for one, in the units of that task.

    Parameters
    ----------
    model : Surrogate
        Fitted with covariates to standardised results.
    covariates : (e,) float64
        Of the task.
    centre, spread : float
        Of the task's results.
    """

    def __init__(self, model: Surrogate, covariates: FloatArray, centre: float, spread: float) -> None:
        super().__init__(model.space, encoding=model.encoding)
        self._model, self._covariates, self._centre, self._spread = model, covariates, centre, spread

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Refuse: the model of all tasks is fitted by itself."""
        raise HarnessError("a model of one task must be made of a fitted one")

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,)."""
        said = self._model.predict(archs, np.tile(self._covariates, (len(archs), 1)))
        return Prediction(self._centre + self._spread * said.mean, self._spread * said.std)


def standardised(targets: FloatArray) -> tuple[FloatArray, float, float]:
    """Return targets, (n,), less their mean, in units of their deviation; the mean; the deviation, 1 where it is 0."""
    centre, spread = float(targets.mean()), float(targets.std())
    spread = spread if spread > 1e-12 * abs(centre) else 1.0
    return (targets - centre) / spread, centre, spread


def lessons_of(
    problem: Problem, rows: int, target: str, rng: np.random.Generator
) -> list[tuple[Prior, Archs, FloatArray]]:
    """Return what models learn of each source: the source, architectures, (n, L), and standardised targets, (n,).

    Of a source with more than `rows` trainings so many are drawn at random, the best among them always.

    Parameters
    ----------
    problem : Problem
    rows : int
        At least 2.
    target : str
        One of `strategies.parts.targets.NAMES`.
    rng : numpy.random.Generator
    """
    integer("source_rows", rows, low=2, high=MOST)
    found = []
    for prior in usable(problem):
        order = ranked(prior)
        if len(order) > rows:
            order = order[np.concatenate([[0], 1 + rng.choice(len(order) - 1, size=rows - 1, replace=False)])]
        if len(order) >= 2:
            values, _, _ = standardised(transformed(target, prior.objectives[order, 0]))
            found.append((prior, prior.archs[order], values))
    return found
