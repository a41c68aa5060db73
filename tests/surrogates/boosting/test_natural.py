"""NGBoost: gradients and line search by hand, the noise of the data, and rows that are equal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from surrogates.boosting.natural import LEAST, NGBoost, line_search, natural_gradient, score
from surrogates.metrics import coverage
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_natural_gradient_is_the_gradient_over_the_fisher_information():
    parameters, targets = np.array([[0.4, 0.3], [-1.0, -0.5]]), np.array([1.5, -0.7])

    def losses(shift):
        return -norm.logpdf(targets, parameters[:, 0] + shift[0], np.exp(parameters[:, 1] + shift[1]))

    step = 1e-6
    gradient = np.stack([(losses(step * axis) - losses(-step * axis)) / (2 * step) for axis in np.eye(2)], axis=1)
    information = np.stack([np.exp(-2 * parameters[:, 1]), np.full(2, 2.0)], axis=1)
    np.testing.assert_allclose(natural_gradient(parameters, targets), gradient / information, rtol=1e-6)
    assert score(parameters, targets) == pytest.approx(losses(np.zeros(2)).mean())


def test_the_scale_is_doubled_while_that_helps_and_halved_until_it_does():
    parameters, targets = np.zeros((1, 2)), np.array([10.0])
    assert line_search(parameters, np.array([[-1.0, 0.0]]), targets) == 16  # 32 is worse than 0
    assert line_search(parameters, np.array([[-64.0, 0.0]]), targets) == 0.25
    assert line_search(parameters, np.array([[1.0, 0.0]]), targets) < 1e-4  # the wrong way: none


def test_it_tells_noise_that_differs_between_architectures():
    archs = SPACE.sample(400, rng(0))
    noise = np.where(archs[:, 0] < 2, 0.2, 3.0)
    targets = truth(archs) + noise * rng(1).normal(size=400)
    pool = SPACE.sample(300, rng(2))
    loud = pool[:, 0] >= 2
    said = NGBoost(SPACE, rounds=60).fit(archs, targets, rng()).predict(pool)
    assert np.median(said.std[loud]) > 2 * np.median(said.std[~loud])
    fresh = truth(pool) + np.where(loud, 3.0, 0.2) * rng(3).normal(size=300)
    assert 0.8 < coverage(said.mean, said.std, fresh, [0.95])[0] <= 1


def test_rows_that_are_equal_leave_the_least_deviation():
    archs = np.repeat(SPACE.sample(2, rng(4)), 20, axis=0)
    targets = np.repeat([3.0, 5.0], 20)
    said = NGBoost(SPACE, rounds=200).fit(archs, targets, rng()).predict(archs)
    np.testing.assert_allclose(said.mean, targets, atol=0.02)
    assert (said.std >= np.exp(LEAST) * targets.std() * (1 - 1e-9)).all()
    assert said.std.max() < 0.1
    alike = NGBoost(SPACE, rounds=20).fit(archs, np.full(40, 7.0), rng()).predict(archs)
    np.testing.assert_allclose(alike.mean, 7.0)
    np.testing.assert_allclose(alike.std, 1e-3)


def test_small_samples_are_split():
    archs = SPACE.sample(20, rng(0))
    said = NGBoost(SPACE, rounds=30).fit(archs, truth(archs), rng()).predict(archs)
    assert np.corrcoef(said.mean, truth(archs))[0, 1] > 0.7
