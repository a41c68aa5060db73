"""Boosting learners: against the packages' own predictions, with few rows, and without the packages."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

from harness import registry
from harness.errors import HarnessError
from surrogates.boosting.gradient import GradientBoosting
from surrogates.boosting.members import few_in_leaf
from tests.surrogates.support import SPACE, truth

NAMES = ("gradient_boosting", "lightgbm", "xgboost")


def rng(seed=0):
    return np.random.default_rng(seed)


def learner(name, **hyperparameters):
    if name != "gradient_boosting":
        pytest.importorskip(name)
    return registry.surrogate({"name": name, **hyperparameters}, SPACE)


def noisy(n, seed=0):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + rng(seed + 1).normal(0, 1, n)


def seed_of(generator):
    return int(generator.integers(2**31 - 1, size=1)[0])


def test_one_member_of_xgboost_is_a_booster_of_its_package():
    package = pytest.importorskip("xgboost")
    archs, targets = noisy(60)
    pool = SPACE.sample(20, rng(5))
    said = learner("xgboost", members=1, rounds=20, depth=3).fit(archs, targets, rng(3)).predict(pool)
    reference = package.XGBRegressor(
        n_estimators=20,
        max_depth=3,
        learning_rate=0.3,
        subsample=0.8,
        base_score=0.0,
        random_state=seed_of(rng(3)),
        n_jobs=1,
    ).fit(SPACE.one_hot(archs), (targets - targets.mean()) / targets.std())
    expected = targets.mean() + targets.std() * reference.predict(SPACE.one_hot(pool)).astype(np.float64)
    np.testing.assert_allclose(said.mean, expected, rtol=1e-6)
    assert not said.std.any()


def test_one_member_of_lightgbm_is_a_booster_of_its_package():
    package = pytest.importorskip("lightgbm")
    archs, targets = noisy(260)
    pool = SPACE.sample(20, rng(5))
    said = learner("lightgbm", members=1, rounds=20).fit(archs, targets, rng(3)).predict(pool)
    reference = package.train(
        {
            "num_leaves": 31,
            "min_data_in_leaf": 5,
            "learning_rate": 0.05,
            "feature_fraction": 0.9,
            "verbose": -1,
            "bagging_fraction": 0.8,
            "bagging_freq": 5,
            "seed": seed_of(rng(3)),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
        },
        package.Dataset(SPACE.one_hot(archs), label=(targets - targets.mean()) / targets.std()),
        num_boost_round=20,
    )
    expected = targets.mean() + targets.std() * reference.predict(SPACE.one_hot(pool))
    np.testing.assert_allclose(said.mean, expected, rtol=1e-9)


def test_one_member_of_gradient_boosting_is_that_of_scikit_learn():
    archs, targets = noisy(60)
    pool = SPACE.sample(20, rng(5))
    given = {"rounds": 20, "depth": 3, "max_features": 0.5}
    said = GradientBoosting(SPACE, members=1, **given).fit(archs, targets, rng(3)).predict(pool)
    reference = GradientBoostingRegressor(
        n_estimators=20, max_depth=3, max_features=0.5, subsample=0.8, random_state=seed_of(rng(3))
    ).fit(SPACE.one_hot(archs), (targets - targets.mean()) / targets.std())
    expected = targets.mean() + targets.std() * reference.predict(SPACE.one_hot(pool))
    np.testing.assert_allclose(said.mean, expected, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_mean_and_deviation_are_those_of_the_members(name):
    archs, targets = noisy(40)
    said = learner(name, members=3, rounds=10).fit(archs, targets, rng()).predict(SPACE.sample(9, rng(1)))
    assert said.members.shape == (3, 9)
    np.testing.assert_allclose(said.mean, said.members.mean(axis=0))
    np.testing.assert_allclose(said.std, said.members.std(axis=0))
    assert said.std.max() > 0


def test_lightgbm_learns_from_fewer_rows_than_two_leaves_of_the_default():
    package = pytest.importorskip("lightgbm")
    archs, targets = noisy(8)
    given = {"min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    plain = package.train(given, package.Dataset(SPACE.one_hot(archs), label=targets), num_boost_round=20)
    assert len(np.unique(plain.predict(SPACE.one_hot(archs)))) == 1  # the trap
    said = learner("lightgbm", members=1, rounds=50).fit(archs, targets, rng()).predict(archs)
    assert np.corrcoef(said.mean, targets)[0, 1] > 0.8


def test_leaves_hold_few_rows_where_there_are_few():
    assert [few_in_leaf(5, rows, 50) for rows in (1, 20, 100, 250, 10_000)] == [1, 1, 2, 5, 5]


@pytest.mark.parametrize(("name", "kind"), [("lightgbm", "LightGBM"), ("xgboost", "XGBoost")])
def test_without_the_package_it_says_what_to_install(monkeypatch, name, kind):
    found = registry.load("surrogate", name)

    def missing(name, package=None):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(HarnessError, match=rf"{kind} needs {name}: pip install 'nas-harness\[boosting\]'"):
        found(SPACE)


@pytest.mark.parametrize(("name", "values"), [("xgboost", {"subsample": 1.0}), ("lightgbm", {"subsample": 0.8})])
def test_the_preset_of_naslib_is_one_member(name, values):
    pytest.importorskip(name)
    usual, preset, given, own = (
        registry.surrogate({"name": name, **more}, SPACE)
        for more in ({}, {"preset": "naslib"}, {"members": 1, **values}, {"preset": "naslib", "members": 3})
    )
    assert preset.signature == given.signature != usual.signature
    assert (preset.has_std, usual.has_std, own.hyperparameters["members"]) == (False, True, 3)
