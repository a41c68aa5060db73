"""The front of a run: known answers, and what holds for every sequence of points."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.judging.front import fronts, fronts_of, on_front
from tests.harness.judging.test_incumbent import trace_of

POINTS = arrays(
    np.float64, st.tuples(st.integers(0, 30), st.integers(2, 3)), elements=st.sampled_from([0, 1, 2, 3, math.nan])
)


def dominated(point, others):
    """Say whether one of others is as good in all and better in one objective."""
    return any(np.all(other <= point) and np.any(other < point) for other in others)


def told_in_two(values, **more):
    trace = trace_of([0.0] * len(values), **more)
    return replace(trace, objectives=np.array(values, dtype=np.float64).reshape(-1, 2))


def test_ranks_of_six_points_begin_with_the_front():
    points = np.array([(1, 5), (2, 3), (4, 1), (3, 4), (5, 2), (5, 5)], dtype=float)
    ranks = np.full(6, -1)
    for rank in itertools.count():
        left = np.flatnonzero(ranks < 0)
        if not len(left):
            break
        ranks[left[on_front(points[left])]] = rank
    assert ranks.tolist() == [0, 0, 0, 1, 1, 2]


def test_members_enter_leave_and_stay():
    history = fronts_of(np.array([(3, 3), (4, 1), (3, 3), (2, 2), (5, 5), (1, 4)], dtype=float))
    assert history.rows.tolist() == [0, 1, 3, 5]
    assert history.left.tolist() == [2, 4, 4, 4]
    assert [history.held(change).tolist() for change in range(4)] == [[0], [0, 1], [1, 2], [1, 2, 3]]
    assert history.final.tolist() == [1, 3, 5]


def test_what_failed_breaks_a_constraint_or_was_trained_less_never_enters():
    values = [(1, math.nan), (9, 9), (0, 0), (8, 8), (7, 7)]
    told = told_in_two(values, constraints=[[0], [0], [1], [math.nan], [0]], fidelity=[1, 1, 1, 1, 0])
    assert fronts(told, 1).rows.tolist() == [1]
    assert fronts(told_in_two([]), 0).final.tolist() == []
    assert fronts(told_in_two(values, fidelity=[0] * 5), 1).final.tolist() == []


@given(POINTS)
def test_the_front_after_every_row_is_what_nothing_before_dominates(values):
    history = fronts_of(values)
    known = [row for row in range(len(values)) if np.isfinite(values[row]).all()]
    for row in range(len(values)):
        changes = int(np.searchsorted(history.rows, row, side="right"))
        held = history.rows[history.held(changes - 1)].tolist() if changes else []
        before = [other for other in known if other <= row]
        expected = [
            other
            for place, other in enumerate(before)
            if not dominated(values[other], values[before])
            and not any(np.array_equal(values[other], values[earlier]) for earlier in before[:place])
        ]
        assert held == expected
    assert np.flatnonzero(on_front(values)).tolist() == history.final.tolist()


@given(POINTS, st.integers(0, 29))
def test_a_dominated_copy_of_a_row_changes_no_front(values, place):
    if place < len(values):
        copies = np.stack([values[place], values[place] + 1])
        again = fronts_of(np.concatenate([values, copies]))
        assert again.final.tolist() == fronts_of(values).final.tolist()


def test_many_rows_give_the_same_as_one_block_after_the_other():
    values = np.random.default_rng(0).random((1500, 3)).round(2)
    history = fronts_of(values)
    assert set(history.final) == set(np.flatnonzero(on_front(values)))
    first = fronts_of(values[:300])
    assert history.rows[history.rows < 300].tolist() == first.rows.tolist()


@pytest.mark.parametrize("eligible", [[], [False, False]])
def test_nothing_eligible_is_an_empty_front(eligible):
    values = np.ones((len(eligible), 2))
    assert len(fronts_of(values, np.array(eligible, dtype=bool)).rows) == 0
    assert not on_front(np.full((2, 2), np.nan)).any()
