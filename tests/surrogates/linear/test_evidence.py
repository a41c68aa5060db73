"""Bayesian linear regression against the dense Gaussian, and its precisions against an optimiser with many starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from surrogates.linear.evidence import BOUND, best_precisions, fit_head, log_evidence, posterior

precisions = st.floats(1e-3, 1e3)


def data(n, width, noise, seed):
    rng = np.random.default_rng(seed)
    basis = np.tanh(rng.normal(size=(n, width)))
    targets = basis @ rng.normal(size=width) / np.sqrt(width) + noise * rng.normal(size=n)
    return basis, targets - targets.mean()


def test_the_evidence_of_two_contradicting_targets():
    basis, targets = np.ones((2, 1)), np.array([1.0, -1.0])
    assert log_evidence(basis, targets, 1.0, 1.0) == pytest.approx(-3.3871832107, abs=1e-10)
    # With the norm of the residuals where its square belongs, it would be -3.0942899919.


@given(st.integers(1, 30), st.integers(1, 12), precisions, precisions, st.integers(0, 99))
def test_the_evidence_is_the_density_of_the_dense_gaussian(n, width, alpha, beta, seed):
    basis, targets = data(n, width, 0.3, seed)
    dense = multivariate_normal(np.zeros(n), basis @ basis.T / alpha + np.eye(n) / beta, allow_singular=True)
    assert log_evidence(basis, targets, alpha, beta) == pytest.approx(dense.logpdf(targets), rel=1e-6, abs=1e-6)


@given(st.integers(1, 30), st.integers(1, 12), precisions, precisions, st.integers(0, 99))
def test_the_prediction_is_the_conditional_of_the_dense_gaussian(n, width, alpha, beta, seed):
    basis, targets = data(n, width, 0.3, seed)
    new = np.random.default_rng(seed + 1).normal(size=(4, width))
    mean, variance = posterior(basis, targets, alpha, beta).predict(new)
    gain = np.linalg.solve(basis @ basis.T / alpha + np.eye(n) / beta, basis @ new.T / alpha)
    np.testing.assert_allclose(mean, gain.T @ targets, rtol=1e-6, atol=1e-8)
    expected = 1 / beta + np.sum(new**2, axis=1) / alpha - np.sum(gain * (basis @ new.T / alpha), axis=0)
    np.testing.assert_allclose(variance, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "width", "noise"), [(20, 50, 0.1), (140, 50, 0.1), (60, 10, 1.0), (20, 50, 0.0), (2, 3, 0.5), (1, 4, 1.0)]
)
def test_no_start_of_an_optimiser_finds_better_precisions(n, width, noise):
    basis, targets = data(n, width, noise, n)
    alpha, beta = best_precisions(basis, targets)
    logs = np.log([alpha, 1 / beta])
    assert (np.abs(logs) <= BOUND + 1e-9).all()
    starts = np.random.default_rng(0).uniform(-6, 6, (8, 2))
    cost = lambda x: -log_evidence(basis, targets, np.exp(x[0]), np.exp(-x[1]))  # noqa: E731 - one line of algebra
    best = min(minimize(cost, start, bounds=[(-BOUND, BOUND)] * 2, method="L-BFGS-B").fun for start in starts)
    assert -log_evidence(basis, targets, alpha, beta) <= best + 1e-6


def test_equal_targets_and_an_empty_basis_stay_within_the_bounds():
    for basis, targets in ((np.ones((5, 2)), np.zeros(5)), (np.zeros((5, 2)), np.arange(5.0) - 2)):
        head = fit_head(basis, targets)
        assert (np.abs(np.log([head.alpha, head.beta])) <= BOUND + 1e-9).all()
        mean, variance = head.predict(basis)
        np.testing.assert_allclose(mean, 0, atol=1e-12)
        assert (variance > 0).all()


def test_determinants_beyond_floating_point_are_survived():
    basis = 1e-4 * np.random.default_rng(0).normal(size=(3, 400))
    assert np.linalg.det(basis.T @ basis + np.exp(-9) * np.eye(400)) == 0
    dense = multivariate_normal(np.zeros(3), np.exp(9) * basis @ basis.T + np.eye(3))
    targets = np.array([1.0, 0.0, -1.0])
    assert log_evidence(basis, targets, np.exp(-9), 1.0) == pytest.approx(dense.logpdf(targets), rel=1e-9)
