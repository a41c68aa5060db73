"""Exponential decays: the Gaussian process of curves that fall towards an asymptote, each curve by itself.

Swersky, Snoek & Adams, "Freeze-Thaw Bayesian Optimization", arXiv 1406.3896, 2014.  A curve is
``y(t) = f + c h(t) + g(t) + noise`` over epochs t, where f is its asymptote, g a Gaussian process of the kernel
`decay`, a mixture of exponential decays, and ``h(t) = (beta / (t + beta))^alpha`` its mean, which the paper does not
have: losses fall, and a process of mean zero may as well rise.

Given f, curves are independent, so each tells of its asymptote what two numbers hold: a precision and a weighted value
(`Evidence`).  All kernels here are in units of one variance, which `likeliest` profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import solve_triangular

from harness.checks import FloatArray, IntArray


def decay(first: FloatArray, second: FloatArray, alpha: float, beta: float) -> FloatArray:
    """Return ``beta^alpha / (t + t' + beta)^alpha`` of epochs, elementwise.

    The mixture of ``exp(-lambda (t + t'))`` over lambda with a gamma density of shape alpha and rate beta (Swersky et
    al., eq. 6).

    Examples
    --------
    >>> (1 / decay(np.array([1.0, 1.0]), np.array([1.0, 3.0]), alpha=2.0, beta=1.0)).round(9).tolist()
    [9.0, 25.0]
    """
    return np.asarray((beta / (first + second + beta)) ** alpha)


@dataclass(frozen=True)
class Shape:
    """Values of the process of a curve.

    Attributes
    ----------
    alpha, beta : float
        Of the kernel.
    amplitude : float
        Variance of g at t = 0, in units of that of the asymptotes.
    noise : float
        Variance of the noise, in the same unit.
    """

    alpha: float
    beta: float
    amplitude: float
    noise: float

    def covariance(self, epochs: FloatArray) -> FloatArray:
        """Return the covariance of values given the asymptote, (T, T)."""
        kernel = self.amplitude * decay(epochs[:, None], epochs, self.alpha, self.beta)
        return kernel + self.noise * np.eye(len(epochs))

    def mean(self, epochs: FloatArray) -> FloatArray:
        """Return h, (T,)."""
        return np.asarray((self.beta / (epochs + self.beta)) ** self.alpha)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What curves say of their asymptotes.

    Attributes
    ----------
    precision : (n,) float64
        Of the asymptote by the curve alone, in units of one over the variance; 0 without a value.
    value : (n,) float64
        Precision times the asymptote that the curve says, from which the mean is taken off.
    level, drop : float
        Mean of the asymptotes, and c.
    variance : float
        Unit of all variances.
    log_likelihood : float
        Where asymptotes are independent.
    """

    precision: FloatArray
    value: FloatArray
    level: float
    drop: float
    variance: float
    log_likelihood: float


def lengths(curves: FloatArray) -> IntArray:
    """Return how many values curves have before the first that is missing: (n, T) to (n,)."""
    known = np.isfinite(curves)
    return np.asarray(np.where(known.all(axis=1), curves.shape[1], np.argmin(known, axis=1)), dtype=np.int64)


def evidence(
    shape: Shape, epochs: FloatArray, curves: FloatArray, means: tuple[float, float] | None = None
) -> Evidence:
    """Return what curves say of their asymptotes.

    Level and drop are those of greatest likelihood, by generalised least squares, unless they are given.

    Parameters
    ----------
    shape : Shape
    epochs : (T,) float64
    curves : (n, T) float64
        NaN behind the last value.
    means : (float, float), optional
        Level and drop.
    """
    counts = lengths(curves)
    known = np.arange(len(epochs)) < counts[:, None]
    # The factor of the whole holds that of every beginning: one for all lengths, and sums are cut, not solved anew.
    factor = np.linalg.cholesky(shape.covariance(epochs))
    values = np.where(known, curves, 0.0)
    stacked = np.concatenate([np.ones((1, len(epochs))), shape.mean(epochs)[None], values])
    white = solve_triangular(factor, stacked.T, lower=True, check_finite=False).T
    one, fall, rest = white[0], white[1], np.where(known, white[2:], 0.0)
    precision, cross, square = (np.where(known, part, 0.0).sum(axis=1) for part in (one * one, one * fall, fall * fall))
    of_one, of_fall, of_rest = (rest @ one, rest @ fall, np.square(rest).sum(axis=1))
    share = 1.0 / (1.0 + precision)
    if means is None:
        system = np.array(
            [
                [(precision * share).sum(), (cross * share).sum()],
                [(cross * share).sum(), (square - np.square(cross) * share).sum()],
            ]
        )
        right = np.array([(of_one * share).sum(), (of_fall - cross * of_one * share).sum()])
        level, drop = np.linalg.lstsq(system, right, rcond=1e-10)[0].tolist()
    else:
        level, drop = means
    value = of_one - level * precision - drop * cross
    squared = (
        of_rest
        - 2 * level * of_one
        - 2 * drop * of_fall
        + level**2 * precision
        + 2 * level * drop * cross
        + drop**2 * square
    )
    total, count = float((squared - np.square(value) * share).sum()), int(counts.sum())
    variance = max(total / max(count, 1), 1e-12)
    halves = np.where(known, 2.0 * np.log(np.diagonal(factor)), 0.0).sum() + np.log1p(precision).sum()
    likelihood = -0.5 * (count * (np.log(2 * np.pi * variance) + total / (count * variance or 1.0)) + float(halves))
    return Evidence(precision, value, level, drop, variance, likelihood)


ALPHAS, BETAS = (0.5, 1.0, 2.0, 4.0), (0.05, 0.2, 0.8, 3.2)
"""Values tried; beta in units of the horizon."""
AMPLITUDES, NOISES = (0.3, 3.0, 30.0, 300.0), (1e-3, 1e-2, 1e-1)
"""Values tried."""


def shapes(horizon: float) -> Sequence[Shape]:
    """Return the shapes among which `likeliest` chooses."""
    return [
        Shape(alpha, beta * horizon, amplitude, noise)
        for alpha, beta, amplitude, noise in product(ALPHAS, BETAS, AMPLITUDES, NOISES)
    ]


def likeliest(epochs: FloatArray, curves: FloatArray, horizon: float) -> Shape:
    """Return the shape of greatest likelihood, asymptotes independent; the first of equals."""
    tried = shapes(horizon)
    return tried[int(np.argmax([evidence(shape, epochs, curves).log_likelihood for shape in tried]))]
