"""Candidates and ranking: distinct, new, near the best; feasible before infeasible before failed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Evaluations
from strategies.parts.candidates import exact_keys, mutate_best, mutate_evenly, mutate_often, sample_new
from strategies.parts.ranking import FAILED, scores
from tests.strategies.support import ToySpace, edits


@given(st.integers(0, 2**32), st.integers(1, 80))
def test_exact_keys_agree_with_the_space(seed, n):
    space = ToySpace((2, 3, 2))
    archs = space.sample(n, np.random.default_rng(seed))
    mine, theirs = exact_keys(archs), space.key(archs, "exact").tolist()
    assert len(mine) == n
    assert len(set(zip(mine, theirs, strict=True))) == len(set(mine)) == len(set(theirs))


def test_exact_keys_do_not_depend_on_memory_layout():
    archs = ToySpace().sample(10, np.random.default_rng(0))
    assert exact_keys(np.asfortranarray(archs)) == exact_keys(archs)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 12))
def test_samples_are_new_distinct_and_stop_when_the_space_is_exhausted(seed, n, excluded):
    space = ToySpace((2, 3, 2))
    everything = space.decode(np.arange(12, dtype=np.uint64))
    taken = set(exact_keys(everything[:excluded]))
    archs, keys = sample_new(space, n, taken, exact_keys, np.random.default_rng(seed))
    assert keys == exact_keys(archs)
    assert len(set(keys)) == len(keys) == min(n, 12 - excluded)
    assert taken.isdisjoint(keys)


def test_samples_without_replacement_are_uniform():
    space, rng = ToySpace((5,)), np.random.default_rng(0)
    drawn = [sample_new(space, 2, {b"\x00"}, exact_keys, rng)[0][:, 0].tolist() for _ in range(6000)]
    pairs, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(pairs) == 12  # ordered pairs of the four that are left
    assert ((counts - 500) ** 2 / 500).sum() < 31.3  # chi-square, 11 degrees of freedom, p = 0.001


def test_parents_are_mutated_equally_often_and_a_mutant_that_is_not_new_is_drawn_again():
    space, rng = ToySpace((4,) * 24), np.random.default_rng(0)
    parents = space.sample(3, rng)
    taken = set(exact_keys(space.neighbours(parents[0])[:60])) | set(exact_keys(parents))
    archs, keys = mutate_evenly(space, parents, 50, taken, exact_keys, rng, edits=1.0)
    assert keys == exact_keys(archs)
    assert len(set(keys)) == 50
    assert taken.isdisjoint(keys)
    nearest = np.argmin([edits(archs, parent) for parent in parents], axis=0)
    assert np.bincount(nearest).tolist() == [17, 17, 16]


def test_fewer_mutants_come_back_where_there_are_no_more():
    space = ToySpace((2, 2))
    everything = space.decode(np.arange(4, dtype=np.uint64))
    taken = set(exact_keys(everything[:1]))
    archs, _ = mutate_evenly(space, everything[:2], 50, taken, exact_keys, np.random.default_rng(0), edits=1.0)
    assert sorted(archs.tolist()) == everything[1:].tolist()
    assert len(mutate_evenly(space, everything, 0, taken, exact_keys, np.random.default_rng(0), edits=1.0)[0]) == 0


def test_mutants_are_new_distinct_and_best_first():
    space, rng = ToySpace((4,) * 24), np.random.default_rng(0)
    parents = space.sample(3, rng)
    taken = set(exact_keys(space.neighbours(parents[0])[:30])) | set(exact_keys(parents))
    archs, keys = mutate_best(space, parents, 60, taken, exact_keys, rng, edits=1.5)
    assert keys == exact_keys(archs)
    assert len(set(keys)) == len(keys) >= 60
    assert taken.isdisjoint(keys)
    nearest = np.argmin([edits(archs, parent) for parent in parents], axis=0)
    assert np.all(np.diff(nearest) >= 0)  # all of the best, then of the next
    assert nearest.max() == 1  # two parents are enough, so the third is left alone


def test_no_more_than_the_surroundings_hold():
    space = ToySpace((2, 2))
    parent = space.parse(["00"])
    archs, _ = mutate_best(space, parent, 50, {parent.tobytes()}, exact_keys, np.random.default_rng(0), edits=1.0)
    assert sorted(space.format(archs)) == ["01", "10", "11"]
    nothing, keys = mutate_best(space, parent[:0], 50, set(), exact_keys, np.random.default_rng(0), edits=1.0)
    assert nothing.shape == (0, 2)
    assert keys == []


def test_the_number_of_edits_is_poisson():
    space, rng = ToySpace((4,) * 30), np.random.default_rng(0)
    origin = np.zeros((20_000, 30), dtype=np.uint8)
    changed = edits(mutate_often(space, origin, 0.5, rng), origin[0])
    observed = np.bincount(changed, minlength=4)[:4] / len(origin)
    assert observed == pytest.approx([0.6065, 0.3033, 0.0758, 0.0126], abs=0.012)
    assert not origin.any()


def told(objectives, constraints):
    n = len(objectives)
    zero = np.zeros(n, dtype=np.int64)
    return Evaluations(zero[:, None], zero, zero, np.array(objectives)[:, None], np.array(constraints), np.ones(n))


def test_feasible_before_infeasible_before_failed():
    best_to_worst = [(1.0, (-5.0, 0.0)), (2.0, (0.0, -1.0)), (0.5, (0.1, -9.0)), (0.1, (0.2, 0.2)), (0.0, (np.nan, 0))]
    values = scores(told([v for v, _ in best_to_worst] + [np.nan], [c for _, c in best_to_worst] + [(0.0, 0.0)]))
    assert all(better < worse for better, worse in pairwise(values))
    assert values[-1] is FAILED


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_objective_that_is_not_finite_is_a_failed_training(value):
    assert scores(told([value, 1.0], np.zeros((2, 0)))) == [FAILED, (0.0, 1.0)]
