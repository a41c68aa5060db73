"""Simulated annealing: what is accepted, and how it cools."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget
from strategies.evolution.annealing import SimulatedAnnealing
from tests.strategies.support import ToySpace, constrained, drive, edits, evaluate, problem, rugged

SMALL, LARGE = 1e-9, 1e300


def build(given=None, seed=0, **hyperparameters):
    return SimulatedAnnealing(given or problem(), np.random.default_rng(seed), **hyperparameters)


def one_step(strategy, objective=rugged, constraint=None):
    proposals = strategy.ask(1)
    strategy.tell(evaluate(proposals, objective, constraint))
    return proposals.archs[0]


def test_cold_it_accepts_no_worse_move():
    archs, values = drive(build(first=SMALL, look_up=False), rugged, 300)
    here = 0
    for row in range(1, 300):
        assert edits(archs[row : row + 1], archs[here]) == [1]
        if values[row] <= values[here]:
            here = row


def test_hot_it_accepts_all():
    archs, _ = drive(build(first=LARGE, last=LARGE, look_up=False), rugged, 300)
    assert all(edits(archs[row : row + 1], archs[row - 1]) == [1] for row in range(1, 300))


def test_two_states_are_occupied_as_boltzmann_says():
    """Symmetric proposals, energies 0 and 1: the long-run ratio of occupation is exp(-1 / T)."""
    temperature, steps = 0.8, 8000
    strategy = build(problem(ToySpace((2,))), first=temperature, last=temperature, look_up=False)
    above = []
    for _ in range(steps):
        one_step(strategy, lambda archs: archs[:, 0].astype(float))
        above.append(int(strategy._here[0]))
    factor = np.exp(-1 / temperature)
    share = factor / (1 + factor)
    # From above it always falls, from below it rises with probability `factor`: correlation -factor of two steps.
    error = np.sqrt(share * (1 - share) / steps * (1 - factor) / (1 + factor))
    assert abs(np.mean(above) - share) < 3 * error


class TestScale:
    def test_it_is_found_from_the_first_moves_all_of_which_are_accepted(self):
        strategy = build()
        values = [rugged(one_step(strategy)[None])[0] for _ in range(11)]
        worse = [after - before for before, after in itertools.pairwise(values) if after > before]
        assert strategy.first == pytest.approx(np.mean(worse) / np.log(1 / 0.8))

    def test_moves_that_are_no_worse_say_nothing(self):
        strategy = build(moves=3)
        for _ in range(20):
            one_step(strategy, lambda archs: np.zeros(len(archs)))
        assert strategy.first is None
        assert strategy.temperature == np.inf

    @pytest.mark.parametrize(("given", "end"), [({"first": 5.0}, 0.05), ({"first": 5.0, "last": 0.5}, 0.5)])
    def test_it_cools_geometrically_to_the_last_evaluation(self, given, end):
        strategy = build(**given, look_up=False)  # the budget is 100 evaluations
        temperatures = []
        for _ in range(100):
            one_step(strategy)
            temperatures.append(strategy.temperature)
        ratios = np.array(temperatures[1:]) / temperatures[:-1]
        assert temperatures[0] == pytest.approx(5.0)
        assert temperatures[-1] == pytest.approx(end)
        assert ratios == pytest.approx(ratios[0])

    def test_a_budget_in_seconds_is_that_of_all_workers(self):
        strategy = build(replace(problem(), budget=Budget(seconds=20.0), n_workers=4), first=1.0)
        for _ in range(20):
            one_step(strategy)  # a second each
        assert strategy.spent == pytest.approx(0.25)


def test_parallel_results_are_judged_where_they_were_proposed():
    strategy = build(first=SMALL)
    one_step(strategy, lambda archs: np.full(len(archs), 5.0))
    pending = [strategy.ask(1) for _ in range(3)]
    assert {int(edits(one.archs, strategy._here)[0]) for one in pending} == {1}
    strategy.tell(evaluate(pending[1], lambda archs: np.full(len(archs), 4.0)))
    strategy.tell(evaluate(pending[0], lambda archs: np.full(len(archs), 3.0)))  # better, but of the place left behind
    assert np.array_equal(strategy._here, pending[1].archs[0])


def test_parallel_starts_are_only_remembered_once_the_walk_has_begun():
    strategy = build(first=SMALL)
    starts = [strategy.ask(1) for _ in range(3)]
    strategy.tell(evaluate(starts[1], lambda archs: np.full(len(archs), 1.0)))
    for other in (starts[0], starts[2]):
        strategy.tell(evaluate(other, lambda archs: np.full(len(archs), 5.0)))
    assert np.array_equal(strategy._here, starts[1].archs[0])


@pytest.mark.parametrize("given", [{"first": 5e-324}, {"first": 1e308, "last": 5e-324}, {"accepted": 5e-324}])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_temperatures_without_a_logarithm_are_the_coldest_that_has_one(given, scale):
    strategy = build(**given)
    archs, _ = drive(strategy, lambda archs: scale * rugged(archs), 100)
    assert len(archs) == 100
    assert strategy.temperature > 0


def test_known_results_are_looked_up_until_the_space_is_exhausted():
    space = ToySpace((3, 3, 3))
    archs, _ = drive(build(problem(space, duplicates="forbidden")), rugged, 500)
    assert len(archs) == len(np.unique(archs, axis=0)) == 27


def test_stuck_it_continues_from_a_random_architecture():
    archs, _ = drive(build(first=SMALL), rugged, 400)
    assert any(edits(archs[:row], archs[row]).min() > 1 for row in range(1, 400))


def test_violations_fall_first_and_probabilities_compare_equal_ones_only():
    strategy = build(constrained(), first=LARGE, last=LARGE, look_up=False)
    before = np.inf
    for _ in range(60):
        one_step(strategy, rugged, lambda archs: archs.sum(axis=1) - 6.0)
        violation = max(0.0, strategy._here.sum() - 6.0)
        assert violation <= before
        before = violation
    assert before == 0.0


def test_failed_trainings_are_never_accepted():
    strategy = build(first=LARGE, last=LARGE)
    for step in range(60):
        one_step(strategy, lambda archs, step=step: np.full(len(archs), 1.0 if step % 3 == 1 else np.nan))
        assert strategy._here is None or strategy._score == (0.0, 1.0)


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"first": 0.0}, "`first` must be greater than 0"),
        ({"first": 1.0, "last": 2.0}, "`last` must be at most 1"),
        ({"last": 0.1}, "`last` must be left out where `first` is not given"),
        ({"moves": 0}, "`moves` must be at least 1"),
        ({"accepted": 1.0}, "`accepted` must be at most 0.99"),
        ({"look_up": None}, "`look_up` must be true or false"),
    ],
)
def test_what_is_out_of_range_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)
