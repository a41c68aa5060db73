"""Forests: averages of trees that see different rows or features."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import sklearn
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.tree._tree import NODE_DTYPE, Tree
from sklearn.utils import check_random_state

from harness.checks import MOST, Archs, FloatArray, boolean, choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Prediction, State, Surrogate
from surrogates.inputs import encode, not_fitted, part_of, target_matrix, target_shape

_SMALL = 2.0**-16
"""Spread of targets below which they are scaled."""


class Forest(Surrogate):
    """Base of forests: the mean and the spread of the trees of scikit-learn, made without its checks.

    The checks take as long as the trees.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")
    rows_alone = True
    kind: ClassVar[type[DecisionTreeRegressor]] = DecisionTreeRegressor
    """Of the trees."""
    bootstrap: bool = True
    """Whether each tree learns from a bootstrap sample of the rows, or all from all rows."""

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        trees: int = 100,
        max_features: float = 1 / 3,
        min_leaf: int = 1,
        leaf_variance: bool = False,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            trees=integer("trees", trees, low=1, high=MOST),
            max_features=real("max_features", max_features, low=0, high=1, open_low=True),
            min_leaf=integer("min_leaf", min_leaf, low=1, high=MOST),
            leaf_variance=boolean("leaf_variance", leaf_variance),
        )
        self.has_std = trees > 1 or leaf_variance
        self._trees: list[Any] = []
        self._fitted_shape: tuple[int, ...] = ()
        self._unit = 1.0

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        features = encode(self, archs, covariates)
        values = target_matrix(targets, len(features))
        given = self.hyperparameters
        if given["leaf_variance"] and values.shape[1] > 1:
            raise HarnessError(must("targets", "have one column where `leaf_variance` is true", values.shape))
        inputs, n, unit = features.astype(np.float32), len(features), _unit(values)
        state = check_random_state(int(rng.integers(2**32)))
        trees = []
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            for _ in range(given["trees"]):
                seed = state.randint(np.iinfo(np.int32).max)
                tree = self.kind(
                    max_features=given["max_features"], min_samples_leaf=given["min_leaf"], random_state=seed
                )
                counts = _drawn(seed, n) if self.bootstrap else None
                trees.append(tree.fit(inputs, values / unit, sample_weight=counts, check_input=False).tree_)
        model = copy.copy(self)
        model._trees = trees  # bare: scikit-learn checks its input anew for each tree, which costs more than predicting
        model._fitted_shape, model._unit = np.asarray(targets).shape[1:], unit
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures; `members` of the result is (trees, q), or (trees, q, m) for m objectives."""
        if not self._trees:
            raise not_fitted(self)
        features = encode(self, archs, covariates, width=self._trees[0].n_features)
        shape = (len(self._trees), len(features), *self._fitted_shape)
        single = features.astype(np.float32)
        leaves = [tree.apply(single) for tree in self._trees]
        values = [tree.value[:, :, 0].take(leaf, axis=0) for tree, leaf in zip(self._trees, leaves, strict=True)]
        members = np.array(values, dtype=np.float64).reshape(shape)
        std = members.std(axis=0)
        if self.hyperparameters["leaf_variance"]:
            within = [tree.impurity.take(leaf) for tree, leaf in zip(self._trees, leaves, strict=True)]
            within_trees = np.maximum(np.mean(within, axis=0), 0.0).reshape(std.shape)
            std = np.sqrt(std**2 + within_trees)
        return Prediction(self._unit * members.mean(axis=0), self._unit * std, self._unit * members)

    def state(self) -> State:
        """Return the nodes of all trees, one tree after the other; see `Surrogate.state`."""
        if not self._trees:
            raise not_fitted(self)
        nodes = np.concatenate([tree.__getstate__()["nodes"] for tree in self._trees])
        return {
            **{name: np.ascontiguousarray(nodes[name]) for name in _KEPT},
            "values": np.concatenate([tree.value[:, :, 0] for tree in self._trees]),
            "sizes": np.array([tree.node_count for tree in self._trees], dtype=np.int64),
            "features": np.array(self._trees[0].n_features, dtype=np.int64),
            "target_shape": np.array(self._fitted_shape, dtype=np.int64),
            "unit": np.array(self._unit),
        }

    def restored(self, state: State) -> Self:
        """Return a copy with trees; see `Surrogate.restored`."""
        sizes, values = part_of(state, "sizes", (self.hyperparameters["trees"],)), part_of(state, "values", 2)
        features, total = int(part_of(state, "features", ())), int(sizes.sum())
        nodes = np.zeros(total, dtype=NODE_DTYPE)
        for name in _KEPT:
            nodes[name] = part_of(state, name, (total,))
        nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
        if len(values) != total or sizes.min() < 1:
            raise HarnessError(must("sizes", f"be those of trees of {len(values)} nodes", sizes.tolist()[:3]))
        model = copy.copy(self)
        model._fitted_shape = target_shape(state, values.shape[1])
        model._unit = float(part_of(state, "unit", ()))
        ends = np.cumsum(sizes).tolist()
        model._trees = [
            _tree(nodes[end - size : end], values[end - size : end], features)
            for size, end in zip(sizes.tolist(), ends, strict=True)
        ]
        return model


def _unit(values: FloatArray) -> float:
    """Return what targets are divided by: 1, or of a small spread a power of two near it, so that nothing is rounded.

    scikit-learn splits no node whose variance is below 2.2e-16, whatever the scale of targets.
    """
    spread = float(np.max(np.ptp(values, axis=0)))
    return 1.0 if spread == 0.0 or spread > _SMALL else float(2.0 ** np.floor(np.log2(spread)))


_KEPT = ("left_child", "right_child", "feature", "threshold", "impurity")
"""What of a node of scikit-learn's trees predictions depend on."""


def _tree(nodes: Any, values: FloatArray, features: int) -> Any:
    """Return a tree of scikit-learn, of nodes whose children come after them and whose features exist."""
    place, left, right = np.arange(len(nodes)), nodes["left_child"], nodes["right_child"]
    inner = left != -1
    after = (left > place) & (right > place) & (left < len(nodes)) & (right < len(nodes))
    known = (nodes["feature"] >= 0) & (nodes["feature"] < features)
    if not (after & known)[inner].all() or not (right[~inner] == -1).all():
        raise HarnessError("what was learnt is no tree: a node has children before it, or splits what is no feature")
    tree = Tree(features, np.ones(values.shape[1], dtype=np.intp), values.shape[1])
    held = {"max_depth": len(nodes), "node_count": len(nodes), "nodes": nodes.copy()}
    tree.__setstate__(held | {"values": np.ascontiguousarray(values[:, :, None], dtype=np.float64)})
    return tree


def _drawn(seed: int, n: int) -> FloatArray:
    """Return how often each of n rows is in the bootstrap sample that scikit-learn draws by a seed."""
    drawn = check_random_state(seed).randint(0, n, n, dtype=np.int32)
    return np.bincount(drawn, minlength=n).astype(np.float64)


class Preset(NamedTuple):
    """Values that a study ran."""

    trees: int
    max_features: float
    min_leaf: int
    bootstrap: bool


PRESETS = {"common": Preset(100, 1 / 3, 1, True), "nb301": Preset(116, 0.1706, 2, False)}


class RandomForest(Forest):
    """Random forest for regression, by scikit-learn.

    Breiman, "Random Forests", Machine Learning 45, 2001: every tree is grown to pure leaves on a bootstrap sample and
    chooses each split among a random part of the features (a third, the usual value for regression).  The mean is that
    of the trees; the standard deviation is the spread of the trees (divisor: their number), which measures how unsure
    the forest is of its mean and leaves out the noise within leaves.  With `leaf_variance` the variance is the spread
    plus the mean over the trees of the variance within the leaf, the law of total variance (Hutter, Xu, Hoos &
    Leyton-Brown, "Algorithm runtime prediction: methods & evaluation", Artificial Intelligence 206, 2014, 4.3.2).

    The preset "nb301" is what was tuned for NAS-Bench-301 (Siems et al., "Surrogate NAS Benchmarks", ICLR 2022) and
    became the default of NASLib: 116 trees on all rows, 0.1706 of the features, leaves of at least two rows.

    The trees are those of scikit-learn's `RandomForestRegressor`.  A fit of 100 trees takes about 50 ms at 100 rows,
    and 1,000 predictions 5 ms.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the trees split.
    trees : int
        Members of the forest.
    max_features : float
        Part of the features tried at each split, in (0, 1].
    min_leaf : int
        Least number of training rows in a leaf.
    leaf_variance : bool
        Whether the variance within leaves counts; for one objective.
    bootstrap : bool
        Whether each tree learns from a bootstrap sample of the rows, or all from all rows.
    preset : {"common", "nb301"}
        Sets `trees`, `max_features`, `min_leaf` and `bootstrap` where they have their defaults; other values of theirs
        override it.
    """

    identity = "surrogates.forest:RandomForest"
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"leaf_variance": False, "bootstrap": True}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        trees: int = 100,
        max_features: float = 1 / 3,
        min_leaf: int = 1,
        leaf_variance: bool = False,
        bootstrap: bool = True,
        preset: str = "common",
    ) -> None:
        common, chosen = PRESETS["common"], PRESETS[choice("preset", preset, tuple(PRESETS))]
        boolean("bootstrap", bootstrap)
        self.bootstrap = chosen.bootstrap if bootstrap == common.bootstrap else bootstrap
        super().__init__(
            space,
            encoding=encoding,
            trees=chosen.trees if trees == common.trees else trees,
            max_features=chosen.max_features if max_features == common.max_features else max_features,
            min_leaf=chosen.min_leaf if min_leaf == common.min_leaf else min_leaf,
            leaf_variance=leaf_variance,
        )
        self.hyperparameters["bootstrap"] = self.bootstrap


class ExtraTrees(Forest):
    """Extremely randomised trees, by scikit-learn.

    Geurts, Ernst & Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006: every tree is grown on all rows,
    and each split is the best of one random threshold for each feature of a random part of them.  On indicators a
    threshold is no choice, so there the trees differ by the features tried alone: with all features tried they are
    equal but for ties, and their spread is no uncertainty.  Mean and standard deviation are as in `RandomForest`.

    Departs from the paper: a third of the features is tried by default, where the paper tries all for regression.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the trees split.
    trees : int
        Members of the forest.
    max_features : float
        Part of the features tried at each split, in (0, 1].
    min_leaf : int
        Least number of training rows in a leaf.
    leaf_variance : bool
        Whether the variance within leaves counts; for one objective.
    """

    kind = ExtraTreeRegressor
    bootstrap = False
