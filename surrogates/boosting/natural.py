"""NGBoost: boosting of the parameters of a normal distribution by their natural gradient."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import sklearn
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.boosting.members import Singles, few_in_leaf
from surrogates.inputs import Scaling, encode, not_fitted, target_matrix

LEAST = float(np.log(1e-3))
"""Of log standard deviations, of standardised targets."""
_TOLERANCE = 1e-4
"""Mean length of a step below which nothing is left to learn."""
_LARGEST = 256.0
"""Scale of a step beyond which it is not doubled."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Parameters at the start, (2,), then for each round its two trees and its step, of each target; the scaling."""

    starts: list[FloatArray]
    rounds: list[list[tuple[list[Any], float]]]
    targets: Scaling
    width: int
    target_shape: tuple[int, ...]


class NGBoost(Surrogate):
    """Natural gradient boosting with normal distributions and the log score.

    Duan et al., "NGBoost: Natural Gradient Boosting for Probabilistic Prediction", ICML 2020, algorithm 1.  With mean
    mu and log standard deviation s of each row, the gradient of the negative log-likelihood is ((mu - y) / exp(2 s),
    1 - (y - mu)^2 / exp(2 s)), the Fisher information diag(exp(-2 s), 2), and the natural gradient their quotient.  In
    each round two trees are fitted to it, on rows drawn without replacement; a line search doubles their scale while
    that lowers the score, then halves it until the score is lower than before; scale times `learning_rate` is the step.
    The start is the fit to all targets.  Rounds end early where the trees say nothing more.

    The defaults are those of NASLib (White et al., "How Powerful are Performance Predictors in Neural Architecture
    Search?", NeurIPS 2021; rounded): 505 rounds at 0.0813, depth 6, 0.792 of the features at each split, 0.508 of the
    rows in each round.

    Departs from the authors' package and from NASLib: the standard deviation does not fall below a thousandth of that
    of the targets, where it would shrink towards 0 on rows that are equal; a leaf has at least `min_leaf` rows or a
    twentieth of all, whichever is less (NASLib: 15, or half of the rows, which leaves one leaf below 60 rows).

    `std` is that of a new evaluation, noise included.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the trees split.
    rounds : int
        At most, at least 1.
    learning_rate : float
        Greater than 0.
    depth : int
        Of a tree at most, at least 1.
    min_leaf : int
        Least number of rows in a leaf, at least 1, where there are many rows.
    max_features : float
        Part of the features tried at each split, in (0, 1].
    subsample : float
        Part of the rows in each round, in (0, 1].
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        rounds: int = 505,
        learning_rate: float = 0.0813,
        depth: int = 6,
        min_leaf: int = 15,
        max_features: float = 0.792,
        subsample: float = 0.508,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            rounds=integer("rounds", rounds, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            depth=integer("depth", depth, low=1, high=MOST),
            min_leaf=integer("min_leaf", min_leaf, low=1, high=MOST),
            max_features=real("max_features", max_features, low=0, high=1, open_low=True),
            subsample=real("subsample", subsample, low=0, high=1, open_low=True),
        )
        self._fitted: _Fitted | None = None

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m), each by itself; see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        features = encode(self, archs, covariates)
        values = target_matrix(targets, len(features))
        scaling, inputs = Scaling.of(values), features.astype(np.float32)
        columns = scaling.apply(values).T
        starts = [np.array([column.mean(), np.log(max(column.std(), np.exp(LEAST)))]) for column in columns]
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            rounds = [
                self._boost(inputs, column, start, check_random_state(int(rng.integers(2**32))))
                for column, start in zip(columns, starts, strict=True)
            ]
        model = copy.copy(self)
        model._fitted = _Fitted(starts, rounds, scaling, features.shape[1], np.asarray(targets).shape[1:])
        return model

    def _boost(
        self, inputs: Singles, targets: FloatArray, start: FloatArray, state: Any
    ) -> list[tuple[list[Any], float]]:
        given, n = self.hyperparameters, len(inputs)
        size = max(1, int(given["subsample"] * n))
        parameters, rounds = np.tile(start, (n, 1)), []
        for _ in range(given["rounds"]):
            rows = state.choice(np.arange(n), size, replace=False) if size < n else np.arange(n)
            gradient = natural_gradient(parameters[rows], targets[rows])
            trees = [
                DecisionTreeRegressor(
                    max_depth=given["depth"],
                    max_features=given["max_features"],
                    min_samples_leaf=few_in_leaf(given["min_leaf"], n, 20),
                    random_state=state.randint(np.iinfo(np.int32).max),
                )
                for _ in range(2)
            ]
            bare = [
                tree.fit(inputs[rows], column, check_input=False).tree_
                for tree, column in zip(trees, gradient.T, strict=True)
            ]
            said = _leaves(bare, inputs)
            scale = line_search(parameters[rows], said[rows], targets[rows])
            step = given["learning_rate"] * scale
            parameters -= step * said
            rounds.append((bare, step))
            if np.linalg.norm(said[rows], axis=1).mean() < _TOLERANCE:
                break
        return rounds

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        inputs = encode(self, archs, covariates, width=fitted.width).astype(np.float32)
        said = np.empty((len(fitted.starts), len(inputs), 2))
        for parameters, start, rounds in zip(said, fitted.starts, fitted.rounds, strict=True):
            parameters[:] = start
            for trees, step in rounds:
                parameters -= step * _leaves(trees, inputs)
        shape = (len(inputs), *fitted.target_shape)
        mean = fitted.targets.mean + fitted.targets.scale * said[:, :, 0].T
        std = fitted.targets.scale * np.exp(np.maximum(said[:, :, 1].T, LEAST))
        return Prediction(mean.reshape(shape), std.reshape(shape))


def natural_gradient(parameters: FloatArray, targets: FloatArray) -> FloatArray:
    """Return the natural gradient of the score in mean and log standard deviation: (n, 2) and (n,) to (n, 2).

    Where the log standard deviation has come to `LEAST` and would fall further, its part is 0.

    >>> natural_gradient(np.array([[1.0, 0.0]]), np.array([3.0])).tolist()
    [[-2.0, -1.5]]
    """
    mean, log_std = parameters.T
    wrong = (mean - targets) ** 2 * np.exp(-2 * np.maximum(log_std, LEAST))
    of_log_std = (1 - wrong) / 2
    return np.stack([mean - targets, np.where((log_std <= LEAST) & (of_log_std > 0), 0.0, of_log_std)], axis=1)


def score(parameters: FloatArray, targets: FloatArray) -> float:
    """Return the mean negative log-likelihood, in nats: (n, 2) and (n,)."""
    mean, log_std = parameters[:, 0], np.maximum(parameters[:, 1], LEAST)
    with np.errstate(over="ignore"):  # a step may be far too long
        errors = (targets - mean) ** 2 * np.exp(-2 * log_std)
    return float(np.mean(0.5 * errors + log_std) + 0.5 * np.log(2 * np.pi))


def line_search(parameters: FloatArray, direction: FloatArray, targets: FloatArray) -> float:
    """Return a scale of the direction at which the score is lower: (n, 2), (n, 2) and (n,)."""
    begin, scale = score(parameters, targets), 1.0
    while score(parameters - scale * direction, targets) <= begin and scale <= _LARGEST:
        scale *= 2
    length = np.linalg.norm(direction, axis=1).mean()
    while scale * length >= _TOLERANCE and not score(parameters - scale * direction, targets) < begin:
        scale /= 2
    return scale


def _leaves(trees: list[Any], inputs: Singles) -> FloatArray:
    """Return what each tree says: (q, d) to (q, 2)."""
    return np.stack([tree.value[:, 0, 0].take(tree.apply(inputs)) for tree in trees], axis=1)
