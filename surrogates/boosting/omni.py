"""Omni: one model of encoding, scores before training and learning curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.surrogate import Prediction
from surrogates.boosting.natural import NGBoost
from surrogates.inputs import Scaling


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Covariates made alike by what was learnt from, which stands for all that is asked later.

    Each becomes sign(x) log(1 + |x|); what is not finite, as scores of networks that give nothing are, becomes the
    least finite value less 1; then it is standardised.

    Attributes
    ----------
    worst : (e,) float64
        What stands for values that are not finite.
    scaling : Scaling
    """

    worst: FloatArray
    scaling: Scaling

    @classmethod
    def of(cls, covariates: FloatArray) -> Self:
        """Return the normalisation of (n, e) covariates, n at least 1.

        Examples
        --------
        >>> seen = np.array([[0.0], [np.nan], [np.e - 1]])
        >>> Normalisation.of(seen).apply(np.array([[np.inf], [0.0]])).round(4).tolist()
        [[-1.2247], [0.0]]
        """
        values = _signed_log(covariates)
        finite = np.isfinite(values)
        worst = np.where(finite.any(axis=0), np.where(finite, values, np.inf).min(axis=0) - 1, 0.0)
        return cls(worst, Scaling.of(np.where(finite, values, worst)))

    def apply(self, covariates: FloatArray) -> FloatArray:
        """Return normalised covariates, (q, e), all finite."""
        values = _signed_log(covariates)
        return self.scaling.apply(np.where(np.isfinite(values), values, self.worst))


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


def _signed_log(values: FloatArray) -> FloatArray:
    """Return sign(x) log(1 + |x|), which keeps order and sign and brings any scale within reach."""
    return np.sign(values) * np.log1p(np.abs(values))
