"""Mis-ranked pairs, the weights they give, and who is dropped."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.surrogate import Prediction
from strategies.parts.rank_weights import draws, kept, misranked, shares


def by_hand(values, targets, others=None):
    n, wrong = len(targets), 0
    for j in range(n):
        for k in range(n):
            against = values[k] if others is None else others[k]
            wrong += j != k and (values[j] < against) != (targets[j] < targets[k])
    return wrong


@given(st.integers(1, 9), st.integers(0, 2**32))
def test_pairs_are_counted_as_by_hand(n, seed):
    rng = np.random.default_rng(seed)
    values, targets = rng.integers(0, 4, (5, n)).astype(float), rng.integers(0, 4, n).astype(float)
    assert misranked(values, targets).tolist() == [by_hand(row, targets) for row in values]
    assert misranked(values, targets, targets).tolist() == [by_hand(row, targets, targets) for row in values]


@given(st.integers(1, 6), st.integers(1, 20), st.integers(0, 2**32))
def test_weights_sum_to_one_and_the_own_model_wins_ties(models, count, seed):
    losses = np.random.default_rng(seed).integers(0, 3, (models, count))
    alike, own = shares(losses), shares(losses, models - 1)
    assert np.isclose(alike.sum(), 1.0)
    assert np.isclose(own.sum(), 1.0)
    assert own[-1] >= alike[-1]
    assert own[-1] == np.mean(losses[-1] == losses.min(axis=0))


def test_a_source_that_ranks_worse_than_chance_allows_is_dropped():
    losses = np.array([[2] * 20, [12] * 20, [*range(20)]])
    assert kept(losses, 2).tolist() == [True, True, True]
    losses[1] = 19  # above the 95th percentile of 0 ... 19, which is 18.05
    assert kept(losses, 2).tolist() == [True, False, True]
    assert kept(np.array([[0, 0], [5, 9]]), 1).tolist() == [True, True]


def test_draws_have_the_moments_of_the_prediction():
    said = Prediction(np.array([1.0, -2.0]), np.array([0.5, 0.0]))
    drawn = draws(said, 4000, np.random.default_rng(0))
    assert np.allclose(drawn.mean(axis=0), said.mean, atol=0.03)
    assert np.allclose(drawn.std(axis=0), said.std, atol=0.03)
