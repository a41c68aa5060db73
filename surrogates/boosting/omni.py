"""Omni: one model of encoding, scores before training and learning curves."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.surrogate import Prediction
from surrogates.boosting.natural import NGBoost
from surrogates.inputs import Normalisation


class Omni(NGBoost):
    """NGBoost on the encoding together with scores before training and learning curves, which come as covariates.

    White, Zela, Ru, Liu & Hutter, "How Powerful are Performance Predictors in Neural Architecture Search?", NeurIPS
    2021, section 4: one zero-cost score and one curve score join the encoding.  Which they are is the caller's choice;
    covariates may be missing or infinite, see `Normalisation`.  Without covariates it is `NGBoost`.

    Departs from the authors' code: what covariates are standardised by is learnt from the rows that the model is fitted
    to, not from those that are asked; hyperparameters are given, not searched for.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the trees split, beside the covariates.
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

    normalises: ClassVar[bool] = True
    _normalisation: Normalisation | None = None

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m), and covariates, (n, e) or None; see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        if covariates is None or not len(archs):
            model, normalisation = super().fit(archs, targets, rng, covariates), None
        else:
            extra = _table(covariates, len(archs))
            normalisation = Normalisation.of(extra)
            model = super().fit(archs, targets, rng, normalisation.apply(extra))
        model._normalisation = normalisation
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) and (q, e) to mean and std, (q,) or (q, m)."""
        known = self._normalisation
        if known is not None and covariates is not None:
            extra = _table(covariates, len(archs))
            if extra.shape[1] != len(known.worst):
                raise HarnessError(must("covariates", "have as many columns as in `fit`", extra.shape[1]))
            covariates = known.apply(extra)
        return super().predict(archs, covariates)


def _table(covariates: FloatArray, rows: int) -> FloatArray:
    extra = np.asarray(covariates, dtype=np.float64)
    if extra.ndim != 2 or len(extra) != rows:
        raise HarnessError(must("covariates", f"have shape ({rows}, e)", extra.shape))
    return extra
