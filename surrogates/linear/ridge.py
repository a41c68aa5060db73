"""Ridge regression, in arithmetic that repeats to the last bit."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from harness.checks import Archs, FloatArray, real
from harness.space import SearchSpace
from harness.surrogate import Prediction, State, Surrogate
from surrogates.inputs import encode, not_fitted, part_of, target_matrix, target_shape


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Fitted to centred data: means of the features (d,) and the targets (m,), A = L L' and weights (d, m)."""

    feature_mean: FloatArray
    target_mean: FloatArray
    factor: FloatArray
    weights: FloatArray
    noise_variance: FloatArray
    rows: int
    target_shape: tuple[int, ...]


class Ridge(Surrogate):
    """Bayesian linear regression on an encoding, with an intercept: deterministic, closed form.

    Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.3, on features x and targets t centred by their
    means (a flat prior on the intercept).  With A = X'X + penalty * I, where `penalty` is alpha / beta::

        mean      w = A^-1 X't                                    (3.53, 3.54)
        variance  s^2 (1 + 1/n + x'A^-1 x)                        (3.58, 3.59; 1/n for the intercept)
        noise     s^2 = |t - Xw|^2 / (n - 1 - gamma)              (3.95), gamma = trace(X'X A^-1)

    so that `std` is that of a new evaluation, noise included (0 if fitted to one row).  The generator given to `fit` is
    not used.

    All sums run in a fixed order and nothing calls BLAS or LAPACK: results are the same bits on every machine with
    IEEE arithmetic, whatever its linear-algebra library.  That makes it the learner of golden traces; with 30 features
    and 100 rows a fit takes one to two milliseconds.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features of the regression.
    penalty : float
        Of the squared weights, relative to the squared error; greater than 0.
    """

    identity = "surrogates.ridge:Ridge"

    rows_alone = True

    def __init__(self, space: SearchSpace, *, encoding: str = "one_hot", penalty: float = 1.0) -> None:
        super().__init__(space, encoding=encoding, penalty=real("penalty", penalty, low=0, open_low=True))
        self._posterior: _Posterior | None = None

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
        n, width = features.shape
        feature_mean, target_mean = _mean(features), _mean(values)
        x, t = features - feature_mean, values - target_mean
        penalty = self.hyperparameters["penalty"]
        factor = _cholesky(_product(x.T, x) + penalty * np.eye(width))
        inverse, solved = np.hsplit(_solve(factor, np.hstack([np.eye(width), _product(x.T, t)])), [width])
        # (L')^-1, by substitution with rows and columns in reverse order
        weights = _solve(factor.T[::-1, ::-1], solved[::-1])[::-1]
        # trace(X'X A^-1) = d - penalty * trace(A^-1), and trace(A^-1) is the squared norm of L^-1
        free = n - 1 - (width - penalty * _sum(_sum(inverse**2)))
        residual = t - _product(x, weights)
        noise = _sum(residual**2) / free if n > 1 else np.zeros(t.shape[1])
        model = copy.copy(self)
        shape = np.asarray(targets).shape[1:]
        model._posterior = _Posterior(feature_mean, target_mean, factor, weights, noise, n, shape)
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        posterior = self._posterior
        if posterior is None:
            raise not_fitted(self)
        x = encode(self, archs, covariates, width=len(posterior.feature_mean)) - posterior.feature_mean
        mean = posterior.target_mean + _product(x, posterior.weights)
        leverage = 1 + 1 / posterior.rows + _sum(_solve(posterior.factor, x.T) ** 2)
        std = np.sqrt(leverage[:, None] * posterior.noise_variance)
        shape = (len(x), *posterior.target_shape)
        return Prediction(mean.reshape(shape), std.reshape(shape))

    def state(self) -> State:
        """Return the posterior; see `Surrogate.state`."""
        if self._posterior is None:
            raise not_fitted(self)
        return {item.name: np.asarray(getattr(self._posterior, item.name)) for item in fields(_Posterior)}

    def restored(self, state: State) -> Self:
        """Return a copy with a posterior; see `Surrogate.restored`."""
        mean, targets = part_of(state, "feature_mean", 1), part_of(state, "target_mean", 1)
        d, m = len(mean), len(targets)
        model = copy.copy(self)
        model._posterior = _Posterior(
            mean,
            targets,
            part_of(state, "factor", (d, d)),
            part_of(state, "weights", (d, m)),
            part_of(state, "noise_variance", (m,)),
            int(part_of(state, "rows", ())),
            target_shape(state, m),
        )
        return model


def _sum(rows: FloatArray) -> FloatArray:
    """Sum over axis 0, row after row: NumPy's reductions in memory order may change with the machine's vectors."""
    total = np.zeros(rows.shape[1:])
    for row in rows:
        total += row
    return total


def _mean(rows: FloatArray) -> FloatArray:
    return _sum(rows) / len(rows)


def _product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return ``left @ right``, (q, d) and (d, m) to (q, m), summed over d in order."""
    total = np.zeros((len(left), right.shape[1]))
    for column, row in zip(left.T, right, strict=True):
        total += column[:, None] * row
    return total


def _cholesky(matrix: FloatArray) -> FloatArray:
    """Return the lower-triangular L with L L' = `matrix`, (d, d) symmetric positive definite."""
    rest = matrix.copy()
    factor = np.zeros_like(rest)
    for j in range(len(rest)):
        factor[j:, j] = rest[j:, j] / np.sqrt(rest[j, j])
        rest[j + 1 :, j + 1 :] -= factor[j + 1 :, j, None] * factor[j + 1 :, j]
    return factor


def _solve(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Return L^-1 `right` by forward substitution: (d, d), (d, k) to (d, k)."""
    solution = right.copy()
    for j, column in enumerate(factor.T[:, :, None]):
        row = solution[j]
        row /= factor[j, j]
        solution[j + 1 :] -= column[j + 1 :] * row
    return solution
