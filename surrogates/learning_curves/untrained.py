"""Predictors of the end of a training that know only its own curve: values, and parametric forms."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np

from harness.checks import MOST, Archs, FloatArray, boolean, choice, integer
from harness.errors import HarnessError, unknown
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction
from surrogates.learning_curves.extrapolation import ensemble
from surrogates.learning_curves.forms import FORMS
from surrogates.learning_curves.reading import CurveLearner
from surrogates.learning_curves.scores import best_value, last_value, mean_of_last

FEWEST = 3
"""Finished trainings from which the error of a predictor is known."""
_Extrapolations = dict[bytes, tuple[float, float]]
"""Mean and variance of the end, of curves by their bytes."""
_MARGIN = 0.1
"""Of the range seen, beyond its best value, where bounds are not known."""


class _Calibrated(CurveLearner):
    """Adds to the variance the mean squared error on finished trainings, at the same length of curves."""

    _error: float = 0.0

    def alone(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance by the curves alone, (q,) each."""
        raise NotImplementedError

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Compare predictions with the ends of finished trainings."""
        seen = np.isfinite(curves).any(axis=1)
        self._error = 0.0
        if seen.sum() >= FEWEST:
            self._error = float(np.mean(np.square(self.alone(curves[seen])[0] - targets[seen])))

    def extrapolate(self, archs: Archs, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the ends."""
        mean, variance = self.alone(curves)
        return mean, np.sqrt(variance + self._error)


class CurveValue(_Calibrated):
    """Predict that a training ends with the value that it has: the last, the best so far, or the mean of the last.

    The standard deviation is the root mean square of what this was wrong by on the trainings that were learnt from, if
    there are three, and that of the curve's own values before.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Not read.
    statistic : {"last", "best", "mean"}
    window : int
        Values in the mean, at least 1.
    """

    def __init__(
        self, space: SearchSpace, *, encoding: str = "one_hot", statistic: str = "last", window: int = 3
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            statistic=choice("statistic", statistic, ("last", "best", "mean")),
            window=integer("window", window, low=1, high=MOST),
        )

    def alone(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the statistic, and no variance where errors on finished trainings are known."""
        statistic = self.hyperparameters["statistic"]
        if statistic == "mean":
            mean = mean_of_last(curves, self.hyperparameters["window"])
        else:
            mean = last_value(curves) if statistic == "last" else best_value(curves)
        if self._error > 0:
            return mean, np.zeros(len(curves))
        known = np.isfinite(curves)
        centre = np.where(known, curves, 0.0).sum(axis=1) / known.sum(axis=1)
        return mean, np.where(known, np.square(curves - centre[:, None]), 0.0).sum(axis=1) / known.sum(axis=1)


class CurveEnsemble(_Calibrated):
    """Extrapolate a curve by an ensemble of parametric forms; see `surrogates.learning_curves.extrapolation.ensemble`.

    Domhan, Springenberg & Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
    Extrapolation of Learning Curves", IJCAI 2015.  Results become accuracies in [0, 1] by the bounds of the objective;
    where they are not known, by the range of what was seen.

    Departs from the paper, beside what the function says: forms saturate early, and on schedules whose last epochs add
    most they are far too sure; so the mean squared error on finished trainings, cut at the same epoch, is added to the
    variance, from three of them on (`calibrated`).

    Where bounds are known, curves of all learners that are served together are extrapolated side by side, and none
    twice by one learner; what is said of a curve does not depend on those beside it.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Not read.
    forms : sequence of str, optional
        Some of `surrogates.learning_curves.forms.FORMS`; the default is all eleven.
    weighted : bool
        Whether later values weigh more.
    calibrated : bool
        Whether errors on finished trainings add to the variance.
    """

    version: ClassVar[int] = 2
    continues: ClassVar[bool] = True

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        forms: Sequence[str] | None = None,
        weighted: bool = True,
        calibrated: bool = True,
    ) -> None:
        named = list(FORMS) if forms is None else list(forms)
        for name in named:
            if name not in FORMS:
                raise HarnessError(unknown("form of a curve", str(name), list(FORMS)))
        super().__init__(
            space,
            encoding=encoding,
            forms=named,
            weighted=boolean("weighted", weighted),
            calibrated=boolean("calibrated", calibrated),
        )
        if not named:
            raise HarnessError("`forms` must name at least one form of a curve, got []")
        self._range: tuple[float, float] | None = None
        self._known: _Extrapolations = {}  # with bounds, which make them the same in every fit

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Remember the range of values, and compare predictions with the ends of finished trainings."""
        values = np.append(curves[np.isfinite(curves)], targets)
        self._range = self.bounds or (float(values.min()), float(values.max()))
        if not self.hyperparameters["calibrated"]:
            return
        if self.bounds:  # a model that is fitted again has most of these trainings behind it
            self._known = self._known | self._extrapolated(self._unknown(curves))
        super().learn(archs, curves, targets, rng)

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Serve many fits; with bounds, curves that are new to their learners are extrapolated side by side."""
        if not self.bounds or not self.hyperparameters["calibrated"]:
            return super().fit_many(tasks)
        told = self._together([(task.learner, task.archs, task.covariates) for task in tasks])
        return super().fit_many([replace(task, learner=one) for task, one in zip(tasks, told, strict=True)])

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Serve many predictions, with bounds side by side."""
        if not self.bounds:
            return super().predict_many(tasks)
        told = self._together([(task.model, task.archs, task.covariates) for task in tasks])
        return super().predict_many([replace(task, model=one) for task, one in zip(tasks, told, strict=True)])

    def _together(self, asked: Sequence[tuple[Any, Archs, FloatArray | None]]) -> list[Self]:
        """Return copies of learners that know the extrapolations of their curves, of all learners made at once."""
        learners = [copy.copy(learner) for learner, _, _ in asked]
        unknown = [
            {} if curves is None else learner._unknown(learner._curves(curves, len(archs)))
            for learner, archs, curves in asked
        ]
        made = self._extrapolated(dict(chain.from_iterable(map(dict.items, unknown))))
        for learner, curves in zip(learners, unknown, strict=True):
            learner._known = learner._known | {key: made[key] for key in curves}
        return learners

    def alone(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the ensemble, in the unit of the results."""
        if not self.bounds:
            return self._between(curves, *self._range_with(curves))
        known = self._known | self._extrapolated(self._unknown(curves))
        mean, variance = np.array([known[bytes(curve)] for curve in self._padded(curves)]).reshape(-1, 2).T
        return mean, variance

    def _padded(self, curves: FloatArray) -> FloatArray:
        """Return curves over all epochs, NaN at those to come, so that those of any length go side by side."""
        more = 0 if self.epochs is None else len(self.epochs) - curves.shape[1]
        return np.pad(curves, ((0, 0), (0, more)), constant_values=np.nan)

    def _unknown(self, curves: FloatArray) -> dict[bytes, FloatArray]:
        """Return the curves with a value that were not extrapolated before, by their bytes."""
        padded = {bytes(curve): curve for curve in self._padded(curves)}
        return {key: curve for key, curve in padded.items() if key not in self._known and np.isfinite(curve).any()}

    def _extrapolated(self, curves: Mapping[bytes, FloatArray]) -> _Extrapolations:
        """Extrapolate curves of one length between the bounds."""
        if not curves or self.bounds is None:
            return {}
        columns = (column.tolist() for column in self._between(np.stack([*curves.values()]), *self.bounds))
        return dict(zip(curves, zip(*columns, strict=True), strict=True))

    def _between(self, curves: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the ensemble, of results that lie between two values."""
        curves = self._padded(curves)
        epochs, horizon = self._axis(curves.shape[1])
        forms = [FORMS[name] for name in self.hyperparameters["forms"]]
        mean, std = ensemble(
            epochs, (high - curves) / (high - low), horizon, forms, weighted=self.hyperparameters["weighted"]
        )
        return high - mean * (high - low), np.square(std * (high - low))

    def _range_with(self, curves: FloatArray) -> tuple[float, float]:
        """Return a range that holds what was learnt from and these curves, with room for what is better."""
        known = curves[np.isfinite(curves)]
        low, high = float(known.min()), float(known.max())
        if self._range is not None:
            low, high = min(low, self._range[0]), max(high, self._range[1])
        span = high - low if high > low else 1.0
        return low - _MARGIN * span, high
