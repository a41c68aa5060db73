"""Nearest neighbours: by hand, by brute force, and whatever the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogates.neighbours.nearest import NearestNeighbours
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def rows(*texts):
    return SPACE.parse(list(texts))


def test_weights_fall_with_the_distance():
    model = NearestNeighbours(SPACE, neighbours=2, floor=0.0).fit(rows("aaaab", "aabbb"), np.array([1.0, 5.0]), rng())
    said = model.predict(rows("aaaaa"))
    np.testing.assert_allclose(said.mean, [2.0])  # distances 1 and 3, weights 3/4 and 1/4
    np.testing.assert_allclose(said.std, [np.sqrt(0.75 * 1 + 0.25 * 9)])


def test_a_known_architecture_gets_the_mean_of_its_own_results():
    archs = rows("aaaaa", "aaaaa", "aaaab")
    said = NearestNeighbours(SPACE, floor=0.0).fit(archs, np.array([2.0, 4.0, 100.0]), rng()).predict(archs)
    np.testing.assert_allclose(said.mean, [3.0, 3.0, 100.0])
    np.testing.assert_allclose(said.std, [1.0, 1.0, 0.0])


def test_rows_that_are_as_far_as_the_last_count_too():
    archs = rows("baaaa", "abaaa", "aabaa", "bbbbb")
    said = (
        NearestNeighbours(SPACE, neighbours=1).fit(archs, np.array([1.0, 2.0, 6.0, 99.0]), rng()).predict(rows("aaaaa"))
    )
    np.testing.assert_allclose(said.mean, [3.0])


def test_agreement_by_chance_leaves_the_floor():
    archs = rows("baaaa", "abaaa", "bbbbb", "bbbba")
    model = NearestNeighbours(SPACE, neighbours=2, floor=0.1).fit(archs, np.array([1.0, 1.0, 3.0, 3.0]), rng())
    np.testing.assert_allclose(model.predict(rows("aaaaa")).std, [0.1])


def brute_force(archs, targets, query, neighbours):
    apart = (archs != query).sum(axis=1)
    near = apart <= np.sort(apart)[min(neighbours, len(apart)) - 1]
    weights = (apart == 0) * 1.0 if (apart == 0).any() else near / np.maximum(apart, 1)
    return weights @ targets / weights.sum()


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 99))
def test_means_are_those_of_brute_force_in_any_order(n, neighbours, seed):
    archs, pool = SPACE.sample(n, rng(seed)), SPACE.sample(5, rng(seed + 1))
    targets = truth(archs) + rng(seed).normal(0, 1, n)
    learner = NearestNeighbours(SPACE, neighbours=neighbours)
    said = learner.fit(archs, targets, rng()).predict(pool)
    np.testing.assert_allclose(said.mean, [brute_force(archs, targets, query, neighbours) for query in pool])
    order = rng(seed).permutation(n)
    shuffled = learner.fit(archs[order], targets[order], rng()).predict(pool)
    np.testing.assert_allclose(shuffled.mean, said.mean)
    np.testing.assert_allclose(shuffled.std, said.std, atol=1e-9)


def test_features_that_are_counts_are_standardised_and_a_query_may_have_values_never_seen():
    archs, covariates = rows("aaaaa", "aaaaa"), np.array([[0.0, 0.0], [1000.0, 1.0]])
    model = NearestNeighbours(SPACE, neighbours=1).fit(archs, np.array([1.0, 2.0]), rng(), covariates)
    said = model.predict(rows("aaaaa", "aaaaa"), np.array([[100.0, 0.9], [900.0, 3.0]]))
    assert said.mean.tolist() == [1.0, 2.0]  # 0.2 + 0.9 against 1.8 + 0.1 standard deviations; 1.8 + 3 against 0.2 + 2


@pytest.mark.parametrize("queries", [1, 127, 128, 129, 300])
def test_predictions_do_not_depend_on_the_queries_beside_them(queries):
    archs, pool = SPACE.sample(40, rng(0)), SPACE.sample(queries, rng(1))
    model = NearestNeighbours(SPACE).fit(archs, truth(archs), rng())
    np.testing.assert_array_equal(model.predict(pool).mean[-1:], model.predict(pool[-1:]).mean)
