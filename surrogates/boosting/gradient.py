"""Gradient boosting without further packages."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn

from harness.checks import MOST, FloatArray, integer, real
from harness.space import SearchSpace
from surrogates.boosting.members import Boosting, Singles


class GradientBoosting(Boosting):
    """Stochastic gradient boosting with squared errors, by scikit-learn.

    Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001, and
    "Stochastic Gradient Boosting", Computational Statistics & Data Analysis 38(4), 2002.  Splits are exact, not of
    histograms.

    The standard deviation is the spread of the members, see `Boosting`.

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
    min_leaf : int
        Least number of rows in a leaf, at least 1.
    max_features : float
        Part of the features tried at each split, in (0, 1].
    subsample : float
        Part of the rows for each tree, in (0, 1].
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        members: int = 5,
        rounds: int = 200,
        learning_rate: float = 0.1,
        depth: int = 4,
        min_leaf: int = 1,
        max_features: float = 1 / 3,
        subsample: float = 0.8,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            members=members,
            rounds=rounds,
            learning_rate=learning_rate,
            subsample=subsample,
            depth=integer("depth", depth, low=1, high=MOST),
            min_leaf=integer("min_leaf", min_leaf, low=1, high=MOST),
            max_features=real("max_features", max_features, low=0, high=1, open_low=True),
        )

    def boost(self, inputs: Singles, targets: FloatArray, seed: int) -> Any:
        """Return a model of standardised targets: (n, d) and (n,)."""
        from sklearn.ensemble import GradientBoostingRegressor  # takes half a second to import

        given = self.hyperparameters
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return GradientBoostingRegressor(
                n_estimators=given["rounds"],
                learning_rate=given["learning_rate"],
                max_depth=given["depth"],
                min_samples_leaf=given["min_leaf"],
                max_features=given["max_features"],
                subsample=given["subsample"] if len(inputs) > 1 else 1.0,
                random_state=seed,
            ).fit(inputs, targets)

    def boosted(self, model: Any, inputs: Singles) -> FloatArray:
        """Return what a model says: (q, d) to (q,)."""
        return np.asarray(model.predict(inputs), dtype=np.float64)
