"""Stacking: a learner whose features are the predictions of others."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self, cast

import numpy as np
from scipy.optimize import nnls

from harness import registry
from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import CurveSurrogate, Fit, Informed, Predict, Prediction, Surrogate, serve
from surrogates.inputs import encode, not_fitted, standard_deviations, target_matrix

LEARNERS = ("ridge", "random_forest", "svr")


@dataclass(frozen=True, eq=False)
class _Level1:
    """What combines the predictions of K learners for one target, and its error on rows that were left out."""

    weights: FloatArray
    intercept: float
    known: FloatArray
    """Predictions of rows that were left out, (n, K), sorted by column; without rows where nothing was left out."""
    targets: FloatArray
    """Sorted, (n,)."""
    std: float = 0.0

    def combined(self, predictions: FloatArray, kind: str) -> FloatArray:
        """Return what all say together: (q, K) to (q,)."""
        if kind == "ridge" or not len(self.known):
            return self.intercept + predictions @ self.weights
        n = len(self.known)
        columns = list(zip(self.known.T, predictions.T, strict=True))
        below, up_to = (
            np.mean([np.searchsorted(known, said, side=side) for known, said in columns], axis=0)
            for side in ("left", "right")
        )
        places: FloatArray = np.interp((below + up_to) / 2, np.arange(n) + 0.5, self.targets)
        return places


@dataclass(frozen=True, eq=False)
class _Fitted:
    models: list[Surrogate]
    combining: list[_Level1]
    target_shape: tuple[int, ...]


class Stacking(Surrogate):
    """Several learners, combined by how well they predict rows that they have not seen.

    Wolpert, "Stacked Generalization", Neural Networks 5(2), 1992; Breiman, "Stacked Regressions", Machine Learning 24,
    1996: every learner predicts each row from the others by cross-validation, the weights of the learners minimise the
    error of these predictions, and are not negative; then all learners are fitted to all rows.  Rows of the same
    function (`SearchSpace.key`) are left out together, or they would tell their own results.

    The weights w and the intercept minimise ``mean((t - b - P w)^2) / var(t) + penalty |w|^2``, P the predictions;
    where no weight is left, all are equal. With ``combine = "ranks"`` nothing is weighed: each prediction counts by
    its place among the predictions of left-out rows by the same learner, places are averaged, and the mean is the
    target of that place among the sorted targets.

    `std` is the root mean squared error of the combined predictions of left-out rows, the same for all architectures,
    noise included; 0 where there are fewer than two functions to learn from.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Of learners that name none.
    learners : sequence of str or table
        Names, or tables of ``name``, ``encoding`` and hyperparameters; at least one.
    combine : {"ridge", "ranks"}
    folds : int
        Of the cross-validation, at least 2.
    penalty : float
        Of the squared weights, at least 0.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        learners: Sequence[Any] = LEARNERS,
        combine: str = "ridge",
        folds: int = 5,
        penalty: float = 0.01,
    ) -> None:
        if isinstance(learners, str) or not isinstance(learners, Sequence) or not learners:
            raise HarnessError(must("learners", "be a list of at least one name or table", learners))
        given = [{"name": item} if isinstance(item, str) else item for item in learners]
        self._learners = [registry.surrogate({"encoding": encoding} | dict(item), space) for item in given]
        if any(isinstance(learner, Informed) for learner in self._learners):
            raise HarnessError(must("learners", "leave out what is told and learns nothing", list(learners)))
        if any(isinstance(learner, CurveSurrogate) for learner in self._learners):
            rule = "leave out what reads curves, which reach a stack as any other columns"
            raise HarnessError(must("learners", rule, list(learners)))
        super().__init__(
            space,
            encoding=encoding,
            learners=[json.loads(learner.signature) for learner in self._learners],
            combine=choice("combine", combine, ("ridge", "ranks")),
            folds=integer("folds", folds, low=2, high=MOST),
            penalty=real("penalty", penalty, low=0),
        )
        used = chain(["numpy", "scipy"], *(learner.libraries for learner in self._learners))
        vars(self)["libraries"] = tuple(dict.fromkeys(used))
        self._fitted: _Fitted | None = None

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        return self.fit_many([Fit(self, archs, targets, rng, covariates)])[0]

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        return self.predict_many([Predict(self, archs, covariates)])[0]

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Serve many fits; each learner is given the rows of all tasks and folds at once."""
        fits: list[Fit | Predict] = []
        parts: list[list[BoolArray]] = []
        for task in tasks:
            target_matrix(task.targets, len(encode(self, task.archs, task.covariates)))
            fold = self._folds(task.archs, task.rng)
            parts.append([*(fold != left for left in range(int(fold.max()) + 1)), np.ones(len(fold), dtype=bool)])
            seeds = iter(task.rng.integers(2**63, size=len(parts[-1]) * len(self._learners)).tolist())
            fits += [
                Fit(
                    learner,
                    task.archs[part],
                    np.asarray(task.targets)[part],
                    np.random.default_rng(next(seeds)),
                    _of(task.covariates, part),
                )
                for part in parts[-1]
                for learner in self._learners
            ]
        answers = cast(Iterator[Surrogate], iter(serve(fits)))  # to a Fit it is a model
        models = [[[next(answers) for _ in self._learners] for _ in of_task] for of_task in parts]
        looks: list[Fit | Predict] = [
            Predict(model, task.archs[~part], _of(task.covariates, ~part))
            for task, of_task, of_models in zip(tasks, parts, models, strict=True)
            for part, of_part in zip(of_task[:-1], of_models[:-1], strict=True)
            for model in of_part
        ]
        said = cast(Iterator[Prediction], iter(serve(looks)))  # to a Predict it is a prediction
        fitted = []
        for task, of_task, of_models in zip(tasks, parts, models, strict=True):
            targets = target_matrix(task.targets, len(task.archs))
            unseen = np.empty((len(targets) if len(of_task) > 1 else 0, len(self._learners), targets.shape[1]))
            for part in of_task[:-1]:
                for learner in range(len(self._learners)):
                    unseen[~part, learner] = next(said).mean.reshape(-1, targets.shape[1])
            combining = [self._combining(*columns) for columns in zip(unseen.T.swapaxes(1, 2), targets.T, strict=True)]
            model = copy.copy(self)
            shape = np.asarray(task.targets).shape[1:]
            model._fitted = _Fitted(of_models[-1], combining, shape)
            fitted.append(model)
        return fitted

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Serve many predictions; each learner is given those of all tasks at once."""
        fitted: list[_Fitted] = []
        for task in tasks:
            if not isinstance(task.model, Stacking) or task.model._fitted is None:
                raise not_fitted(self)
            fitted.append(task.model._fitted)
        asked = [
            Predict(model, task.archs, task.covariates)
            for task, known in zip(tasks, fitted, strict=True)
            for model in known.models
        ]
        answers = cast(Iterator[Prediction], iter(serve(asked)))  # to a Predict it is a prediction
        said = []
        for task, known in zip(tasks, fitted, strict=True):
            answered = (len(task.archs), len(known.combining))
            means = [next(answers).mean.reshape(answered) for _ in known.models]
            columns = np.stack(means, axis=1).transpose(2, 0, 1)
            kind = self.hyperparameters["combine"]
            mean = np.stack(
                [level.combined(column, kind) for level, column in zip(known.combining, columns, strict=True)], axis=1
            )
            std = np.broadcast_to([level.std for level in known.combining], mean.shape)
            shape = (len(task.archs), *known.target_shape)
            said.append(Prediction(mean.reshape(shape), std.reshape(shape)))
        return said

    def _folds(self, archs: Archs, rng: np.random.Generator) -> IntArray:
        """Return the fold in which each row is left out, -1 for all where there is one function: (n, L) to (n,)."""
        _, functions = np.unique(self.space.key(archs), return_inverse=True)
        count = int(functions.max()) + 1
        order = rng.permutation(count)
        folds = min(self.hyperparameters["folds"], count)
        return order[functions] % folds if count > 1 else np.full(len(archs), -1)

    def _combining(self, unseen: FloatArray, targets: FloatArray) -> _Level1:
        """Return what combines predictions of left-out rows, (n, K) or without rows, of targets, (n,)."""
        count = len(self._learners)
        equal = np.full(count, 1 / count)
        if not len(unseen):
            return _Level1(equal, 0.0, unseen, targets)
        weights, intercept = nonnegative_ridge(unseen, targets, self.hyperparameters["penalty"])
        if not weights.any():
            weights, intercept = equal, float(targets.mean() - unseen.mean(axis=0) @ equal)
        level = _Level1(weights, intercept, np.sort(unseen, axis=0), np.sort(targets))
        wrong = level.combined(unseen, self.hyperparameters["combine"]) - targets
        return replace(level, std=float(np.sqrt(np.mean(wrong**2))))


def nonnegative_ridge(features: FloatArray, targets: FloatArray, penalty: float) -> tuple[FloatArray, float]:
    """Return weights that are not negative, (d,), and the intercept of a penalised regression: (n, d) and (n,).

    They minimise ``mean((t - b - X w)^2) / var(t) + penalty |w|^2``.

    Examples
    --------
    >>> features = np.array([[0.0, 3.0], [1.0, 1.0], [2.0, 0.0]])
    >>> weights, intercept = nonnegative_ridge(features, np.array([1.0, 3.0, 5.0]), 0.0)
    >>> weights.round(6).tolist(), round(intercept, 6)
    ([2.0, 0.0], 1.0)
    """
    n, width = features.shape
    centre, middle = features.mean(axis=0), targets.mean()
    spread = standard_deviations(targets[:, None])[0]
    rows = np.concatenate([(features - centre) / spread, np.sqrt(n * penalty) * np.eye(width)])
    weights, _ = nnls(rows, np.concatenate([(targets - middle) / spread, np.zeros(width)]))
    return weights, float(middle - centre @ weights)


def _of(covariates: FloatArray | None, rows: BoolArray) -> FloatArray | None:
    return None if covariates is None else np.asarray(covariates)[rows]
