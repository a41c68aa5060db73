"""Local search, checked by replaying its traces against the rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.local_search.restarts import LocalSearch
from tests.strategies.support import ToySpace, constrained, distance_to_origin, drive, edits, evaluate, problem, rugged


def search(given=None, seed=0, **hyperparameters):
    return LocalSearch(given or problem(), np.random.default_rng(seed), **hyperparameters)


def replay_first(archs, values):
    """Follow a first-improvement trace of one worker; return the local optima at which it restarted."""
    known = {archs[0].tobytes(): values[0]}
    places, optima = [0], []  # rows where it may stand: known better neighbours are moved to at no charge
    for row in range(1, len(archs)):
        near = [place for place in places if edits(archs[row : row + 1], archs[place])[0] == 1]
        if not near:
            ends = [place for place in places if is_optimum(archs[:row], values[:row], place)]
            assert ends, "restarted before a local optimum"
            optima.append(ends[0])
            places = [row]
        elif values[row] < max(values[place] for place in near):
            places = [row]
        places = closure(places, archs[: row + 1], values[: row + 1])
        assert archs[row].tobytes() not in known, "proposed again"
        known[archs[row].tobytes()] = values[row]
    return optima


def closure(places, archs, values):
    places = list(places)
    for place in places:
        better = np.flatnonzero((edits(archs, archs[place]) == 1) & (values < values[place]))
        places.extend(row for row in better if row not in places)
    return places


def is_optimum(archs, values, place):
    around = ToySpace().neighbours(archs[place])
    seen = edits(archs, archs[place]) == 1
    return seen.sum() == len(around) and np.all(values[seen] >= values[place])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_first_improvement_moves_at_once_and_restarts_only_at_local_optima(seed):
    optima = replay_first(*drive(search(seed=seed), rugged, 250))
    assert optima


def test_first_improvement_reaches_the_only_optimum_and_restarts():
    archs, values = drive(search(), distance_to_origin, 200)
    assert values.min() == 0.0
    optima = replay_first(archs, values)
    assert {int(values[place]) for place in optima} == {0}


def test_first_improvement_moves_before_the_neighbourhood_is_known():
    archs, values = drive(search(), distance_to_origin, 12)
    first_better = int(np.flatnonzero(values < values[0])[0])
    after = archs[first_better + 1]
    assert edits(archs[first_better : first_better + 1], after)[0] == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7))
def test_best_improvement_evaluates_all_and_moves_to_the_best(seed, asked):
    archs, values = drive(search(seed=seed, improvement="best"), rugged, 200, asked=asked)
    space, known = ToySpace(), {archs[0].tobytes(): values[0]}
    here, row = archs[0], 1
    while row < len(archs):
        around = space.neighbours(here)
        wanted = {arch.tobytes() for arch in around if arch.tobytes() not in known}
        batch = archs[row : row + len(wanted)]
        assert {arch.tobytes() for arch in batch} <= wanted
        if len(batch) < len(wanted):
            return  # the budget ended inside a neighbourhood
        known |= {arch.tobytes(): value for arch, value in zip(batch, values[row:], strict=False)}
        row += len(batch)
        best = min(around, key=lambda arch: known[arch.tobytes()])
        if known[best.tobytes()] < known[here.tobytes()]:
            here = best
        elif row < len(archs):
            assert archs[row].tobytes() not in known
            here, known[archs[row].tobytes()] = archs[row], values[row]
            row += 1


def test_best_improvement_decides_a_whole_neighbourhood():
    strategy = search(improvement="best")
    strategy.tell(evaluate(strategy.ask(1), rugged))
    strategy.ask(1)
    assert strategy.decided == 17


def test_best_improvement_does_not_depend_on_the_order_of_results():
    def run(order):
        strategy, seen = search(improvement="best"), []
        for _ in range(12):
            proposals = strategy.ask(100)
            seen.append(proposals.archs)
            strategy.tell(evaluate(proposals, rugged).take(order(len(proposals))))
        return np.concatenate(seen)

    shuffled = np.random.default_rng(5)
    assert np.array_equal(run(np.arange), run(shuffled.permutation))


@pytest.mark.parametrize("improvement", ["first", "best"])
@pytest.mark.parametrize("asked", [1, 5])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(improvement, asked):
    space = ToySpace((3, 4, 3))
    strategy = search(problem(space, duplicates="forbidden"), improvement=improvement)
    archs, _ = drive(strategy, rugged, 1000, asked=asked)
    assert len(archs) == len(np.unique(archs, axis=0)) == 36
    assert len(strategy.ask(1)) == 0


def value(number):
    return lambda archs: np.full(len(archs), float(number))


def start_and_neighbours(strategy):
    """Tell a start of value 5; return it, all its neighbours (running), and two of them that differ in one gene."""
    start = strategy.ask(1)
    strategy.tell(evaluate(start, value(5)))
    around = strategy.ask(18)
    near = edits(around.archs, around.archs[0])
    return start.archs[0], around, int(np.flatnonzero(near == 1)[0]), int(np.flatnonzero(near == 2)[0])


def test_equal_neighbours_are_not_moved_to():
    archs, _ = drive(search(), value(1), 20)
    assert set(edits(archs[1:19], archs[0])) == {1}
    assert edits(archs[19:], archs[0])[0] > 1


def test_workers_get_several_neighbours_but_one_start():
    strategy = search()
    start = strategy.ask(4)
    assert len(start) == 1
    assert len(strategy.ask(4)) == 0  # the start runs
    strategy.tell(evaluate(start, value(5)))
    batch = strategy.ask(4)
    assert edits(batch.archs, start.archs[0]).tolist() == [1] * 4
    strategy.tell(evaluate(batch.take([2]), value(4)))
    assert set(edits(strategy.ask(3).archs, batch.archs[2])) == {1}


def test_a_result_of_the_neighbourhood_left_behind_is_not_followed():
    strategy = search()
    _, around, _, apart = start_and_neighbours(strategy)
    strategy.tell(evaluate(around.take([0]), value(4)))
    strategy.tell(evaluate(around.take([apart]), value(1)))
    assert set(edits(strategy.ask(8).archs, around.archs[0])) == {1}


def test_a_known_better_neighbour_is_moved_to_at_no_charge():
    strategy = search()
    _, around, near, _ = start_and_neighbours(strategy)
    order = [0, near, *[row for row in range(1, 18) if row != near]]
    results = evaluate(around, value(9))
    objectives = results.objectives.copy()
    objectives[[0, near], 0] = 4, 1
    strategy.tell(evaluate(around.take(order), lambda archs: objectives[order, 0]))
    proposed = []
    for _ in range(28):
        proposed.append(strategy.ask(1))
        strategy.tell(evaluate(proposed[-1], value(9)))
    archs = np.concatenate([proposals.archs for proposals in proposed])
    assert around.archs[near].tobytes() not in {arch.tobytes() for arch in archs}
    assert (edits(archs, around.archs[near]) == 1).sum() == 15  # all but the start and two in the same gene


def test_neighbours_that_still_run_are_waited_for_not_proposed_again():
    strategy = search()
    _, around, near, _ = start_and_neighbours(strategy)
    strategy.tell(evaluate(around.take([0]), value(4)))
    more = strategy.ask(100)
    assert len(more) == 15
    strategy.tell(evaluate(more, value(9)))
    assert len(strategy.ask(1)) == 0  # the two in the gene that changed run since the neighbourhood before
    strategy.tell(evaluate(around.take([near]), value(1)))
    assert edits(strategy.ask(1).archs, around.archs[near])[0] == 1


def test_waits_for_the_last_neighbour_before_it_restarts():
    strategy = search()
    start, around, _, _ = start_and_neighbours(strategy)
    strategy.tell(evaluate(around.take(slice(0, 17)), value(9)))
    assert len(strategy.ask(5)) == 0
    strategy.tell(evaluate(around.take([17]), value(9)))
    restart = strategy.ask(5)
    assert len(restart) == 1
    assert edits(restart.archs, start)[0] > 2


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_a_failed_start_is_replaced_and_failed_neighbours_are_not_followed(improvement):
    strategy = search(improvement=improvement)
    failed = strategy.ask(1)
    strategy.tell(evaluate(failed, lambda archs: np.array([np.nan])))
    start = strategy.ask(1)
    assert len(start) == 1
    strategy.tell(evaluate(start, lambda archs: np.array([1.0])))
    around = strategy.ask(100)
    assert len(around) == 18
    strategy.tell(evaluate(around, lambda archs: np.full(18, np.nan)))
    assert edits(strategy.ask(1).archs, start.archs[0])[0] > 1


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_moves_towards_feasibility_before_it_minimises(improvement):
    strategy = search(constrained(), improvement=improvement)
    start = strategy.ask(1)
    strategy.tell(evaluate(start, lambda archs: np.array([1.0]), lambda archs: np.array([2.0])))
    around = strategy.ask(18)
    objective = np.arange(18.0)
    violation = np.full(18, 3.0)
    objective[11], violation[11] = 50.0, -1.0
    strategy.tell(evaluate(around, lambda archs: objective, lambda archs: violation))
    assert edits(strategy.ask(1).archs, around.archs[11])[0] == 1


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_neighbours_come_in_random_order(improvement):
    space, firsts = ToySpace(), set()
    for seed in range(40):
        strategy = search(seed=seed, improvement=improvement)
        start = strategy.ask(1)
        strategy.tell(evaluate(start, value(5)))
        fixed = [arch.tobytes() for arch in space.neighbours(start.archs[0])]
        firsts.add(fixed.index(strategy.ask(1).archs.tobytes()))
    assert len(firsts) > 10
