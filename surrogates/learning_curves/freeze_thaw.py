"""The freeze-thaw process: asymptotes of curves as a Gaussian process over architectures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.linalg import solve_triangular

from harness.checks import MOST, Archs, FloatArray, arch_matrix, integer
from harness.space import SearchSpace
from harness.surrogate import Prediction
from surrogates.gaussian_process.kernels import KERNELS
from surrogates.inputs import not_fitted
from surrogates.learning_curves.decay import Evidence, Shape, decay, evidence, lengths, likeliest
from surrogates.learning_curves.reading import CurveLearner

RATES = (0.75, 1.5, 3.0, 6.0)
"""Rates of the kernel on architectures that are tried, in units of one over the mean distance."""
OWN = (0.03, 0.2, 0.5, 0.9)
"""Shares of the variance of asymptotes that architectures do not share, tried."""
_DRAWN = 64
_CURVES_TO_TUNE = 200
"""By which the shape of curves is chosen, at most."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    """What was learnt: archs (n, L), evidence of their curves, and the process of their asymptotes."""

    archs: Archs
    rows: dict[bytes, int]
    shape: Shape
    told: Evidence
    rate: float
    own: float
    posterior: FloatArray
    """Mean of the asymptotes of what was learnt from, level taken off, (n,)."""
    remaining: FloatArray
    """Their variances, in units, (n,)."""
    factor: FloatArray
    """Lower factor of ``K + 1 / precision``, (n, n)."""
    weights: FloatArray
    """(n,)."""
    tuned: int


class FreezeThawProcess(CurveLearner):
    """Predict where curves end that are only begun, and where new ones would.

    Swersky, Snoek & Adams, "Freeze-Thaw Bayesian Optimization", arXiv 1406.3896, 2014: each curve decays to an
    asymptote (`surrogates.learning_curves.decay`), and asymptotes are a Gaussian process over architectures, with the
    exponential of Hamming distances as kernel and a share of variance that an architecture has for itself.  `std` is
    that of the value at the last epoch, its noise left out.

    Learns from curves of any length, those of trainings under way too; the targets are not read where there are
    curves.  A training that was learnt from is recognised by its architecture.

    Departs from the paper: curves have a mean that decays (syne-tune has a mean for the same reason); values of the
    kernels maximise the likelihood on grids, where the paper samples them: those of curves with asymptotes taken as
    independent, then those of the architectures; they are kept until `refit` more curves are told.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Not read: the kernel reads the genes.
    refit : int
        Curves after which the kernels are chosen again, at least 1.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    continues: ClassVar[bool] = True

    def __init__(self, space: SearchSpace, *, encoding: str = "one_hot", refit: int = 10) -> None:
        super().__init__(space, encoding=encoding, refit=integer("refit", refit, low=1, high=MOST))
        self._kernel = KERNELS["hamming"](space)
        points = self._points(space.sample(_DRAWN, np.random.default_rng(0)))  # the same in every process
        self._unit = max(float(self._kernel.distances(points, points).sum()) / (_DRAWN * (_DRAWN - 1)), 1e-12)
        self._fitted: _Fitted | None = None

    def _points(self, archs: Archs) -> FloatArray:
        return self._kernel.inputs(np.asarray(archs), self.space.features(archs, "one_hot"))

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to curves, (n, T); see `CurveSurrogate`. Without them nothing is learnt but a mean."""
        model = super().fit(archs, targets, rng, covariates)
        if covariates is None:
            model._fitted = None
        return model

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Choose the values of the kernels, and find what is known of each asymptote."""
        kept = lengths(curves) > 0
        archs, curves = np.asarray(archs)[kept], curves[kept]
        before, self._fitted = self._fitted, None
        if not len(archs):
            return
        epochs, horizon = self._axis(curves.shape[1])
        if before is not None and not 0 <= len(archs) - before.tuned < self.hyperparameters["refit"]:
            before = None
        shape = likeliest(epochs, curves[-_CURVES_TO_TUNE:], horizon) if before is None else before.shape
        told = evidence(shape, epochs, curves)
        distances = self._kernel.distances(self._points(archs), self._points(archs)) / self._unit
        pseudo = told.value / told.precision
        noise = np.diag(1.0 / told.precision)
        if before is None:
            tried = [(rate, own) for rate in RATES for own in OWN]
            same = distances <= 1e-9
            likelihood = [_likelihood(_gram(distances, same, *one) + noise, pseudo, told.variance) for one in tried]
            rate, own = tried[int(np.argmax(likelihood))]
        else:
            rate, own = before.rate, before.own
        gram = _gram(distances, distances <= 1e-9, rate, own)
        factor = np.asarray(np.linalg.cholesky(gram + noise), dtype=np.float64)
        half = solve_triangular(factor, np.column_stack([pseudo, gram]), lower=True, check_finite=False)
        weights = solve_triangular(factor.T, half[:, 0], check_finite=False)
        posterior, remaining = gram @ weights, 1.0 - np.square(half[:, 1:]).sum(axis=0)
        rows = {arch.tobytes(): row for row, arch in enumerate(np.ascontiguousarray(archs, dtype=self.space.dtype))}
        tuned = len(archs) if before is None else before.tuned
        self._fitted = _Fitted(
            archs, rows, shape, told, rate, own, posterior, np.maximum(remaining, 0.0), factor, weights, tuned
        )

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict the ends of q trainings, (q,): those of new architectures where there are no values."""
        if self._learnt is None:
            raise not_fitted(self)
        if self._fitted is None:
            return super().predict(archs, covariates)
        rows = np.ascontiguousarray(arch_matrix("archs", archs, self.space.genes), dtype=self.space.dtype)
        width = 1 if self._width is None else self._width
        curves = np.full((len(rows), width), np.nan) if covariates is None else self._curves(covariates, len(rows))
        return Prediction(*self.extrapolate(rows, curves))

    def extrapolate(self, archs: Archs, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the ends, (q,) each."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        told, shape = fitted.told, fitted.shape
        epochs, horizon = self._axis(curves.shape[1])
        counts = lengths(curves)
        mean, variance = self._asymptotes(archs, curves, epochs, counts)
        end = np.array([horizon])
        out, spread = np.empty(len(archs)), np.empty(len(archs))
        start = shape.amplitude * float(decay(end, end, shape.alpha, shape.beta)[0])
        fall = told.drop * float(shape.mean(end)[0])
        for count in np.unique(counts).tolist():
            some = counts == count
            seen = epochs[:count]
            towards = shape.amplitude * decay(seen, horizon * np.ones(count), shape.alpha, shape.beta)
            by = np.linalg.solve(shape.covariance(seen), towards) if count else towards
            left = 1.0 - by.sum()
            rest = curves[some, :count] - told.level - told.drop * shape.mean(seen)
            out[some] = told.level + fall + rest @ by + left * mean[some]
            spread[some] = start - towards @ by + left**2 * variance[some]
        return out, np.sqrt(told.variance * np.maximum(spread, 0.0))

    def _asymptotes(
        self, archs: Archs, curves: FloatArray, epochs: FloatArray, counts: Any
    ) -> tuple[FloatArray, FloatArray]:
        """Return mean, the level taken off, and variance, in units, of asymptotes: (q,) each."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        places = np.array([fitted.rows.get(arch.tobytes(), -1) for arch in archs], dtype=np.int64)
        mean, variance = np.empty(len(archs)), np.empty(len(archs))
        mean[places >= 0], variance[places >= 0] = (
            part[places[places >= 0]] for part in (fitted.posterior, fitted.remaining)
        )
        new = places < 0
        if new.any():
            distances = self._kernel.distances(self._points(archs[new]), self._points(fitted.archs)) / self._unit
            cross = _gram(distances, distances <= 1e-9, fitted.rate, fitted.own)
            half = solve_triangular(fitted.factor, cross.T, lower=True, check_finite=False)
            mean[new], variance[new] = cross @ fitted.weights, np.maximum(1.0 - np.square(half).sum(axis=0), 0.0)
            begun = new & (counts > 0)
            if begun.any():  # a curve that was not learnt from
                own = evidence(fitted.shape, epochs, curves[begun], (fitted.told.level, fitted.told.drop))
                precision = 1.0 / np.maximum(variance[begun], 1e-12)
                total = precision + own.precision
                mean[begun] = (mean[begun] * precision + own.value) / total
                variance[begun] = 1.0 / total
        return mean, variance


def _gram(distances: FloatArray, same: Any, rate: float, own: float) -> FloatArray:
    """Return the kernel of architectures: 1 where they are the same."""
    return np.asarray((1.0 - own) * np.exp(-rate * distances) + own * same)


def _likelihood(covariance: FloatArray, values: FloatArray, variance: float) -> float:
    """Return the log likelihood of values, up to a constant."""
    factor = np.linalg.cholesky(covariance)
    half = solve_triangular(factor, values, lower=True, check_finite=False)
    return float(-0.5 * (half @ half) / variance - np.log(np.diagonal(factor)).sum())
