"""Forests: the law of total variance by hand, and extremely randomised trees against scikit-learn."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from surrogates.trees.forest import ExtraTrees, RandomForest
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def leaf(mean, variance):
    """Return a tree of one leaf, as scikit-learn has it."""
    return SimpleNamespace(
        n_features=20,
        value=np.array([[[mean]]]),
        impurity=np.array([variance]),
        apply=lambda rows: np.zeros(len(rows), dtype=np.intp),
    )


@pytest.mark.parametrize(("leaf_variance", "expected"), [(True, 2.0), (False, 1.0)])
def test_two_leaves_with_means_1_and_3_and_variances_half_and_one_and_a_half_have_variance_2(leaf_variance, expected):
    for kind in (RandomForest, ExtraTrees):
        forest = copy.copy(kind(SPACE, leaf_variance=leaf_variance))
        forest._trees = [leaf(1.0, 0.5), leaf(3.0, 1.5)]
        said = forest.predict(SPACE.sample(1, rng()))
        assert said.mean.tolist() == [2.0]
        np.testing.assert_allclose(said.std**2, expected)


def test_extra_trees_are_those_of_scikit_learn():
    archs, pool = SPACE.sample(50, rng(0)), SPACE.sample(20, rng(5))
    targets = truth(archs) + rng(1).normal(0, 2, 50)
    said = ExtraTrees(SPACE, trees=20, max_features=0.5, min_leaf=2).fit(archs, targets, rng(3)).predict(pool)
    state = int(rng(3).integers(2**32))
    reference = ExtraTreesRegressor(20, max_features=0.5, min_samples_leaf=2, random_state=state)
    reference.fit(SPACE.one_hot(archs), targets)
    np.testing.assert_allclose(said.mean, reference.predict(SPACE.one_hot(pool)), rtol=1e-6)


def test_extra_trees_that_try_every_indicator_agree():
    archs, pool = SPACE.sample(50, rng(0)), SPACE.sample(20, rng(5))
    targets = truth(archs) + rng(1).normal(0, 2, 50)
    third, every = (
        ExtraTrees(SPACE, trees=10, max_features=part).fit(archs, targets, rng(3)).predict(pool).std.mean()
        for part in (1 / 3, 1.0)
    )
    assert every < 0.3 * third


def test_the_preset_is_what_was_tuned_and_equals_its_values():
    """116 trees on all rows, .1706 of the features, leaves of two: as scikit-learn's forest without bootstrap."""
    preset = RandomForest(SPACE, preset="nb301")
    given = {"trees": 116, "max_features": 0.1706, "min_leaf": 2, "bootstrap": False}
    assert preset.signature == RandomForest(SPACE, **given).signature != RandomForest(SPACE).signature
    assert RandomForest(SPACE, preset="nb301", trees=7).hyperparameters["trees"] == 7
    assert "bootstrap" not in RandomForest(SPACE).signature
    archs, rng = SPACE.sample(40, np.random.default_rng(0)), np.random.default_rng(1)
    seed = int(np.random.default_rng(1).integers(2**32))
    features = SPACE.features(archs, "one_hot")
    peer = RandomForestRegressor(116, max_features=0.1706, min_samples_leaf=2, bootstrap=False, random_state=seed)
    expected = peer.fit(features, truth(archs)).predict(features)
    np.testing.assert_allclose(preset.fit(archs, truth(archs), rng).predict(archs).mean, expected)


@pytest.mark.parametrize("learner", [RandomForest, ExtraTrees])
@pytest.mark.parametrize("unit", [2.0**-30, 2.0**-900])
def test_small_units_change_no_tree(learner, unit):
    """Of targets in nanoseconds the variance is below what scikit-learn takes for none."""
    archs, pool = (SPACE.sample(30, np.random.default_rng(seed)) for seed in (0, 1))
    forest, values = learner(SPACE, trees=5, min_leaf=2, leaf_variance=True), truth(archs) / 64
    plain, small = (forest.fit(archs, scale * values, np.random.default_rng(2)).predict(pool) for scale in (1.0, unit))
    assert len(np.unique(plain.mean)) > 10
    np.testing.assert_array_equal(small.mean, unit * plain.mean)
    np.testing.assert_allclose(small.std, unit * plain.std, rtol=1e-12)
