"""MO-ASHA: the order of a rung by hand, the toy of nine, and where code in use decides otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import UnfitError
from harness.problem import Budget, Fidelity, Objective, Problem
from harness.records import Evaluations
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_objective.mo_asha import MOASHA
from tests.strategies.support import ToySpace

FIDELITIES = (Fidelity("1", 9, 1), Fidelity("3", 9, 3, continues=0), Fidelity("9", 9, 9, continues=1))
FIVE = np.array([[0, 10], [1, 8], [4, 4], [9, 0.5], [10.0, 0]])


def posed(objectives=2, **more):
    budget = Budget(seconds=1000.0, multi_fidelity="resumable")
    named = tuple(Objective(f"f{index}") for index in range(objectives))
    return Problem(ToySpace(), named, budget, fidelities=FIDELITIES, **more)


def build(kind=MOASHA, given=None, **hyperparameters):
    return kind(given or posed(), np.random.default_rng(0), **hyperparameters)


def begin(strategy, objectives):
    """Begin as many trials as there are rows, and tell their first results; return their tags."""
    proposals = strategy.ask(len(objectives))
    assert (proposals.fidelity == 0).all()
    tell(strategy, proposals, objectives)
    return proposals.tag.tolist()


def tell(strategy, proposals, objectives):
    n = len(proposals)
    empty = np.zeros((n, 0))
    rows = np.asarray(objectives, dtype=float)
    strategy.tell(Evaluations(proposals.archs, proposals.fidelity, proposals.tag, rows, empty, np.ones(n)))


def order(strategy, rung=0):
    return [trial.tag for trial in strategy.best(strategy.systems[0][rung], 99)]


class TestOrder:
    def test_a_front_is_ordered_by_its_net_in_units_of_the_range(self):
        strategy = build()
        begin(strategy, FIVE * [1.0, 1e6])
        assert order(strategy) == [0, 4, 2, 1, 3]

    def test_fronts_come_first_and_failed_members_are_left_out(self):
        strategy = build()
        begin(strategy, np.concatenate([[[np.nan, 0]], FIVE + 20, [[0, np.nan]], FIVE]))
        assert order(strategy) == [7, 11, 9, 8, 10, 1, 5, 3, 2, 4]
        assert [trial.tag for trial in strategy.best(strategy.systems[0][0], 2)] == [7, 11]

    def test_the_best_third_of_members_that_finished_is_promoted_one_after_the_other(self):
        strategy = build()
        begin(strategy, np.concatenate([FIVE, FIVE + 20]))
        promoted = []
        while len(proposals := strategy.ask(1)) and proposals.fidelity[0] == 1:
            promoted.append(int(proposals.tag[0]))
        assert promoted == [0, 4, 2]  # ten members, three of them

    def test_failed_members_count_and_are_never_promoted(self):
        strategy = build()
        begin(strategy, [[np.nan, 1]] * 5 + [[1, 1]])
        assert [int(strategy.ask(1).fidelity[0]) for _ in range(2)] == [1, 0]

    def test_a_rung_without_anything_to_promote_is_looked_at_again_when_it_grows(self):
        strategy = build()
        begin(strategy, FIVE[:2])
        third = strategy.ask(1)
        assert third.fidelity.tolist() == [0]
        tell(strategy, third, FIVE[2:3])
        assert strategy.ask(1).fidelity.tolist() == [1]


class TestStopping:
    def test_the_best_of_three_goes_on_also_when_it_comes_last(self):
        """Code in use gives it a third, and stops it: it takes the ranks of the net for its order."""
        strategy = build(rule="stopping")
        begin(strategy, [[5, 5], [6, 4], [1, 1]])
        assert strategy.ask(1).tag.tolist() == [0]  # the first is judged by itself alone
        assert strategy.ask(1).tag.tolist() == [2]

    def test_the_decision_is_that_of_the_order(self):
        rng = np.random.default_rng(0)
        for count in (3, 7, 20):
            strategy = build(rule="stopping")
            values = rng.random((count, 2))
            for row in range(count):
                proposals = strategy.ask(1)
                while proposals.fidelity[0] != 0:
                    proposals = strategy.ask(1)
                tell(strategy, proposals, values[row : row + 1])
                trial = strategy.trials[int(proposals.tag[0])]
                place = order(strategy).index(trial.tag)
                assert trial.stopped == (place > row // 3)


def test_one_objective_is_refused_and_with_a_copy_of_it_it_is_asha():
    with pytest.raises(UnfitError, match="needs 2 objectives or more"):
        build(given=posed(1))
    values = np.random.default_rng(1).random(40)
    double, single = build(), build(ASHA, posed(1))
    for row in range(0, 40, 2):
        one, other = double.ask(2), single.ask(2)
        assert np.array_equal(one.tag, other.tag)
        assert np.array_equal(one.fidelity, other.fidelity)
        part = values[row : row + 2]
        tell(double, one, np.stack([part, 3 * part], axis=1))
        tell(single, other, part[:, None])
