"""Fronts against worked examples, brute force and the rules of domination."""

from __future__ import annotations

import numpy as np
import pytest

from harness.problem import Budget, Constraint, Objective, Problem
from strategies.parts.fronts import (
    Archive,
    bounds,
    crowding,
    epsilon_net,
    normalise,
    order,
    pareto_ranks,
    violations,
)
from tests.strategies.support import ToySpace

SIX = np.array([(1, 5), (2, 3), (4, 1), (3, 4), (5, 2), (5, 5)], dtype=float)


def dominates(a, b):
    return bool(np.all(a <= b) and np.any(a < b))


def peeled(objectives):
    """Return ranks by taking away what nothing dominates, again and again."""
    ranks, left, front = np.zeros(len(objectives), dtype=int), list(range(len(objectives))), 0
    while left:
        best = [row for row in left if not any(dominates(objectives[other], objectives[row]) for other in left)]
        ranks[best] = front
        left = [row for row in left if row not in best]
        front += 1
    return ranks


class TestRanks:
    def test_six_points(self):
        assert pareto_ranks(SIX).tolist() == [0, 0, 0, 1, 1, 2]

    @pytest.mark.parametrize("m", [1, 2, 3, 4])
    def test_they_are_those_of_peeling(self, m):
        rng = np.random.default_rng(m)
        for n in (1, 2, 7, 40):
            objectives = rng.integers(0, 5, (n, m)).astype(float)  # with ties and doubles
            assert pareto_ranks(objectives).tolist() == peeled(objectives).tolist()

    def test_what_breaks_constraints_follows_by_its_violation_and_failures_are_last(self):
        objectives = np.array([[1, 1], [2, 2], [0, 0], [0, 0], [np.nan, 0], [5, 0], [np.inf, 1]])
        violation = np.array([0, 0, 2.0, 0.5, 0, 0.5, 0])
        assert pareto_ranks(objectives, violation).tolist() == [0, 1, 3, 2, 7, 2, 7]

    def test_nothing_kept_is_ranked_too(self):
        assert pareto_ranks(SIX, np.array([1, np.inf, 0.5, 0.5, np.inf, 1])).tolist() == [1, 2, 0, 0, 2, 1]

    def test_no_rows(self):
        assert pareto_ranks(np.zeros((0, 2))).tolist() == []
        assert order(np.zeros((0, 2))).rows.tolist() == []


class TestCrowding:
    def test_the_published_example(self):
        assert crowding(np.array([[0, 10], [2, 6], [5, 4], [10.0, 0]])) == pytest.approx([np.inf, 1.1, 1.4, np.inf])

    def test_an_objective_without_range_adds_nothing(self):
        front = np.array([[0, 3], [1, 3], [4, 3], [10.0, 3]])
        assert crowding(front) == pytest.approx([np.inf, 0.4, 0.9, np.inf])

    def test_three_objectives_against_a_loop(self):
        front = np.random.default_rng(0).random((12, 3))
        expected = np.zeros(12)
        for column in front.T:
            rows = np.argsort(column)
            expected[rows[[0, -1]]] = np.inf
            for before, row, after in zip(rows, rows[1:], rows[2:], strict=False):
                expected[row] += (column[after] - column[before]) / (column.max() - column.min())
        assert crowding(front) == pytest.approx(expected)

    @pytest.mark.parametrize(("scale", "shift"), [(2.0**-20, 0.0), (8.0, 4.0)])
    def test_the_unit_of_an_objective_does_not_matter(self, scale, shift):
        front = np.random.default_rng(1).integers(0, 50, (15, 2)).astype(float)
        assert np.array_equal(crowding(front), crowding(front * [scale, 1] + [shift, 0]))

    def test_small_fronts_are_all_ends(self):
        assert crowding(SIX[:2]).tolist() == [np.inf, np.inf]
        assert crowding(SIX[:0]).tolist() == []


def test_the_order_is_by_front_then_by_crowding_then_as_given():
    front = np.array([[0, 10], [2, 6], [5, 4], [10, 0], [11, 11], [np.nan, 1]])
    ordered = order(front)
    assert ordered.rows.tolist() == [0, 3, 2, 1, 4, 5]
    assert ordered.ranks.tolist() == [0, 0, 0, 0, 1, 6]
    assert ordered.distances[:4] == pytest.approx([np.inf, 1.1, 1.4, np.inf])


class TestViolations:
    def problem(self, *constraints):
        return Problem(ToySpace(), (Objective("a"), Objective("b")), Budget(10), tuple(constraints))

    def test_each_counts_in_units_of_its_bound(self):
        given = self.problem(Constraint("a", "<=", 4.0), Constraint("b", ">=", -0.5), Constraint("c", "<=", 0.0))
        broken = np.array([[2.0, -1.0, 0.25], [-3, 0.25, 0.0], [0, 0, -1], [np.nan, 0, 0]])
        assert violations(given, broken).tolist() == [0.75, 0.5, 0.0, np.inf]

    def test_without_constraints_nothing_is_broken(self):
        assert violations(self.problem(), np.empty((3, 0))).tolist() == [0, 0, 0]


def test_bounds_leave_failures_out_and_constants_stay_finite():
    rows = np.array([[1, 7], [5, 7], [np.nan, 9.0]])
    low, high = bounds(rows)
    assert (low.tolist(), high.tolist()) == ([1, 7], [5, 7])
    assert normalise(rows[:2], low, high).tolist() == [[0, 0], [1, 0]]
    assert [part.tolist() for part in bounds(rows[2:])] == [[0, 0], [1, 1]]


class TestEpsilonNet:
    def test_the_worked_example(self):
        assert epsilon_net(np.array([[0, 10], [1, 8], [4, 4], [9, 0.5], [10.0, 0]])).tolist() == [0, 4, 2, 1, 3]

    def test_it_is_a_permutation_whose_next_is_the_farthest(self):
        points = np.random.default_rng(3).random((20, 3))
        chosen = epsilon_net(points).tolist()
        assert sorted(chosen) == list(range(20))
        for place in range(1, 20):
            distance = np.linalg.norm(points[:, None] - points[chosen[:place]][None], axis=2).min(axis=1)
            assert distance[chosen[place]] == pytest.approx(distance.max())

    def test_doubles_and_nothing(self):
        assert sorted(epsilon_net(np.zeros((4, 2))).tolist()) == [0, 1, 2, 3]
        assert epsilon_net(np.zeros((0, 2))).tolist() == []


class TestArchive:
    def test_it_holds_what_nothing_dominates_whatever_the_order_and_grouping(self):
        rng = np.random.default_rng(0)
        objectives = rng.integers(0, 30, (60, 2)).astype(float)
        objectives[rng.integers(0, 60, 8)] = np.nan
        archs = np.arange(60, dtype=np.uint8)[:, None]
        finite = np.isfinite(objectives).all(axis=1)
        expected = {
            row
            for row in np.flatnonzero(finite)
            if not any(dominates(other, objectives[row]) for other in objectives[finite])
        }
        for parts in ([60], [1] * 60, [7, 20, 33]):
            rows = rng.permutation(60)
            archive, start = Archive(1, 2), 0
            for part in parts:
                chosen = rows[start : start + part]
                entered = archive.add(archs[chosen], objectives[chosen], numbers=chosen)
                assert set(chosen[entered]) == set(chosen) & set(archive.numbers.tolist())
                start += part
            assert set(archive.numbers.tolist()) == set(archive.archs[:, 0].tolist()) == expected
            assert np.array_equal(archive.objectives, objectives[archive.numbers])

    def test_doubled_results_are_all_kept(self):
        archive = Archive(1, 2)
        assert archive.add(np.array([[1], [2]]), np.ones((2, 2))).tolist() == [True, True]

    def test_while_nothing_keeps_the_constraints_it_holds_what_breaks_them_least(self):
        archive = Archive(1, 2)
        archs, better = np.zeros((2, 1), dtype=np.uint8), np.array([[1, 1], [2, 2.0]])
        assert archive.add(archs, better, np.array([np.inf, np.inf])).tolist() == [True, False]
        assert archive.add(archs, better, np.array([3.0, 1.0])).tolist() == [False, True]
        assert archive.violation == 1.0
        assert archive.add(archs[:1], better[:1] + 5, np.zeros(1)).tolist() == [True]
        assert archive.add(archs, better - 9, np.array([1.0, np.inf])).tolist() == [False, False]
        assert (len(archive), archive.violation) == (1, 0.0)
