"""Support-vector regression on an encoding."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from harness.checks import Archs, FloatArray, choice, real
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.gaussian_process.kernels import half_squares
from surrogates.inputs import Scaling, encode, not_fitted, target_matrix

_AT_ONCE = 2048
"""Queries at once: memory that is used again."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A machine for each target, and how covariates and targets are scaled."""

    machines: list[Any]
    inputs: Scaling
    targets: Scaling
    target_shape: tuple[int, ...]


class SupportVectors(Surrogate):
    """Support-vector regression with a radial kernel, by scikit-learn.

    Schölkopf, Smola, Williamson & Bartlett, "New Support Vector Algorithms", Neural Computation 12(5), 2000, for nu, a
    bound on the part of the rows that are support vectors; Drucker et al., "Support Vector Regression Machines", NIPS
    1996, for epsilon, the error that costs nothing.  The defaults are what was tuned for NAS-Bench-301 (Siems et al.,
    "Surrogate NAS Benchmarks", ICLR 2022; rounded): nu-regression, C = 5.31, nu = 0.184, gamma by the variance of the
    features (1 / (d v), v over all of them), tolerance 0.003.  Targets are standardised, so that C and epsilon are in
    their standard deviations; so are covariates, and features that are not 0 or 1 in what was learnt from.

    It states no uncertainty: the standard deviation is 0.  The generator given to `fit` is not used.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features of the kernel.
    kind : {"nu", "epsilon"}
        Of regression.
    C : float
        Weight of the errors against flatness, greater than 0.
    nu : float
        Fraction of support vectors at least, greater than 0, at most 1; not used by the other kind.
    epsilon : float
        Error that costs nothing, in standard deviations of the targets, at least 0; not used by the other kind.
    """

    version = 2
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")
    has_std = False

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        kind: str = "nu",
        C: float = 5.31,  # its name in the field
        nu: float = 0.184,
        epsilon: float = 0.05,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            kind=choice("kind", kind, ("nu", "epsilon")),
            C=real("C", C, low=0, open_low=True),
            nu=real("nu", nu, low=0, high=1, open_low=True),
            epsilon=real("epsilon", epsilon, low=0),
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
        features = encode(self, archs, covariates)
        values = target_matrix(targets, len(features))
        inputs, scaling = Scaling.of_counts(features), Scaling.of(values)
        scaled = inputs.apply(features)
        given = self.hyperparameters
        kind = {"nu": given["nu"]} if given["kind"] == "nu" else {"epsilon": given["epsilon"]}
        machines = [radial(C=given["C"], tol=0.003, **kind).fit(scaled, column) for column in scaling.apply(values).T]
        model = copy.copy(self)
        model._fitted = _Fitted(machines, inputs, scaling, np.asarray(targets).shape[1:])
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to a mean, (q,) or (q, m), and a std of 0."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        features = encode(self, archs, covariates, width=len(fitted.inputs.mean))
        scaled = fitted.inputs.apply(features)
        shape = (len(scaled), *fitted.target_shape)
        said = [_said(machine, scaled) for machine in fitted.machines]
        mean = fitted.targets.mean + fitted.targets.scale * np.stack(said, axis=1)
        return Prediction(mean.reshape(shape), np.zeros(shape))


def _said(machine: Any, queries: FloatArray) -> FloatArray:
    """Return what a fitted machine says, (q, d) to (q,), as scikit-learn does and several times as fast."""
    vectors, weights, said = machine.support_vectors_, machine.dual_coef_[0], np.empty(len(queries))
    for start in range(0, len(queries), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        exponents = half_squares(queries[part], vectors)
        exponents *= -2.0 * machine._gamma
        said[part] = np.exp(exponents, out=exponents) @ weights + machine.intercept_[0]
    return said


def radial(**values: float) -> Any:
    """Return an unfitted machine with a radial kernel, by scikit-learn: of nu where that is given, else of epsilon."""
    from sklearn.svm import SVR, NuSVR  # takes half a second to import

    machine = (NuSVR if "nu" in values else SVR)(**values)
    machine.random_state = 0  # or libsvm, which has no use for it here, takes its seed from the global generator
    return machine
