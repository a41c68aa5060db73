"""Pareto local search and LOMONAS: what is looked at, in which order, and what is met again for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Constraint
from strategies.multi_objective.local import LOMONAS, ParetoLocalSearch, potential
from strategies.parts.fronts import pareto_ranks
from tests.strategies.multi_objective.toys import (
    distant,
    drive,
    evaluate,
    failing,
    opposed,
    rugged,
    scattered,
    two,
    unlike_units,
)
from tests.strategies.support import ToySpace, edits, problem

ALL = (ParetoLocalSearch, LOMONAS)


def build(kind, given=None, seed=0, **hyperparameters):
    return kind(given or two(), np.random.default_rng(seed), **hyperparameters)


class TestParetoLocalSearch:
    def test_it_looks_at_all_neighbours_of_a_member_of_the_front(self):
        strategy = build(ParetoLocalSearch)
        start = strategy.ask(9)
        assert len(start) == 1
        strategy.tell(evaluate(start, rugged))
        around = strategy.ask(99)
        assert len(around) == 18  # three other values of six genes
        assert (edits(around.archs, start.archs[0]) == 1).all()
        strategy.tell(evaluate(around, rugged))
        both = np.concatenate([start.archs, around.archs])
        front = both[pareto_ranks(rugged(both)) == 0]
        following = strategy.ask(99)
        assert any(set(edits(following.archs, member)) == {1} for member in front)

    def test_a_descent_ends_where_no_neighbour_of_the_front_is_better(self):
        strategy, fronts = build(ParetoLocalSearch, two(ToySpace((4,) * 4))), []
        restart = strategy.restart

        def noted():
            fronts.append(strategy._front)
            return restart()

        strategy.restart = noted
        drive(strategy, rugged, 250)
        assert len(fronts) > 2
        for front in fronts[1:]:
            for arch in front.archs:
                around = strategy.problem.space.neighbours(arch)
                values = np.concatenate([front.objectives, rugged(around)])
                assert (pareto_ranks(values)[: len(front)] == 0).all()

    def test_with_workers_a_descent_begins_with_as_many(self):
        strategy = build(ParetoLocalSearch, two(n_workers=4))
        assert len(strategy.ask(4)) == 4
        assert len(strategy.ask(4)) == 0  # nothing is told yet
        assert len(build(ParetoLocalSearch, starts=3).ask(4)) == 3


class TestPotential:
    def test_ends_and_knees(self):
        front = np.array([[0, 10], [1, 1], [4, 0.8], [10, 0.0]])
        assert potential(front, 210.0).tolist() == [0, 1, 3]

    def test_the_angle_decides(self):
        # From (.5, .3) the neighbours are at an angle of 360 - 2 * (the turn): a knee of 213.7 degrees.
        front = np.array([[0, 1], [0.5, 0.35], [1, 0]])
        lines = front[[0, 2]] - front[1]
        cosine = lines[0] @ lines[1] / np.prod(np.linalg.norm(lines, axis=1))
        angle = 360 - np.degrees(np.arccos(cosine))
        assert potential(front, angle - 0.01).tolist() == [0, 1, 2]
        assert potential(front, angle + 0.01).tolist() == [0, 2]

    def test_what_bends_the_other_way_is_no_knee(self):
        assert potential(np.array([[0, 1], [0.9, 0.9], [1, 0]]), 180.0).tolist() == [0, 2]

    def test_doubles_are_potential_together(self):
        front = np.array([[0, 10], [0, 10], [1, 1], [1, 1], [5, 0.5], [10, 0]])
        assert potential(front, 210.0).tolist() == [0, 1, 2, 3, 5]

    def test_three_objectives_by_pairs(self):
        front = np.array([[0, 5, 5], [5, 0, 5], [5, 5, 0], [4, 4, 4.0]])
        assert potential(front, 210.0).tolist() == [0, 1, 2]

    def test_one_row(self):
        assert potential(np.array([[1.0, 2.0]]), 210.0).tolist() == [0]
        assert potential(np.ones((3, 2)), 210.0).tolist() == [0, 1, 2]


class TestLOMONAS:
    def test_it_looks_at_all_values_of_one_variable_at_a_time(self):
        strategy = build(LOMONAS)
        start = strategy.ask(1)
        strategy.tell(evaluate(start, rugged))
        around = strategy.ask(99)
        changed = np.flatnonzero((around.archs != start.archs[0]).any(axis=0))
        assert (len(around), len(changed)) == (3, 1)

    def test_a_restart_is_next_to_the_best_front_of_the_run(self):
        strategy, starts = build(LOMONAS, two(ToySpace((4,) * 4))), []
        restart = strategy.restart

        def noted():
            elite = strategy._elite.archs.copy()
            starts.append((elite, restart()))
            return starts[-1][1]

        strategy.restart = noted
        drive(strategy, rugged, 200)
        near = [min(edits(elite, start[0])) for elite, start in starts if len(elite)]
        assert len(near) > 1
        assert set(near) == {1}

    def test_only_the_first_fronts_are_kept(self):
        strategy = build(LOMONAS, fronts=2)
        for _ in range(30):
            proposals = strategy.ask(1)
            strategy.tell(evaluate(proposals, rugged))
            assert pareto_ranks(strategy._objectives).max(initial=0) < 2

    @pytest.mark.parametrize(("name", "value"), [("angle", 179.0), ("fronts", 0)])
    def test_what_cannot_be_is_told(self, name, value):
        with pytest.raises(HarnessError, match=f"`{name}` must be at least"):
            build(LOMONAS, **{name: value})


class TestAll:
    @pytest.mark.parametrize("kind", ALL)
    def test_the_unit_of_an_objective_changes_nothing(self, kind):
        assert np.array_equal(
            drive(build(kind), opposed, 150), drive(build(kind), unlike_units(opposed, 2.0**-20, 0.0), 150)
        )

    @pytest.mark.parametrize("kind", ALL)
    def test_it_comes_closer_than_random_draws(self, kind):
        space = ToySpace((4,) * 10)
        archs = drive(build(kind, two(space)), distant, 300)
        random = space.sample(300, np.random.default_rng(0))
        assert distant(archs).sum(axis=1).min() < distant(random).sum(axis=1).min() - 2

    @pytest.mark.parametrize("kind", ALL)
    def test_nothing_is_proposed_twice_and_small_spaces_are_searched_whole(self, kind):
        for space in (ToySpace((2, 3)), ToySpace((1,)), ToySpace((4,) * 3)):
            for objectives in (opposed, rugged, failing(rugged)):
                archs = drive(build(kind, two(space)), objectives, 100)
                assert len(archs) == len(np.unique(archs, axis=0)) == space.cardinalities.prod()

    @pytest.mark.parametrize("kind", ALL)
    def test_where_everything_fails_it_goes_on_at_random(self, kind):
        archs = drive(build(kind), lambda archs: np.full((len(archs), 2), np.nan), 50)
        assert len(np.unique(archs, axis=0)) == 50

    @pytest.mark.parametrize("kind", ALL)
    def test_results_in_any_order_and_from_any_worker(self, kind):
        archs = scattered(build(kind, two(n_workers=8)), rugged, 200, workers=8)
        assert len(np.unique(archs, axis=0)) == 200

    @pytest.mark.parametrize("kind", ALL)
    def test_the_grouping_of_results_changes_nothing(self, kind):
        whole, single = build(kind), build(kind)
        for _ in range(12):
            one, other = whole.ask(1000), single.ask(1000)
            assert np.array_equal(one.archs, other.archs)
            whole.tell(evaluate(one, rugged))
            for row in range(len(other)):
                single.tell(evaluate(other.take([row]), rugged))

    @pytest.mark.parametrize("kind", ALL)
    def test_it_comes_to_what_keeps_the_constraints(self, kind):
        given = two(ToySpace((4,) * 8), constraints=(Constraint("size", "<=", 4.0),))
        strategy = build(kind, given)
        archs = drive(strategy, rugged, 300, constraints=lambda archs: archs.astype(float).sum(axis=1)[:, None] - 4)
        assert (archs[-60:].sum(axis=1) <= 5).mean() > 0.5

    def test_one_objective(self):
        archs = drive(
            build(ParetoLocalSearch, problem()), lambda archs: archs.astype(float).sum(axis=1, keepdims=True), 200
        )
        assert archs.sum(axis=1).min() == 0
        with pytest.raises(UnfitError, match="needs 2 objectives or more"):
            build(LOMONAS, problem())
