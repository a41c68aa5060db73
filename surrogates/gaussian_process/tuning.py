"""Hyperparameters of Gaussian processes by marginal likelihood, on grids, for many problems side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import FloatArray, IntArray
from surrogates.gaussian_process.exact import factorise, log_marginal_likelihood
from surrogates.gaussian_process.kernels import Kernel, weighted

_STEPS = (0.5, 2.0)
_SWEEPS = 2


def likeliest(
    kernel: Kernel,
    inputs: FloatArray,
    targets: FloatArray,
    rates: Sequence[float],
    noises: Sequence[float],
    variance: float | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the rate and the noise of highest marginal likelihood on a grid, for J problems.

    Parameters
    ----------
    kernel : Kernel
    inputs : (J, n, c) float64
    targets : (J, n) float64
    rates, noises : sequence of float
        Values tried, all pairs; the earlier one among equals.
    variance : float, optional
        Signal variance; profiled if None.

    Returns
    -------
    rates, noises, log_likelihoods : (J,) float64
    """
    distances = kernel.distances(inputs, inputs)
    count = len(targets)
    best_rate, best_noise, best = np.zeros(count), np.zeros(count), np.full(count, -np.inf)
    for rate in rates:
        gram = kernel.gram(distances, np.full(count, rate))
        for noise in noises:
            likelihood = log_marginal_likelihood(factorise(gram, noise), targets, variance)
            better = likelihood > best
            best_rate[better], best_noise[better], best[better] = rate, noise, likelihood[better]
    return best_rate, best_noise, best


def refined(
    kernel: Kernel,
    inputs: FloatArray,
    targets: FloatArray,
    rates: FloatArray,
    noise: FloatArray,
    groups: IntArray,
    variance: float | None,
) -> tuple[FloatArray, FloatArray]:
    """Return rates of each group of coordinates, by coordinate ascent from given ones (automatic relevance).

    Two sweeps over the groups; each tries half and double the rate and keeps what is likelier.

    Parameters
    ----------
    inputs : (J, n, c) float64
    targets : (J, n) float64
    rates : (J, c) float64
        Equal within a group.
    noise : (J,) float64
    groups : (c,) int64
        Group of each coordinate.

    Returns
    -------
    rates : (J, c) float64
    log_likelihoods : (J,) float64
    """

    def likelihood(tried: FloatArray) -> FloatArray:
        points = weighted(inputs, tried)
        gram = kernel.gram(kernel.distances(points, points), np.ones(len(points)))
        return log_marginal_likelihood(factorise(gram, noise), targets, variance)

    rates, best = rates.copy(), likelihood(rates)
    for _ in range(_SWEEPS):
        for group in range(int(groups.max()) + 1):
            columns = groups == group
            start = rates.copy()
            for step in _STEPS:
                tried = start * np.where(columns, step, 1.0)
                now = likelihood(tried)
                better = now > best
                rates[better], best[better] = tried[better], now[better]
    return rates, best
