"""XGBoost."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, FloatArray, choice, integer, real
from harness.space import SearchSpace
from surrogates.boosting.members import Boosting, Singles, needs

PRESETS = ("common", "naslib")


class XGBoost(Boosting):
    """Gradient boosting by the second derivative, by XGBoost.

    Chen & Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016.  The defaults are those of NASLib (White et
    al., "How Powerful are Performance Predictors in Neural Architecture Search?", NeurIPS 2021): 500 rounds of trees of
    depth 6 at a rate of 0.3, squared errors; but for `members` and `subsample`, which are 1 and 1.0 there.  The base
    score is 0, the mean of standardised targets; trees are grown by histogram, on one thread.

    The standard deviation is the spread of the members, see `Boosting`.

    Needs the package `xgboost`: ``pip install 'nas-harness[boosting]'``.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the trees split.
    members : int
        Models over seeds, at least 1.
    rounds : int
        Trees of a member, at least 1.
    learning_rate : float
        Greater than 0.
    depth : int
        Of a tree at most, at least 1.
    min_child_weight : float
        Least sum of second derivatives in a leaf, which is a number of rows; at least 0.
    max_features : float
        Part of the features for each tree, in (0, 1].
    subsample : float
        Part of the rows for each tree, in (0, 1].
    preset : {"common", "naslib"}
        Sets `members` and `subsample` where they have their defaults; other values of theirs override it.  With
        "naslib" they are 1 and 1.0, and there is no standard deviation.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "xgboost-cpu")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        members: int = 5,
        rounds: int = 500,
        learning_rate: float = 0.3,
        depth: int = 6,
        min_child_weight: float = 1.0,
        max_features: float = 1.0,
        subsample: float = 0.8,
        preset: str = "common",
    ) -> None:
        self._package = _package()
        if choice("preset", preset, PRESETS) == "naslib":
            members, subsample = 1 if members == 5 else members, 1.0 if subsample == 0.8 else subsample
        super().__init__(
            space,
            encoding=encoding,
            members=members,
            rounds=rounds,
            learning_rate=learning_rate,
            subsample=subsample,
            depth=integer("depth", depth, low=1, high=MOST),
            min_child_weight=real("min_child_weight", min_child_weight, low=0),
            max_features=real("max_features", max_features, low=0, high=1, open_low=True),
        )

    def settings(self, seed: int) -> dict[str, Any]:
        """Return the parameters of a member by the names of the package."""
        given = self.hyperparameters
        return {
            "objective": "reg:squarederror",
            "base_score": 0.0,
            "eta": given["learning_rate"],
            "max_depth": given["depth"],
            "min_child_weight": given["min_child_weight"],
            "colsample_bytree": given["max_features"],
            "subsample": given["subsample"],
            "tree_method": "hist",
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
        }

    def boost(self, inputs: Singles, targets: FloatArray, seed: int) -> Any:
        """Return a booster of standardised targets: (n, d) and (n,)."""
        data = self._package.DMatrix(inputs, label=targets, nthread=1)
        return self._package.train(self.settings(seed), data, num_boost_round=self.hyperparameters["rounds"])

    def boosted(self, model: Any, inputs: Singles) -> FloatArray:
        """Return what a booster says: (q, d) to (q,)."""
        return np.asarray(model.inplace_predict(inputs), dtype=np.float64)

    def packed(self, model: Any) -> bytes:
        """Return a booster in the binary JSON of the package."""
        return bytes(model.save_raw("ubj"))

    def unpacked(self, content: bytes) -> Any:
        """Return the booster of `packed`."""
        booster = self._package.Booster(params={"nthread": 1})
        booster.load_model(bytearray(content))
        return booster


def _package() -> Any:
    try:
        return importlib.import_module("xgboost")
    except ImportError as error:
        raise needs("XGBoost", "xgboost") from error
