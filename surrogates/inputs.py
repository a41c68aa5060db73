"""Inputs of learners: encode architectures, append covariates, check shapes and targets, standardise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, arch_matrix
from harness.errors import HarnessError, must
from harness.surrogate import State, Surrogate


def encode(learner: Surrogate, archs: Archs, covariates: FloatArray | None, *, width: int | None = None) -> FloatArray:
    """Return what a learner reads: (n, L) architectures and (n, e) covariates to (n, d + e) float64.

    Parameters
    ----------
    width : int, optional
        d + e of the features that a model was fitted to: others are refused.

    Raises
    ------
    HarnessError
        If the shapes do not fit, or a covariate is not finite.
    """
    rows = arch_matrix("archs", archs, learner.space.genes)
    features = np.asarray(learner.space.features(rows, learner.encoding), dtype=np.float64)
    if covariates is not None:
        extra = np.asarray(covariates, dtype=np.float64)
        if extra.ndim != 2 or len(extra) != len(features):
            raise HarnessError(must("covariates", f"have shape ({len(features)}, e)", extra.shape))
        if not np.isfinite(extra).all():
            raise HarnessError(must("covariates", "be finite", extra[~np.isfinite(extra)][0]))
        features = np.concatenate([features, extra], axis=1)
    if width not in (None, features.shape[1]):
        problem = f"{features.shape[1]} features instead of {width}"
        raise HarnessError(must("covariates", "have as many columns as in `fit`", problem))
    return features


def target_matrix(targets: FloatArray, n: int) -> FloatArray:
    """Return targets, (n,) or (n, m), as (n, m) float64.

    Raises
    ------
    HarnessError
        If there is no row, the shape is another, or a target is not finite.
    """
    values = np.asarray(targets, dtype=np.float64)
    if n < 1:
        raise HarnessError(must("archs", "have at least one row to learn from", n))
    if values.ndim not in (1, 2) or len(values) != n or (values.ndim == 2 and not values.shape[1]):
        raise HarnessError(must("targets", f"have shape ({n},) or ({n}, m)", values.shape))
    if not np.isfinite(values).all():
        raise HarnessError(must("targets", "be finite: leave failed evaluations out", values[~np.isfinite(values)][0]))
    return values.reshape(n, -1)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Standardisation of columns by what was learnt from: ``(values - mean) / scale``.

    Attributes
    ----------
    mean : (d,) float64
    scale : (d,) float64
        Standard deviations (divisor n); 1 for a column that does not vary.
    """

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Self:
        """Return the scaling of the rows of (n, d) values.

        Examples
        --------
        >>> Scaling.of(np.array([[1.0, 5.0], [3.0, 5.0]])).apply(np.array([[3.0, 6.0]])).tolist()
        [[1.0, 1.0]]
        """
        return cls(values.mean(axis=0), standard_deviations(values))

    @classmethod
    def of_counts(cls, features: FloatArray) -> Self:
        """Return the scaling of features that leaves columns of 0 and 1 as they are.

        Examples
        --------
        >>> Scaling.of_counts(np.array([[1.0, 5.0], [0.0, 7.0]])).apply(np.array([[1.0, 8.0]])).tolist()
        [[1.0, 2.0]]
        """
        scaling, kept = cls.of(features), are_bits(features)
        return cls(np.where(kept, 0.0, scaling.mean), np.where(kept, 1.0, scaling.scale))

    def apply(self, values: FloatArray) -> FloatArray:
        """Return standardised values, (q, d)."""
        scaled: FloatArray = (values - self.mean) / self.scale
        return scaled


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Covariates made alike by what was learnt from, which stands for all that is asked later.

    Each becomes ``sign(x) log(1 + |x|)``; what is not finite, as scores of networks that give nothing are, becomes the
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


def _signed_log(values: FloatArray) -> FloatArray:
    """Return sign(x) log(1 + |x|), which keeps order and sign and brings any scale within reach."""
    return np.sign(values) * np.log1p(np.abs(values))


def are_bits(features: FloatArray) -> BoolArray:
    """Say which columns hold 0 and 1 alone: (n, d) to (d,) bool."""
    bits: BoolArray = ((features == 0) | (features == 1)).all(axis=0)
    return bits


def standard_deviations(columns: FloatArray) -> FloatArray:
    """Return the standard deviation (divisor n) of each column, 1 where it is constant: (n, k) to (k,)."""
    spread = columns.std(axis=0)
    # A spread below rounding is none: the mean of equal numbers may differ from them in its last bit.
    return np.where(spread > 1e-12 * np.abs(columns.mean(axis=0)), spread, 1.0)


def not_fitted(learner: Surrogate) -> HarnessError:
    """Return the error of a prediction by a learner that has learnt nothing."""
    return HarnessError(f"{type(learner).__name__} must be fitted before it predicts: use what `fit` returns")


def part_of(state: State, name: str, shape: tuple[int, ...] | int) -> npt.NDArray[Any]:
    """Return an array of what a model has learnt, of a shape or a number of dimensions.

    Raises
    ------
    HarnessError
        If it is missing, of another shape, or has a number that is not finite.
    """
    if name not in state:
        raise HarnessError(f"what was learnt has no `{name}`")
    values = np.asarray(state[name])
    found = values.ndim if isinstance(shape, int) else values.shape
    if found != shape:
        raise HarnessError(must(name, f"have {'dimensions' if isinstance(shape, int) else 'shape'} {shape}", found))
    if values.dtype.kind not in "iufb" or not np.isfinite(values).all():
        raise HarnessError(must(name, "be finite numbers", values.dtype))
    return values


def target_shape(state: State, m: int) -> tuple[int, ...]:
    """Return the shape of one target that a model of m columns was fitted to: () or (m,)."""
    shape = tuple(part_of(state, "target_shape", 1).tolist())
    if shape not in ((), (m,)) or (not shape and m != 1):
        raise HarnessError(must("target_shape", f"be that of {m} columns", shape))
    return shape
