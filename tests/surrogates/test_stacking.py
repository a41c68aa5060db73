"""Stacking: folds by function, weights by hand, ranks, and what is served together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit, Predict
from surrogates import stacking
from surrogates.linear.ridge import Ridge
from surrogates.neighbours.nearest import NearestNeighbours
from surrogates.stacking import Stacking, nonnegative_ridge
from tests.surrogates.support import SPACE, truth

NB201 = NB201Space()


def rng(seed=0):
    return np.random.default_rng(seed)


def noisy(n, seed=0):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + rng(seed + 1).normal(0, 1, n)


@settings(max_examples=15)
@given(st.integers(2, 80), st.integers(2, 9), st.integers(0, 50))
def test_cells_of_one_function_are_left_out_together_and_every_fold_has_some(n, folds, seed):
    archs = np.repeat(NB201.sample(n, rng(seed)), 2, axis=0)
    fold = Stacking(NB201, learners=["ridge"], folds=folds)._folds(archs, rng(seed))
    keys = NB201.key(archs)
    for key in np.unique(keys):
        assert len(np.unique(fold[keys == key])) == 1
    functions = len(np.unique(keys))
    expected = min(folds, functions) if functions > 1 else 0
    assert sorted(set(fold.tolist()) - {-1}) == list(range(expected))


def test_a_row_is_never_predicted_by_those_who_saw_its_function():
    """The results of a nearest neighbour that saw it would be exact."""
    archs = np.repeat(NB201.sample(30, rng(0)), 2, axis=0)
    targets = rng(1).normal(size=30).repeat(2)  # each cell twice, with the same result
    model = Stacking(NB201, learners=["knn"]).fit(archs, targets, rng())
    assert model.predict(archs[:1]).std[0] > 0.5  # of pure noise with deviation 1


def test_weights_go_to_the_learner_that_predicts():
    archs, targets = noisy(60)
    learners = ["ridge", {"name": "ridge", "penalty": 1e9}]  # the second says the mean of all
    model = Stacking(SPACE, learners=learners).fit(archs, targets, rng())
    weights = model._fitted.combining[0].weights
    assert weights[0] > 0.8
    assert weights[1] >= 0
    pool = SPACE.sample(20, rng(3))
    alone = Ridge(SPACE).fit(archs, targets, rng()).predict(pool).mean
    assert np.corrcoef(model.predict(pool).mean, alone)[0, 1] > 0.999


def test_without_a_penalty_and_a_bound_in_force_it_is_least_squares():
    features = rng(0).normal(size=(40, 3)) + 5
    targets = 2 + features @ [0.5, 0.0, 1.5] + rng(1).normal(size=40) * 0.01
    weights, intercept = nonnegative_ridge(features, targets, 0.0)
    np.testing.assert_allclose(weights, [0.5, 0.0, 1.5], atol=0.02)
    assert intercept == pytest.approx(2, abs=0.2)
    assert nonnegative_ridge(features, -targets, 0.0)[0][[0, 2]].tolist() == [0, 0]
    shifted = nonnegative_ridge(features, 3 * targets - 7, 0.1)[0]
    assert (shifted < 3 * np.array([0.6, 0.1, 1.6])).all()


def test_where_no_learner_is_of_use_all_weigh_the_same():
    archs = SPACE.sample(40, rng(0))
    model = Stacking(SPACE, learners=["knn", "ridge"], penalty=0.0)
    level = model._combining(np.stack([-truth(archs), -truth(archs)], axis=1), truth(archs))
    assert level.weights.tolist() == [0.5, 0.5]


def test_ranks_are_places_among_the_targets():
    level = stacking._Level1(
        np.full(2, 0.5), 0.0, np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), np.array([5.0, 6.0, 9.0])
    )
    said = level.combined(np.array([[2.0, 20.0], [0.0, 0.0], [9.0, 99.0], [1.0, 20.0]]), "ranks")
    np.testing.assert_allclose(said, [6.0, 5.0, 9.0, 5.5])


def test_ranks_do_not_depend_on_the_units_of_a_learner():
    archs, targets = noisy(50)
    pool = SPACE.sample(30, rng(4))
    model = Stacking(SPACE, learners=["ridge", "knn"], combine="ranks").fit(archs, targets, rng())
    (level,) = model._fitted.combining
    predictions = np.stack([one.predict(pool).mean for one in model._fitted.models], axis=1)
    bent = stacking._Level1(level.weights, level.intercept, np.exp(level.known / 5), level.targets)
    np.testing.assert_allclose(bent.combined(np.exp(predictions / 5), "ranks"), model.predict(pool).mean)
    assert np.corrcoef(model.predict(pool).mean, truth(pool))[0, 1] > 0.8


def test_learners_see_all_tasks_at_once(monkeypatch):
    archs, targets = noisy(30)
    learner = Stacking(SPACE, learners=["ridge"], folds=3)
    sizes = []
    many = Ridge.fit_many
    monkeypatch.setattr(Ridge, "fit_many", lambda self, tasks: sizes.append(len(tasks)) or many(self, tasks))
    models = learner.fit_many([Fit(learner, archs, targets, rng(seed)) for seed in range(4)])
    assert sizes == [4 * (3 + 1)]
    assert len(learner.predict_many([Predict(model, archs[:2]) for model in models])) == 4


def test_the_signature_and_the_libraries_are_those_of_its_learners():
    plain, other = (Stacking(SPACE, learners=["ridge", {"name": "knn", "neighbours": k}]) for k in (5, 6))
    assert plain.signature != other.signature
    assert set(plain.libraries) == {"numpy", "scipy"}
    assert "scikit-learn" in Stacking(SPACE).libraries
    assert isinstance(plain._learners[1], NearestNeighbours)
