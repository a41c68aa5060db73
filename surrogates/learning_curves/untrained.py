"""Predictors of the end of a training that know only its own curve: values, and parametric forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, boolean, choice, integer
from harness.errors import HarnessError, unknown
from harness.space import SearchSpace
from surrogates.learning_curves.extrapolation import ensemble
from surrogates.learning_curves.forms import FORMS
from surrogates.learning_curves.reading import CurveLearner
from surrogates.learning_curves.scores import best_value, last_value, mean_of_last

FEWEST = 3
"""Finished trainings from which the error of a predictor is known."""
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
        self._known: dict[bytes, float] = {}  # predictions made in `learn`, of curves by their bytes

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Remember the range of values, and compare predictions with the ends of finished trainings."""
        values = np.append(curves[np.isfinite(curves)], targets)
        self._range = self.bounds or (float(values.min()), float(values.max()))
        if not self.hyperparameters["calibrated"]:
            return
        # A model that is fitted again has most of these trainings behind it; their extrapolations stay the same.
        known = self._known if self.bounds else {}
        keys = [curve.tobytes() for curve in curves]
        new = [row for row, key in enumerate(keys) if key not in known and np.isfinite(curves[row]).any()]
        if new:
            mean = self.alone(curves[new])[0]
            known = known | {keys[row]: value for row, value in zip(new, mean.tolist(), strict=True)}
        self._known = known
        wrong = [known[key] - target for key, target in zip(keys, targets.tolist(), strict=True) if key in known]
        self._error = float(np.mean(np.square(wrong))) if len(wrong) >= FEWEST else 0.0

    def alone(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the ensemble, in the unit of the results."""
        low, high = self.bounds or self._range_with(curves)
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
