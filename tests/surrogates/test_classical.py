"""Random forest and ridge regression, against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge as SklearnRidge

from harness.errors import HarnessError
from surrogates.linear import ridge
from surrogates.linear.ridge import Ridge
from surrogates.trees.forest import RandomForest
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def noisy(n, seed):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + rng(seed + 1).normal(0, 2, n)


def test_the_forest_is_that_of_scikit_learn():
    archs, targets = noisy(50, 0)
    pool = SPACE.sample(20, rng(5))
    said = RandomForest(SPACE, trees=20, max_features=0.5, min_leaf=2).fit(archs, targets, rng(3)).predict(pool)
    state = int(rng(3).integers(2**32))
    reference = RandomForestRegressor(20, max_features=0.5, min_samples_leaf=2, random_state=state)
    reference.fit(SPACE.one_hot(archs), targets)
    np.testing.assert_allclose(said.mean, reference.predict(SPACE.one_hot(pool)), rtol=1e-6)
    assert said.members.shape == (20, 20)
    assert said.std.max() > 0


def test_the_variance_of_the_forest_is_that_of_its_trees_and_within_their_leaves():
    archs, targets = noisy(60, 0)
    pool = SPACE.sample(20, rng(5))
    state = int(rng(3).integers(2**32))
    reference = RandomForestRegressor(10, max_features=1.0, min_samples_leaf=4, random_state=state)
    reference.fit(SPACE.one_hot(archs), targets)
    means, variances = np.empty((10, 20)), np.empty((10, 20))
    for index, (tree, drawn) in enumerate(zip(reference.estimators_, reference.estimators_samples_, strict=True)):
        leaves, sample = tree.apply(SPACE.one_hot(pool)), tree.apply(SPACE.one_hot(archs[drawn]))
        for row, leaf in enumerate(leaves):
            inside = targets[drawn][sample == leaf]
            means[index, row], variances[index, row] = inside.mean(), inside.var()
    for leaf_variance, within in ((False, 0.0), (True, variances.mean(axis=0))):
        learner = RandomForest(SPACE, trees=10, max_features=1.0, min_leaf=4, leaf_variance=leaf_variance)
        said = learner.fit(archs, targets, rng(3)).predict(pool)
        np.testing.assert_allclose(said.mean, means.mean(axis=0))
        np.testing.assert_allclose(said.std**2, means.var(axis=0) + within)
    with pytest.raises(HarnessError, match="one column where `leaf_variance`"):
        learner.fit(archs, np.stack([targets, targets], axis=1), rng())


@given(st.integers(2, 40), st.floats(1e-3, 1e3), st.integers(0, 50))
def test_ridge_means_are_those_of_scikit_learn(n, penalty, seed):
    archs, targets = noisy(n, seed)
    pool = SPACE.sample(9, rng(seed + 2))
    said = Ridge(SPACE, penalty=penalty).fit(archs, targets, rng()).predict(pool)
    reference = SklearnRidge(alpha=penalty).fit(SPACE.one_hot(archs), targets)
    np.testing.assert_allclose(said.mean, reference.predict(SPACE.one_hot(pool)), rtol=1e-7)


@given(st.integers(2, 40), st.floats(1e-2, 1e2), st.integers(0, 50))
def test_ridge_std_is_the_posterior_predictive_of_bishop(n, penalty, seed):
    archs, targets = noisy(n, seed)
    pool = SPACE.sample(9, rng(seed + 2))
    x = SPACE.one_hot(archs) - SPACE.one_hot(archs).mean(axis=0)
    t = targets - targets.mean()
    inverse = np.linalg.inv(x.T @ x + penalty * np.eye(20))
    gamma = np.trace(x.T @ x @ inverse)
    noise = np.sum((t - x @ inverse @ x.T @ t) ** 2) / (n - 1 - gamma)
    q = SPACE.one_hot(pool) - SPACE.one_hot(archs).mean(axis=0)
    expected = np.sqrt(noise * (1 + 1 / n + np.einsum("qi,ij,qj->q", q, inverse, q)))
    said = Ridge(SPACE, penalty=penalty).fit(archs, targets, rng()).predict(pool)
    np.testing.assert_allclose(said.std, expected, rtol=1e-6)


def test_ridge_shifts_and_scales_with_its_targets():
    archs, targets = noisy(30, 1)
    plain, moved = (Ridge(SPACE).fit(archs, values, rng()).predict(archs) for values in (targets, 7 - 3 * targets))
    np.testing.assert_allclose(moved.mean, 7 - 3 * plain.mean, rtol=1e-9)
    np.testing.assert_allclose(moved.std, 3 * plain.std, rtol=1e-9)


def test_ridge_from_one_row_says_that_row():
    archs = SPACE.sample(1, rng())
    said = Ridge(SPACE).fit(archs, np.array([4.25]), rng()).predict(SPACE.sample(3, rng(1)))
    assert said.mean.tolist() == [4.25] * 3
    assert said.std.tolist() == [0.0] * 3


def test_ridge_calls_no_linear_algebra_library(monkeypatch):
    archs, targets = noisy(30, 1)

    def refused(*_args, **_kwargs):
        raise AssertionError("a result must not depend on the linear-algebra library")

    for name in ("dot", "matmul", "einsum", "inner", "tensordot", "vdot"):
        monkeypatch.setattr(ridge.np, name, refused)
    monkeypatch.setattr(ridge.np, "linalg", None)
    Ridge(SPACE).fit(archs, targets, rng()).predict(archs)
    with open(ridge.__file__, encoding="utf-8") as source:
        assert " @ " not in source.read().split('"""')[-1]
