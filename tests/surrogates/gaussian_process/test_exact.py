"""Exact Gaussian-process regression against dense algebra, and on stacks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from surrogates.gaussian_process.exact import (
    factorise,
    log_marginal_likelihood,
    posterior,
    regress,
    solve_lower,
)


@pytest.fixture
def problem():
    """Gram matrix of 12 points, kernel of 5 others with them, targets."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(17, 3))
    whole = np.exp(-0.5 * np.square(points[:, None] - points[None]).sum(axis=2))
    return whole[:12, :12], whole[12:, :12], rng.normal(size=12)


@pytest.mark.parametrize("variance", [None, 2.5])
def test_likelihood_and_posterior_are_those_of_dense_algebra(problem, variance):
    gram, cross, targets = problem
    matrix = gram + 0.1 * np.eye(12)
    inverse = np.linalg.inv(matrix)
    scale = targets @ inverse @ targets / 12 if variance is None else variance
    fitted = regress(gram, targets, 0.1, variance=variance)
    assert fitted.variance == pytest.approx(scale)
    expected = multivariate_normal(np.zeros(12), scale * matrix).logpdf(targets)
    assert fitted.log_likelihood == pytest.approx(expected)
    assert log_marginal_likelihood(fitted.factor, targets, variance) == pytest.approx(expected)
    mean, std = posterior(fitted, cross)
    np.testing.assert_allclose(mean, cross @ inverse @ targets)
    np.testing.assert_allclose(std**2, scale * (1 - np.diag(cross @ inverse @ cross.T)))


def test_the_profiled_variance_is_the_likeliest(problem):
    gram, _, targets = problem
    factor = factorise(gram, 0.05)
    best = regress(gram, targets, 0.05)
    around = best.variance * np.array([0.9, 1.0, 1.1])
    likelihoods = [float(log_marginal_likelihood(factor, targets, value)) for value in around]
    assert np.argmax(likelihoods) == 1
    assert likelihoods[1] == pytest.approx(best.log_likelihood)


def test_without_noise_a_told_point_is_its_value(problem):
    gram, _, targets = problem
    mean, std = posterior(regress(gram, targets, 1e-12), gram)
    np.testing.assert_allclose(mean, targets, atol=1e-6)
    np.testing.assert_allclose(std, 0, atol=1e-5)


def test_a_stack_is_its_problems_one_by_one(problem):
    gram, cross, targets = problem
    rates, noise = np.array([[0.5, 1.0, 2.0]] * 2), np.array([[0.1, 0.01, 0.2], [1.0, 0.5, 0.3]])
    grams, crosses = gram ** rates[..., None, None], cross ** rates[..., None, None]
    together = regress(grams, np.broadcast_to(targets, (2, 3, 12)), noise)
    means, stds = posterior(together, crosses, np.ones((2, 3, 5)))
    for place in np.ndindex(2, 3):
        alone = regress(grams[place], targets, noise[place])
        assert together.log_likelihood[place] == alone.log_likelihood
        mean, std = posterior(alone, crosses[place])
        np.testing.assert_array_equal(means[place], mean)
        np.testing.assert_array_equal(stds[place], std)


def test_targets_that_are_all_zero_leave_no_variance(problem):
    gram, cross, _ = problem
    fitted = regress(gram, np.zeros(12), 0.1)
    mean, std = posterior(fitted, cross)
    assert fitted.variance == 0
    assert np.isfinite(fitted.log_likelihood)
    assert not mean.any()
    assert not std.any()


def test_substitution_solves(problem):
    gram, _, _ = problem
    factor, right = factorise(gram, 0.1), np.random.default_rng(1).normal(size=(12, 4))
    np.testing.assert_allclose(factor @ solve_lower(factor, right), right)
    np.testing.assert_allclose(factor.T @ solve_lower(factor, right, transposed=True), right)


def test_what_is_not_positive_definite_is_refused():
    """exp(-lambda H^2) is no kernel (3 x 3 grid, lambda = 0.5); exp(-lambda H) is one."""
    grid = np.array([[a, b] for a in range(3) for b in range(3)])
    hamming = (grid[:, None] != grid[None]).sum(axis=2)
    assert np.linalg.eigvalsh(np.exp(-0.5 * hamming**2)).min() == pytest.approx(-0.0777, abs=5e-5)
    assert np.linalg.eigvalsh(np.exp(-0.5 * hamming)).min() == pytest.approx((1 - np.exp(-0.5)) ** 2, abs=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        factorise(np.exp(-0.5 * hamming**2), 1e-3)
    factorise(np.exp(-0.5 * hamming), 0.0)
