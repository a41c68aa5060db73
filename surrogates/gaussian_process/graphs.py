"""The Gaussian-process learner on graphs of architectures."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.linalg.lapack import dtrtri

from harness.checks import Archs, FloatArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.graphs import reduced
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.gaussian_process.exact import Regression, posterior, regress
from surrogates.gaussian_process.kernels import exponential, half_squares
from surrogates.gaussian_process.weisfeiler_lehman import (
    KERNELS,
    Features,
    features,
    gram_matrices,
    kernel_matrix,
)
from surrogates.inputs import encode, not_fitted, standard_deviations, target_matrix

NOISE, LEAST_NOISE, MOST_NOISE = 1e-3, 1e-5, 1e-2
"""Variance of the noise, in units of the variance of the targets: at the start, and its bounds."""
_STEPS, _RATE, _DECAYS, _SMALL = 20, 0.1, (0.9, 0.999), 1e-8
"""Of Adam (Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1)."""
_DEEPEST = 10


@dataclass(frozen=True, eq=False)
class _Process:
    """The process of one objective."""

    told: Features
    regression: Regression
    noise: float


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A process for each of m objectives, and what they share."""

    processes: list[_Process]
    centre: FloatArray
    """Means of the targets, (m,)."""
    spread: FloatArray
    """Standard deviations of the targets, (m,); 1 where they are all equal."""
    covariates: FloatArray
    """Of the rows told, (n, e), in units of `scale`."""
    scale: FloatArray
    width: int
    """Features of an architecture, covariates included."""


class GraphProcess(Surrogate):
    """Gaussian-process regression with a Weisfeiler-Lehman kernel on the graphs of architectures.

    Ru, Wan, Dong & Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with
    Weisfeiler-Lehman Kernels", ICLR 2021, section 3, with the settings of the authors' code: the kernel is scaled to 1
    for a graph with itself, and so is the signal variance on targets that are standardised; the number of iterations,
    from 1 to `deepest`, has the highest marginal likelihood at a noise of 1e-3; then 20 steps of Adam, of rate 0.1,
    raise the marginal likelihood in the variance of the noise, which stays between 1e-5 and 1e-2.  (Such steps are
    longer than that interval, so the noise mostly ends at one of its ends.)

    Graphs are those of `SearchSpace.graph`, reduced by `harness.graphs.reduced`: operations are nodes, and what does
    nothing or is on no path is left out.  A space without a cell gives the chain of its genes.  Isomorphic graphs are
    one point for the model, and renaming the values of a gene changes nothing.

    Departs from that code: nodes are removed until each that is left is on a path from input to output, where the code
    looks once, so that all cells of constant output are one graph; see `harness.graphs.reduced` for the rest.
    Covariates multiply the kernel by a squared exponential of length 1, on standardised covariates.  `std` is that of
    the function, the noise of an evaluation left out, and has no lower bound.

    With m objectives each has a process of its own.  The generator given to `fit` is not used.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    kernel : {"subtree", "assignment"}
        The inner product of counts of labels, which the authors use on NAS-Bench-201, or the sum of the smaller
        counts, the optimal assignment, which they use on NAS-Bench-101.
    deepest : int
        Most iterations of relabelling, 1 to 10.
    noise : float, optional
        Variance of the noise in units of the variance of the targets, at least 1e-8; fitted if left out.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        kernel: str = "subtree",
        deepest: int = 3,
        noise: float | None = None,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            kernel=choice("kernel", kernel, KERNELS),
            deepest=integer("deepest", deepest, low=1, high=_DEEPEST),
            noise=None if noise is None else real("noise", noise, low=1e-8),
        )
        if encoding != "one_hot":
            raise HarnessError(must("encoding", "be 'one_hot' with a kernel that reads graphs", encoding))
        self._fitted: _Fitted | None = None
        self._target_shape: tuple[int, ...] = ()

    def _features(self, archs: Archs, iterations: int) -> Features:
        graph = reduced(self.space.graph(archs), to_fixed_point=True)
        return features(graph, iterations, self.hyperparameters["kernel"])

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
        centre, spread = values.mean(axis=0), standard_deviations(values)
        extra = inputs[:, sum(self.space.cardinalities) :]
        scale = standard_deviations(extra)
        extra = extra / scale
        told = self._features(archs, self.hyperparameters["deepest"])
        grams = gram_matrices(told)[1:]
        if extra.shape[1]:
            grams = grams * exponential(half_squares(extra, extra))
        processes = [self._process(told, grams, column) for column in ((values - centre) / spread).T]
        model = copy.copy(self)
        model._fitted = _Fitted(processes, centre, spread, extra, scale, inputs.shape[1])
        model._target_shape = np.asarray(targets).shape[1:]
        return model

    def _process(self, told: Features, grams: FloatArray, targets: FloatArray) -> _Process:
        """Return the process of one objective: (h, n, n) and (n,)."""
        given = self.hyperparameters["noise"]
        tried = regress(grams, np.broadcast_to(targets, grams.shape[:2]), given or NOISE, variance=1.0)
        iterations = int(tried.log_likelihood.argmax())
        noise = given or likeliest_noise(grams[iterations], targets)
        regression = regress(grams[iterations], targets, noise, variance=1.0)
        return _Process(told.up_to(iterations + 1), regression, noise)

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        inputs = encode(self, archs, covariates, width=fitted.width)
        asked = self._features(archs, self.hyperparameters["deepest"])
        extra = inputs[:, fitted.width - len(fitted.scale) :] / fitted.scale
        weight = exponential(half_squares(extra, fitted.covariates)) if len(fitted.scale) else 1.0
        said = []
        for process in fitted.processes:
            cross = kernel_matrix(asked.up_to(len(process.told.labels) - 1), process.told)
            said.append(posterior(process.regression, cross * weight))
        mean = np.stack([mean for mean, _ in said], axis=1) * fitted.spread + fitted.centre
        std = np.stack([std for _, std in said], axis=1) * fitted.spread
        shape = (len(inputs), *self._target_shape)
        return Prediction(mean.reshape(shape), std.reshape(shape))


def likeliest_noise(gram: FloatArray, targets: FloatArray) -> float:
    """Return the variance of the noise after 20 steps of Adam up the log marginal likelihood.

    The derivative of the likelihood, with ``a = (K + noise I)^-1 t``, is ``(a'a - tr (K + noise I)^-1) / 2``
    (Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, eq. 5.9).

    Parameters
    ----------
    gram : (n, n) float64
    targets : (n,) float64
        Standardised.

    Examples
    --------
    >>> likeliest_noise(np.eye(3), np.array([0.0, 0.0, 0.0])), likeliest_noise(np.eye(3), np.array([2.0, -3.0, 1.0]))
    (1e-05, 0.01)
    """
    slopes: dict[float, float] = {}  # at the bounds, where most steps are, it is known
    noise, first, second = NOISE, 0.0, 0.0
    for step in range(1, _STEPS + 1):
        if noise not in slopes:
            found = regress(gram, targets, noise, variance=1.0)
            inverse, _ = dtrtri(found.factor.T, lower=0)
            slopes[noise] = 0.5 * float(np.square(found.weights).sum() - np.square(inverse).sum())
        slope = slopes[noise]
        first = _DECAYS[0] * first + (1 - _DECAYS[0]) * slope
        second = _DECAYS[1] * second + (1 - _DECAYS[1]) * slope**2
        scaled = first / (1 - _DECAYS[0] ** step) / (np.sqrt(second / (1 - _DECAYS[1] ** step)) + _SMALL)
        noise = float(np.clip(noise + _RATE * scaled, LEAST_NOISE, MOST_NOISE))
    return noise
