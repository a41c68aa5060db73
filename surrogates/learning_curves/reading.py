"""The base of learners of curves: what they read and what they know without a curve."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np

from harness.checks import Archs, FloatArray, arch_matrix
from harness.errors import HarnessError, must
from harness.surrogate import CurveSurrogate, Prediction
from surrogates.inputs import not_fitted, target_matrix


class CurveLearner(CurveSurrogate):
    """Base of learners of curves: checks, and the answer where there are no curves.

    Subclasses write `learn` and `extrapolate`.  Without covariates nothing is seen of a training, and the prediction is
    the mean of the targets with their standard deviation.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    _learnt: tuple[float, float] | None = None  # mean and standard deviation of the targets
    _width: int | None = None  # columns of the curves that were learnt from

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to the ends of trainings, (n,), with their curves as covariates; see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite, there is more than one for each training, or the shapes do not fit.
        """
        rows = arch_matrix("archs", archs, self.space.genes)
        values = target_matrix(targets, len(rows))
        if np.ndim(targets) != 1:
            raise HarnessError(must("targets", f"have shape ({len(rows)},): curves end in one value", values.shape))
        model = copy.copy(self)
        model._learnt = float(values.mean()), float(values.std())
        model._width = None
        if covariates is not None:
            curves = self._curves(covariates, len(rows))
            model._width = curves.shape[1]
            model.learn(rows, curves, values[:, 0], rng)
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict the ends of q trainings from their curves: mean and std, (q,)."""
        if self._learnt is None:
            raise not_fitted(self)
        rows = arch_matrix("archs", archs, self.space.genes)
        mean, std = (np.full(len(rows), value) for value in self._learnt)
        if covariates is None:
            return Prediction(mean, std)
        curves = self._curves(covariates, len(rows))
        seen = np.isfinite(curves).any(axis=1)
        if seen.any():
            mean[seen], std[seen] = self.extrapolate(rows[seen], curves[seen])
        return Prediction(mean, std)

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Learn from n trainings: (n, L), (n, T) and (n,); the default learns nothing."""

    def extrapolate(self, archs: Archs, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the ends, (q,) each, of curves with one value at least: (q, T)."""
        raise NotImplementedError(f"{type(self).__name__} must define extrapolate")

    def _curves(self, covariates: FloatArray, n: int) -> FloatArray:
        curves = np.asarray(covariates, dtype=np.float64)
        most = "T" if self.epochs is None else f"T <= {len(self.epochs)}"
        fits = curves.ndim == 2 and len(curves) == n and (self.epochs is None or curves.shape[1] <= len(self.epochs))
        if not fits or not curves.shape[1]:
            raise HarnessError(must("covariates", f"be curves of shape ({n}, {most})", curves.shape))
        if np.isinf(curves).any():
            raise HarnessError(must("covariates", "be finite, or NaN where there is no value yet", np.inf))
        return curves

    def _axis(self, count: int) -> tuple[FloatArray, float]:
        """Return the epochs of the first `count` columns and the epoch of the end."""
        epochs = np.arange(1.0, count + 2) if self.epochs is None else self.epochs
        return epochs[:count], float(epochs[-1])


def architectures_and(learner: CurveLearner, archs: Archs, features: FloatArray, used: bool) -> FloatArray:
    """Return features of curves, (n, d), with those of architectures where they are used."""
    if not used:
        return features
    encoded: Any = learner.space.features(archs, learner.encoding)
    return np.concatenate([features, encoded], axis=1)
