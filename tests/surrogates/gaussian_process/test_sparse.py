"""The sparse process: equal to the exact one by all rows, a bound below the likelihood, distinct inducing rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from harness.errors import HarnessError
from surrogates.gaussian_process.exact import factorise, log_marginal_likelihood
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.gaussian_process.sparse import SparseProcess, condition, sparse_posterior, spread_rows
from tests.surrogates.support import SPACE, truth


def problem(n=30, seed=0, width=6):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, width))
    distances = np.square(points[:, None] - points[None]).sum(axis=2)
    return np.exp(-0.1 * distances), rng.normal(size=n)


@pytest.mark.parametrize("m", [1, 5, 30])
def test_the_bound_is_that_of_the_paper(m):
    """Equation 9, written out with full matrices."""
    gram, targets = problem()
    noise, variance = 0.1, 1.7
    fitted = condition(gram[:m, :m], gram[:m], np.ones(30), targets, noise, variance=variance)
    q = gram[:m].T @ np.linalg.solve(gram[:m, :m], gram[:m])
    by_hand = multivariate_normal.logpdf(targets, cov=variance * (q + noise * np.eye(30)))
    by_hand -= (30 - np.trace(q)) / (2 * noise)
    assert fitted.bound == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_grows_with_rows_and_never_exceeds_the_likelihood(seed):
    gram, targets = problem(seed=seed)
    for noise in (1e-3, 0.1, 1.0):
        bounds = [float(condition(gram[:m, :m], gram[:m], np.ones(30), targets, noise).bound) for m in (2, 10, 20, 30)]
        exact = float(log_marginal_likelihood(factorise(gram, noise), targets))
        assert bounds == sorted(bounds)
        assert bounds[-1] <= exact + 1e-6
        assert bounds[-1] == pytest.approx(exact, abs=1e-5)
        assert bounds[0] < exact - 0.1


def test_one_inducing_row_by_hand():
    """Row u at correlation r with the point told, y: A = r, M^2 = g + r^2, mean r y r' / (g + r^2)."""
    r, s, y, g = 0.6, 0.8, 2.0, 0.5
    fitted = condition(np.array([[1.0]]), np.array([[r]]), np.ones(1), np.array([y]), g, variance=1.0)
    mean, std = sparse_posterior(fitted, np.array([[s]]), np.ones(1))
    assert mean[0] == pytest.approx(r * y * s / (g + r * r))
    assert std[0] ** 2 == pytest.approx(1 - s * s + g * s * s / (g + r * r))


@pytest.mark.parametrize("kernel", ["hamming", "rbf", "matern52", "nasbot"])
def test_by_all_rows_it_is_the_exact_process(kernel):
    rng = np.random.default_rng(0)
    archs, pool = SPACE.sample(40, rng), SPACE.sample(25, rng)
    archs[5] = archs[6]  # rows may repeat
    targets = np.stack([truth(archs), -(truth(archs) ** 2)], axis=1)
    exact = GaussianProcess(SPACE, kernel=kernel).fit(archs, targets, rng).predict(pool)
    sparse = SparseProcess(SPACE, kernel=kernel).fit(archs, targets, rng).predict(pool)
    np.testing.assert_allclose(sparse.mean, exact.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(sparse.std, exact.std, rtol=1e-4, atol=1e-5)


def test_few_inducing_rows_lose_little_and_more_lose_less():
    rng = np.random.default_rng(1)
    archs, pool = SPACE.sample(200, rng), SPACE.sample(200, rng)
    noisy = truth(archs) + rng.normal(0, 0.3, 200)
    errors = []
    for inducing in (3, 30, 200):
        mean = SparseProcess(SPACE, inducing=inducing).fit(archs, noisy, rng).predict(pool).mean
        errors.append(float(np.square(mean - truth(pool)).mean()))
    assert errors[0] > 2 * errors[1]
    assert errors[1] < 2 * errors[2] + 0.05 * truth(pool).var()


def test_inducing_rows_are_distinct_and_far_apart():
    rng = np.random.default_rng(2)
    points = rng.integers(0, 3, size=(60, 2)).astype(float)
    rows = spread_rows(points, 60)
    assert len(rows) == len(np.unique(points, axis=0)) == len(np.unique(points[rows], axis=0))
    assert spread_rows(points, 4).tolist() == rows[:4].tolist()


def test_a_continued_fit_keeps_rate_and_noise_until_it_is_due():
    rng = np.random.default_rng(3)
    archs = SPACE.sample(40, rng)
    model = SparseProcess(SPACE, refit=10).fit(archs[:20], truth(archs[:20]), rng)
    kept = model.fit(archs[:25], truth(archs[:25]), rng)
    anew = model.fit(archs, truth(archs), rng)
    assert (kept._fitted.rates, kept._fitted.noise, kept._fitted.tuned_rows) == (*_hyper(model), 20)
    assert anew._fitted.tuned_rows == 40
    again = SparseProcess(SPACE, refit=10).fit(archs, truth(archs), rng)
    np.testing.assert_array_equal(anew.predict(archs).mean, again.predict(archs).mean)


def _hyper(model):
    return model._fitted.rates, model._fitted.noise


def test_kernels_without_coordinates_are_refused():
    for kernel in ("otmann", "linear"):
        with pytest.raises(HarnessError, match="`kernel` must be one of 'hamming', 'rbf', 'matern52', 'nasbot'"):
            SparseProcess(SPACE, kernel=kernel)
    with pytest.raises(HarnessError, match="`inducing` must be at least 1"):
        SparseProcess(SPACE, inducing=0)
