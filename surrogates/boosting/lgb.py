"""LightGBM."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, FloatArray, choice, integer, real
from harness.space import SearchSpace
from surrogates.boosting.members import Boosting, Singles, few_in_leaf, needs

PRESETS = ("common", "naslib")


class LightGBM(Boosting):
    """Gradient boosting of trees grown leaf by leaf, by LightGBM.

    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017; for architectures Luo, Tan,
    Wang, Qin, Chen & Liu, "Neural Architecture Search with GBDT", 2020.  The defaults are those of the latter in NASLib
    (White et al., NeurIPS 2021): 500 rounds of trees of 31 leaves at a rate of 0.05, squared errors, nine tenths of the
    features for each tree, four fifths of the rows, drawn anew every five trees; but for `members`, which is 1 there.

    Departs from them where there are few rows: leaves then hold `min_leaf` rows or a fiftieth of all, whichever is
    less, since a model of fewer than 2 `min_leaf` rows is a constant, and one of a hundred is blurred; and no value of
    a feature is too rare to be told apart (`min_data_in_bin` is 1, by default 3, which merges rare paths).  It runs on
    one thread, with the package's deterministic setting.

    The standard deviation is the spread of the members, see `Boosting`.

    Needs the package `lightgbm`: ``pip install 'nas-harness[boosting]'``.

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
    leaves : int
        Of a tree at most, at least 2.
    min_leaf : int
        Least number of rows in a leaf, at least 1, where there are many rows.
    max_features : float
        Part of the features for each tree, in (0, 1].
    subsample : float
        Part of the rows, drawn anew every five trees; in (0, 1].
    preset : {"common", "naslib"}
        Sets `members` where it has its default; another value overrides it.  With "naslib" it is 1, and there is no
        standard deviation.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "lightgbm")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        members: int = 5,
        rounds: int = 500,
        learning_rate: float = 0.05,
        leaves: int = 31,
        min_leaf: int = 5,
        max_features: float = 0.9,
        subsample: float = 0.8,
        preset: str = "common",
    ) -> None:
        self._package = _package()
        if choice("preset", preset, PRESETS) == "naslib" and members == 5:
            members = 1
        super().__init__(
            space,
            encoding=encoding,
            members=members,
            rounds=rounds,
            learning_rate=learning_rate,
            subsample=subsample,
            leaves=integer("leaves", leaves, low=2, high=MOST),
            min_leaf=integer("min_leaf", min_leaf, low=1, high=MOST),
            max_features=real("max_features", max_features, low=0, high=1, open_low=True),
        )

    def settings(self, rows: int, seed: int) -> dict[str, Any]:
        """Return the parameters of a member by the names of the package."""
        given = self.hyperparameters
        return {
            "objective": "regression",
            "boosting_type": "gbdt",
            "learning_rate": given["learning_rate"],
            "num_leaves": given["leaves"],
            "min_data_in_leaf": few_in_leaf(given["min_leaf"], rows, 50),
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "feature_fraction": given["max_features"],
            "bagging_fraction": given["subsample"] if given["subsample"] * rows >= 1 else 1.0,
            "bagging_freq": 5,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": seed,
            "verbose": -1,
        }

    def boost(self, inputs: Singles, targets: FloatArray, seed: int) -> Any:
        """Return a booster of standardised targets: (n, d) and (n,)."""
        settings = self.settings(len(inputs), seed)
        data = self._package.Dataset(inputs, label=targets, params=settings)
        return self._package.train(settings, data, num_boost_round=self.hyperparameters["rounds"])

    def boosted(self, model: Any, inputs: Singles) -> FloatArray:
        """Return what a booster says: (q, d) to (q,)."""
        return np.asarray(model.predict(inputs, num_threads=1), dtype=np.float64)

    def packed(self, model: Any) -> bytes:
        """Return a booster in the text of the package."""
        return bytes(model.model_to_string().encode())

    def unpacked(self, content: bytes) -> Any:
        """Return the booster of `packed`."""
        return self._package.Booster(model_str=content.decode())


def _package() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except ImportError as error:
        raise needs("LightGBM", "lightgbm") from error
