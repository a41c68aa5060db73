"""Least squares with a kernel: probabilities of classes, and whatever else is a mean."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from harness.checks import Archs, FloatArray, real
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.inputs import encode, not_fitted, target_matrix


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Inputs (n, d), inverse of the regularised kernel matrix (n, n), weights (n, m), mean and range of the targets."""

    inputs: FloatArray
    inverse: FloatArray
    weights: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    target_shape: tuple[int, ...]


class KernelClassifier(Surrogate):
    """Least-squares classifier with a Gaussian kernel: the mean of targets that are labels is a probability.

    Sugiyama, "Superfast-trainable multi-class probabilistic classifier by least-squares posterior fitting", IEICE
    Transactions 93-D, 2010.  With labels 0 for one class and 1 for the other it predicts the probability of 1, which is
    the relative density ratio of Yamada et al. ("Relative density-ratio estimation for robust distribution comparison",
    Neural Computation 25, 2013) up to a factor: no loop, one linear system, ``(K + penalty I) a = t - mean(t)``, with
    ``k(x, x') = exp(-decay |x - x'|^2 / 2)``.  On one-hot features that is ``exp(-decay H)``, with H the genes that
    differ, a product over genes, so that it knows all their interactions, and no gene's codes have an order.  The
    prediction is clipped to the range of the targets; `std` is that of a target that has only these two values, which
    says nothing of how unsure the mean is (`Surrogate.has_std`).

    It continues (`Surrogate.continues`): the inverse grows row by row where the rows of the last fit come first, which
    takes O(n^2).  The generator given to `fit` is not used.

    Departs from the paper: the targets are centred, and the weights may be negative.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features of the kernel.
    decay : float
        Of the kernel, greater than 0.
    penalty : float
        Of the squared norm of the function, relative to the squared error; greater than 0.
    """

    continues = True
    has_std = False
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    def __init__(
        self, space: SearchSpace, *, encoding: str = "one_hot", decay: float = 0.5, penalty: float = 0.1
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            decay=real("decay", decay, low=0, open_low=True),
            penalty=real("penalty", penalty, low=0, open_low=True),
        )
        self._fitted: _Fitted | None = None

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        inputs = encode(self, archs, covariates)
        values = target_matrix(targets, len(inputs))
        inverse = self._inverse(inputs)
        mean = values.mean(axis=0)
        model = copy.copy(self)
        low, high = values.min(axis=0), values.max(axis=0)
        shape = np.asarray(targets).shape[1:]
        model._fitted = _Fitted(inputs, inverse, inverse @ (values - mean), mean, low, high, shape)
        return model

    def _inverse(self, inputs: FloatArray) -> FloatArray:
        """Return the inverse of K + penalty I, (n, n), from that of the last fit where it holds the first rows."""
        penalty, last = self.hyperparameters["penalty"], self._fitted
        old = 0 if last is None else len(last.inputs)
        if last is None or old > len(inputs) or not np.array_equal(inputs[:old], last.inputs):
            whole: FloatArray = np.linalg.inv(self._kernel(inputs, inputs) + penalty * np.eye(len(inputs)))
            return whole
        new = inputs[old:]
        cross = self._kernel(last.inputs, new)
        along = last.inverse @ cross
        corner = self._kernel(new, new) + penalty * np.eye(len(new)) - cross.T @ along
        corner = 1.0 / corner if len(new) == 1 else np.linalg.inv(corner)  # nearly always one
        inverse = np.empty((len(inputs), len(inputs)))
        beside = along @ corner
        np.matmul(beside, along.T, out=inverse[:old, :old])
        inverse[:old, :old] += last.inverse
        inverse[:old, old:], inverse[old:, :old] = -beside, -beside.T
        inverse[old:, old:] = corner
        return inverse

    def _kernel(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Return the kernel of rows, (p, d) and (q, d) to (p, q)."""
        kernel: FloatArray = a @ b.T
        kernel -= 0.5 * np.einsum("ij,ij->i", a, a)[:, None]
        kernel -= 0.5 * np.einsum("ij,ij->i", b, b)
        kernel *= self.hyperparameters["decay"]
        return np.exp(kernel, out=kernel)

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        inputs = encode(self, archs, covariates, width=fitted.inputs.shape[1])
        said = fitted.mean + self._kernel(inputs, fitted.inputs) @ fitted.weights
        mean = np.clip(said, fitted.low, fitted.high)
        std = np.sqrt((mean - fitted.low) * (fitted.high - mean))
        shape = (len(inputs), *fitted.target_shape)
        return Prediction(mean.reshape(shape), std.reshape(shape))
