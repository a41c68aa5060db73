"""The Gaussian-process learner."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, Self

import numpy as np

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Fit, Prediction, State, Surrogate
from surrogates.gaussian_process.exact import Regression, joint_draws, posterior, regress
from surrogates.gaussian_process.kernels import KERNELS, READ_GENES, gene_of_coordinates, weighted
from surrogates.gaussian_process.tuning import likeliest, refined
from surrogates.inputs import encode, not_fitted, part_of, standard_deviations, target_matrix, target_shape

DECAYS = (0.75, 1.25, 2.0, 3.0, 5.0, 8.0)
"""Rates tried, times the mean distance of two random architectures: their correlation is about e^-0.75 to e^-8."""
NOISES = (1e-3, 1e-2, 5e-2, 0.2)
"""Variances of the noise tried, in units of the signal's."""
_LEAST_NOISE = 1e-8
_DRAWN = 64
"""Random architectures whose mean distance is the unit of rates."""
_POINTS_AT_ONCE = 2048
"""Points predicted side by side: what a thousand rows make of them is memory that is used again."""
_NUMBERS_AT_ONCE = 1 << 21
"""Numbers in the Gram matrices handled side by side; bounds memory."""


@dataclass(frozen=True, eq=False)
class Data:
    """What a task tells: coordinates (n, c), targets (m, n) after standardising, and what they were made with."""

    inputs: FloatArray
    targets: FloatArray
    centre: FloatArray
    """Means of the targets, (m,)."""
    spread: FloatArray
    """Standard deviations of the targets, (m,); 1 where they are all equal."""
    scale: FloatArray
    """What covariates are divided by, (e,): their standard deviations, for a weight of 1."""
    width: int
    """Features of an architecture, covariates included."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted process for each of m objectives."""

    data: Data
    rates: FloatArray
    """(m,), or (m, c) with automatic relevance."""
    noise: FloatArray
    regressions: list[Any]
    """What targets say of each: `Regression`, or what a learner conditions by instead."""
    tuned_rows: int
    """Rows to which rates and noise were fitted."""


class GaussianProcess(Surrogate):
    """Exact Gaussian-process regression with a kernel on categories, encodings or counts of layers.

    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5.  Targets are standardised;
    the signal variance is profiled; rate and noise maximise the marginal likelihood on a grid of six by four values,
    and are kept until `refit` more rows are told: a fit of a fitted model continues from what that model found.
    `std` is that of the function, the noise of an evaluation left out.  With m objectives each has a process of its
    own.  The generator given to `fit` is used by `draws` alone.

    With d the weighted distance of two architectures (see `surrogates.gaussian_process.kernels`), the kernels are:

    - ``hamming``: ``exp(-rate H)``, H the number of genes that differ: it treats genes as categories, and nothing
      changes when the values of a gene are renamed.  A gene that the space calls ordinal counts the squared difference
      of its values, scaled to 1 between its ends;
    - ``rbf``, ``matern52``: squared exponential and Matern 5/2 of `encoding`, of length ``1 / sqrt(rate)``: with
      ``one_hot``, the first is ``hamming``; with ``path``, the path kernel;
    - ``linear``: inner products of `encoding`, scaled so that random architectures have a mean variance of 1;
    - ``nasbot``: ``exp(-rate d)``, d the distance of Kandasamy et al., "Neural architecture search with Bayesian
      optimisation and optimal transport", NeurIPS 2018, as White, Neiswanger & Savani simplify it (naszilla): how much
      the counts of each operation differ, plus H or differences of degrees;
    - ``otmann``: ``exp(-rate d)``, d that distance itself, the transport of layers (`transport`), by the package POT.
      It is no positive definite kernel: negative eigenvalues of Gram matrices are taken for 0.  A distance takes 20 us,
      so that a search of 150 evaluations takes a minute and a half.

    Departs from naszilla, which fixes the variance at 1.5^2, the rate at 1/9 and the noise at 1e-10: these are
    `variance`, `rate` and `noise` (at least 1e-8) here, and the default fits them, with a floor of 1e-3 on the noise,
    because trainings are noisy.  Departs from the transport paper, whose kernel adds a second term, the square of d per
    mass, and fits a rate for each weight of the structural cost.

    `fit_many` handles the Gram matrices of all tasks of one size as a stack.  The numbers of a task do not depend on
    the other tasks.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features of the kernels that read an encoding; the others read the genes, and take ``one_hot``.
    kernel : {"hamming", "rbf", "matern52", "linear", "nasbot", "otmann"}
    ard : bool
        A rate for each gene (``hamming`` alone), by coordinate ascent from the common one.
    rate : float, optional
        Greater than 0; fitted if left out.
    noise : float, optional
        Variance of the noise in units of the signal's, at least 1e-8; fitted if left out.
    variance : float, optional
        Signal variance in units of the targets'; profiled if left out.
    refit : int
        Rows after which rate and noise are fitted again, at least 1.
    draws : int
        Joint draws from the posterior of the architectures predicted, given as `Prediction.members`; at least 0.
    covariate_weight : float
        Of a covariate, in genes, greater than 0: values that differ by its standard deviation are half as far apart as
        two values of a gene are, times this.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    continues: ClassVar[bool] = True
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"draws": 0, "covariate_weight": 1.0}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        kernel: str = "hamming",
        ard: bool = False,
        rate: float | None = None,
        noise: float | None = None,
        variance: float | None = None,
        refit: int = 10,
        draws: int = 0,
        covariate_weight: float = 1.0,
    ) -> None:
        choice("kernel", kernel, tuple(KERNELS))
        if not isinstance(ard, bool):
            raise HarnessError(must("ard", "be true or false", ard))
        super().__init__(
            space,
            encoding=encoding,
            kernel=kernel,
            ard=ard,
            rate=None if rate is None else real("rate", rate, low=0, open_low=True),
            noise=None if noise is None else real("noise", noise, low=_LEAST_NOISE),
            variance=None if variance is None else real("variance", variance, low=0, open_low=True),
            refit=integer("refit", refit, low=1, high=MOST),
            covariate_weight=real("covariate_weight", covariate_weight, low=0, open_low=True),
            draws=integer("draws", draws, low=0, high=MOST),
        )
        if kernel in READ_GENES and encoding != "one_hot":
            raise HarnessError(
                must("encoding", f"be 'one_hot' with the kernel '{kernel}', which reads genes", encoding)
            )
        if ard and kernel != "hamming":
            raise HarnessError(must("kernel", "be 'hamming' with `ard`", kernel))
        if kernel == "linear" and rate is not None:
            raise HarnessError(must("rate", f"be left out with the kernel '{kernel}', which has none", rate))
        self.takes_covariates = kernel != "otmann"
        self._kernel = KERNELS[kernel](space)
        self._rates = self._tried(rate)
        self._noises = NOISES if noise is None else (float(noise),)
        self._fitted: Fitted | None = None
        self._seed = 0  # of the draws
        self._target_shape: tuple[int, ...] = ()

    def _tried(self, rate: float | None) -> tuple[float, ...]:
        """Return the rates to try: one where it is given, or where the kernel has a scale instead."""
        if rate is not None:
            return (float(rate),)
        archs = self.space.sample(_DRAWN, np.random.default_rng(0))  # the same in every process
        points = self._coordinates(archs, encode(self, archs, None), np.zeros(0))
        if not self._kernel.stationary:
            return (1.0 / max(float(np.square(points).sum(axis=1).mean()), 1e-12),)
        unit = float(self._kernel.distances(points, points).sum()) / (_DRAWN * (_DRAWN - 1))
        return tuple(decay / max(unit, 1e-12) for decay in DECAYS)

    def _coordinates(self, archs: Archs, features: FloatArray, scale: FloatArray) -> FloatArray:
        """Return coordinates, (n, c), of features with covariates, (n, d + e); covariates are divided by `scale`."""
        width = features.shape[1] - len(scale)
        points = self._kernel.inputs(np.asarray(archs), features[:, :width])
        return np.concatenate([points, features[:, width:] / scale], axis=1) if len(scale) else points

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        return self.fit_many([Fit(self, archs, targets, rng, covariates)])[0]

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Fit many tasks, those of equal size side by side."""
        data = [self._data(task) for task in tasks]
        kept = [self._kept(task.learner, one) for task, one in zip(tasks, data, strict=True)]
        groups: dict[tuple[int, int, int, bool], list[int]] = {}
        for index, (one, before) in enumerate(zip(data, kept, strict=True)):
            groups.setdefault((*one.inputs.shape, len(one.targets), before is None), []).append(index)
        fitted: dict[int, Fitted] = {}
        for (n, _, objectives, _), indices in groups.items():
            size = max(1, _NUMBERS_AT_ONCE // (n * n * objectives))
            for start in range(0, len(indices), size):
                chunk = indices[start : start + size]
                found = self._fit_equal([data[i] for i in chunk], [before for i in chunk if (before := kept[i])])
                fitted |= zip(chunk, found, strict=True)
        return [self._holding(fitted[i], task) for i, task in enumerate(tasks)]

    def _holding(self, fitted: Fitted, task: Fit) -> Self:
        model = copy.copy(self)
        model._fitted, model._target_shape = fitted, np.asarray(task.targets).shape[1:]
        if self.hyperparameters["draws"]:
            model._seed = int(task.rng.integers(1 << 63))
        return model

    def _data(self, task: Fit) -> Data:
        features = encode(self, task.archs, task.covariates)
        values = target_matrix(task.targets, len(features))
        if task.covariates is not None and self.hyperparameters["kernel"] == "otmann":
            raise HarnessError("`covariates` must be left out with the kernel 'otmann', which compares layers alone")
        weight = float(self.hyperparameters["covariate_weight"])
        scale = np.zeros(0) if task.covariates is None else standard_deviations(task.covariates) / sqrt(weight)
        centre, spread = values.mean(axis=0), standard_deviations(values)
        inputs = self._coordinates(task.archs, features, scale)
        return Data(inputs, ((values - centre) / spread).T, centre, spread, scale, features.shape[1])

    def _kept(self, learner: Surrogate, data: Data) -> Fitted | None:
        """Return the fitted processes whose rates and noise hold for these rows, if there are any."""
        before = learner._fitted if isinstance(learner, GaussianProcess) else None
        if before is None or len(data.inputs) - before.tuned_rows >= self.hyperparameters["refit"]:
            return None
        same = (before.data.width, len(before.data.targets)) == (data.width, len(data.targets))
        return before if same else None

    def _fit_equal(self, data: Sequence[Data], kept: Sequence[Fitted]) -> list[Fitted]:
        """Fit tasks of equal size; their rates and noise are those of `kept`, where that is not empty."""
        n, objectives = len(data[0].inputs), len(data[0].targets)
        inputs = np.repeat(np.stack([one.inputs for one in data]), objectives, axis=0)
        targets = np.concatenate([one.targets for one in data])
        if kept:
            rates = np.concatenate([one.rates for one in kept])
            noise = np.concatenate([one.noise for one in kept])
        else:
            rates, noise = self._tune(inputs, targets)
        points, scales = self._weighted(inputs, rates)
        gram = self._kernel.gram(self._kernel.distances(points, points), scales)
        found = regress(gram, targets, noise, variance=self.hyperparameters["variance"])
        tuned = [one.tuned_rows for one in kept] or [n] * len(data)
        parts = [range(start, start + objectives) for start in range(0, len(targets), objectives)]
        return [
            Fitted(one, rates[part], noise[part], [_one(found, place) for place in part], rows)
            for one, part, rows in zip(data, parts, tuned, strict=True)
        ]

    def _tune(self, inputs: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return rates, (J,) or (J, c), and noise, (J,), of highest marginal likelihood."""
        variance = self.hyperparameters["variance"]
        rates, noise, _ = likeliest(self._kernel, inputs, targets, self._rates, self._noises, variance)
        if not self.hyperparameters["ard"]:
            return rates, noise
        width = inputs.shape[2]
        groups = np.full(width, self.space.genes)  # covariates are one group
        own = gene_of_coordinates(self.space)
        groups[: len(own)] = own
        start = np.repeat(rates[:, None], width, axis=1)
        return refined(self._kernel, inputs, targets, start, noise, groups, variance)[0], noise

    def _weighted(self, points: FloatArray, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return points whose distances rates weigh, and what is left to weigh them by.

        With a rate for each coordinate, (..., c), points are scaled, and 1 is left; one rate, (...), is left as it is.
        """
        if self.hyperparameters["ard"]:
            return weighted(points, rates), np.ones(rates.shape[:-1])
        return points, rates

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m), with `draws` members."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        data = fitted.data
        features = encode(self, archs, covariates, width=data.width)
        points = self._coordinates(archs, features, data.scale)
        rng, count = np.random.default_rng(self._seed), self.hyperparameters["draws"]
        found = [
            self._said(regression, points, rates, data, rng)
            for regression, rates in zip(fitted.regressions, fitted.rates, strict=True)
        ]
        mean = np.stack([mean for mean, _, _ in found], axis=1) * data.spread + data.centre
        std = np.stack([std for _, std, _ in found], axis=1) * data.spread
        shape = (len(points), *self._target_shape)
        members = None
        if count:
            drawn = np.stack([drawn for _, _, drawn in found], axis=2)
            members = (drawn * data.spread + data.centre).reshape(count, *shape)
        return Prediction(mean.reshape(shape), std.reshape(shape), members)

    def _said(
        self, regression: Any, points: FloatArray, rates: FloatArray, data: Data, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return mean and std, (q,), and draws, (K, q), of one objective in units of its targets' spread."""
        kernel, count = self._kernel, self.hyperparameters["draws"]
        (ours, scale), (theirs, _) = self._weighted(points, rates), self._weighted(data.inputs, rates)
        if not count:
            mean, std = np.empty((2, len(points)))
            for start in range(0, len(points), _POINTS_AT_ONCE):
                part = slice(start, start + _POINTS_AT_ONCE)
                cross = kernel.of_distances(kernel.distances(ours[part], theirs), scale)
                mean[part], std[part] = posterior(regression, cross, kernel.of_points(points[part], scale))
            return mean, std, np.zeros((0, len(points)))
        cross = kernel.of_distances(kernel.distances(ours, theirs), scale)
        mean, std = posterior(regression, cross, kernel.of_points(points, scale))
        gram = kernel.of_distances(kernel.distances(ours, ours), scale)
        return mean, std, joint_draws(regression, cross, gram, rng.standard_normal((count, len(ours))))

    def state(self) -> State:
        """Return what was told, rates and noise: factors are made again; see `Surrogate.state`."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        return {
            **{name: np.asarray(getattr(fitted.data, name)) for name in _KEPT},
            "rates": fitted.rates,
            "noise": fitted.noise,
            "tuned_rows": np.array(fitted.tuned_rows, dtype=np.int64),
            "seed": np.array(self._seed, dtype=np.int64),
            "target_shape": np.array(self._target_shape, dtype=np.int64),
        }

    def restored(self, state: State) -> Self:
        """Return a copy conditioned on what was told; takes n^3 operations; see `Surrogate.restored`."""
        inputs, targets = part_of(state, "inputs", 2), part_of(state, "targets", 2)
        (n, c), m = inputs.shape, len(targets)
        data = Data(
            inputs,
            part_of(state, "targets", (m, n)),
            part_of(state, "centre", (m,)),
            part_of(state, "spread", (m,)),
            part_of(state, "scale", 1),
            int(part_of(state, "width", ())),
        )
        rates = part_of(state, "rates", (m, c) if self.hyperparameters["ard"] else (m,))
        kept = Fitted(data, rates, part_of(state, "noise", (m,)), [], int(part_of(state, "tuned_rows", ())))
        model = copy.copy(self)
        model._fitted = self._fit_equal([data], [kept])[0]
        model._target_shape, model._seed = target_shape(state, m), int(part_of(state, "seed", ()))
        return model


_KEPT = ("inputs", "targets", "centre", "spread", "scale", "width")
"""Of the data of a fitted process."""


def _one(regressions: Regression, place: int) -> Regression:
    """Return one problem of a stack, as a copy of its own."""
    return Regression(
        regressions.factor[place].copy(),
        regressions.weights[place].copy(),
        regressions.variance[place],
        regressions.log_likelihood[place],
    )
