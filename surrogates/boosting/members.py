"""Several boosted ensembles that differ by their seeds: what all boosting learners but NGBoost share."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Prediction, State, Surrogate, not_kept
from surrogates.inputs import Scaling, encode, not_fitted, part_of, target_matrix, target_shape

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Models of each member, one for each target; the scaling of the targets, and the width of the features."""

    models: list[list[Any]]
    targets: Scaling
    width: int
    target_shape: tuple[int, ...]


class Boosting(Surrogate):
    """Base of boosting learners: members over seeds, each on its own subsamples of the rows, on standardised targets.

    The mean is that of the members, the standard deviation their spread (divisor: their number).  It measures how
    unsure they are of their mean, and understates the error of a new evaluation.  One member without subsampling has
    none: its standard deviation is 0.  Everything runs on one thread.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str,
        members: int,
        rounds: int,
        learning_rate: float,
        subsample: float,
        **hyperparameters: Any,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            members=integer("members", members, low=1, high=MOST),
            rounds=integer("rounds", rounds, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            subsample=real("subsample", subsample, low=0, high=1, open_low=True),
            **hyperparameters,
        )
        self.has_std = members > 1
        self._fitted: _Fitted | None = None

    @abstractmethod
    def boost(self, inputs: Singles, targets: FloatArray, seed: int) -> Any:
        """Return a model of standardised targets: (n, d) and (n,)."""

    @abstractmethod
    def boosted(self, model: Any, inputs: Singles) -> FloatArray:
        """Return what a model says of at least one row: (q, d) to (q,)."""

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m), a model for each; see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        features = encode(self, archs, covariates)
        values = target_matrix(targets, len(features))
        scaling, inputs = Scaling.of(values), features.astype(np.float32)
        seeds = rng.integers(2**31 - 1, size=self.hyperparameters["members"]).tolist()
        columns = scaling.apply(values).T
        models = [[self.boost(inputs, column, seed) for column in columns] for seed in seeds]
        model = copy.copy(self)
        model._fitted = _Fitted(models, scaling, features.shape[1], np.asarray(targets).shape[1:])
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures; `members` of the result is (members, q), or (members, q, m) for m objectives."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        inputs = encode(self, archs, covariates, width=fitted.width).astype(np.float32)
        said = np.zeros((len(fitted.models), len(inputs), len(fitted.targets.mean)))
        if len(inputs):
            for member, models in zip(said, fitted.models, strict=True):
                member[:] = np.stack([self.boosted(model, inputs) for model in models], axis=1)
        said = fitted.targets.mean + fitted.targets.scale * said
        members = said.reshape(len(said), len(inputs), *fitted.target_shape)
        return Prediction(members.mean(axis=0), members.std(axis=0), members)

    def packed(self, model: Any) -> bytes:
        """Return a model as bytes in its package's own format; refused where a learner has none."""
        raise not_kept(self)

    def unpacked(self, content: bytes) -> Any:
        """Return the model of `packed`."""
        raise not_kept(self)

    def state(self) -> State:
        """Return the bytes of all models, one after the other; see `Surrogate.state`."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        parts = [self.packed(model) for models in fitted.models for model in models]
        return {
            "models": np.frombuffer(b"".join(parts), dtype=np.uint8),
            "lengths": np.array([len(part) for part in parts], dtype=np.int64),
            "target_mean": fitted.targets.mean,
            "target_scale": fitted.targets.scale,
            "width": np.array(fitted.width, dtype=np.int64),
            "target_shape": np.array(fitted.target_shape, dtype=np.int64),
        }

    def restored(self, state: State) -> Self:
        """Return a copy with models; see `Surrogate.restored`."""
        mean = part_of(state, "target_mean", 1)
        m, members = len(mean), self.hyperparameters["members"]
        lengths, content = part_of(state, "lengths", (members * m,)), part_of(state, "models", 1)
        if lengths.min() < 1 or lengths.sum() != len(content):
            raise HarnessError(must("lengths", f"be those of models of {len(content)} bytes", lengths.tolist()[:3]))
        parts = np.split(content.astype(np.uint8), np.cumsum(lengths)[:-1])
        models = [self.unpacked(part.tobytes()) for part in parts]
        scaling = Scaling(mean, part_of(state, "target_scale", (m,)))
        model = copy.copy(self)
        rows = [models[start : start + m] for start in range(0, len(models), m)]
        model._fitted = _Fitted(rows, scaling, int(part_of(state, "width", ())), target_shape(state, m))
        return model


def few_in_leaf(most: int, rows: int, parts: int) -> int:
    """Return the least number of rows in a leaf: `most`, or one of so many parts of the rows where that is less.

    It is at least 1.  Leaves of five rows leave little to split where there are few: below ten, a model is a constant.

    >>> few_in_leaf(5, 20, 50), few_in_leaf(5, 100, 50), few_in_leaf(5, 1000, 50)
    (1, 2, 5)
    """
    return min(most, max(1, rows // parts))


def needs(learner: str, package: str) -> HarnessError:
    """Return the error of a learner whose package is not installed; it says what installs it."""
    return HarnessError(f"the learner {learner} needs {package}: pip install 'nas-harness[boosting]'")
