"""NASH-style climbing: its children, its starts, and where morphisms alone lead."""

from __future__ import annotations

import numpy as np
import pytest

import harness as nh
from harness import registry
from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.spaces import named
from strategies.morphism.nash import Nash
from tests.strategies.support import ToySpace, constrained, distance_to_origin, drive, edits, evaluate, problem, rugged

NB201 = named.space("nb201")


def search(given=None, seed=0, **hyperparameters):
    return Nash(given or problem(), np.random.default_rng(seed), **hyperparameters)


@pytest.mark.parametrize(
    ("table", "end", "evaluations", "regret"),
    [
        ("nb201-cifar10", [3, 3, 3, 3, 3, 3], 50, 1.408),
        ("nb201-cifar100", [0, 0, 0, 3, 0, 0], 23, 5.773),
        ("nb201-imagenet16", [3, 2, 0, 3, 2, 3], 53, 3.544),
    ],
)
def test_climbing_from_nothing_ends_at_the_known_local_optima_of_nb201(table, end, evaluations, regret):
    """All children of each step, one morphism each, on the mean table.

    The reference counts a child once for each parent (51, 23 and 56 on these tables), here it is trained once.
    """
    climber = StrategySpec("nash", "climber", {"children": 12, "morphisms": 1, "start": "smallest"})
    run = nh.run([climber], table, evaluations=60, replicates=1, seed=1, budget={"table_seed": "mean"}).runs[0]
    archs, values = run.trace.archs, run.trace.objectives[:, 0]
    assert archs[0].tolist() == [0] * 6
    climbed = archs[:evaluations]
    assert np.isin(climbed, (0, 2, 3)).all()
    best = climbed[np.argmin(values[:evaluations])]
    assert best.tolist() == end
    assert not np.all(np.isin(archs[evaluations], (0, 2, 3))) or edits(archs[evaluations][None], best)[0] > 1
    oracle = registry.oracle(table)
    accuracy = oracle.mean(best[None], "valid_accuracy")[0]
    assert round(float(oracle.optimum("valid_accuracy").value - accuracy), 3) == regret


@pytest.mark.parametrize("asked", [1, 8])
def test_a_generation_has_eight_children_within_five_morphisms(asked):
    strategy = search(problem(NB201), start="smallest")
    archs, _ = drive(strategy, lambda archs: np.ones(len(archs)), 1 + 16, asked=asked)
    counts = np.isin(archs[1:], (2, 3)).sum(axis=1)
    assert np.isin(archs, (0, 2, 3)).all()
    assert ((counts >= 1) & (counts <= 5)).all()  # a plateau: the start stays the parent


def test_the_best_child_is_the_next_parent_and_a_worse_generation_leaves_it():
    strategy = search(problem(ToySpace((9,) * 8)), morphisms=1)
    start = strategy.ask(1)
    strategy.tell(evaluate(start, lambda archs: np.array([5.0])))
    children = strategy.ask(8)
    assert set(edits(children.archs, start.archs[0])) == {1}
    strategy.tell(evaluate(children, lambda archs: np.array([9.0, 9, 4, 9, 3, np.nan, 9, 9])))
    grandchildren = strategy.ask(8)
    assert set(edits(grandchildren.archs, children.archs[4])) == {1}
    strategy.tell(evaluate(grandchildren, lambda archs: np.full(8, 7.0)))
    assert set(edits(strategy.ask(8).archs, children.archs[4])) == {1}


def test_workers_wait_for_the_end_of_a_generation():
    strategy = search(morphisms=1)
    assert len(strategy.ask(4)) == 1
    assert len(strategy.ask(4)) == 0


def test_waits_for_all_children():
    strategy = search(morphisms=1)
    strategy.tell(evaluate(strategy.ask(4), rugged))
    first, second = strategy.ask(4), strategy.ask(8)
    assert (len(first), len(second)) == (4, 4)
    assert len(strategy.ask(1)) == 0
    strategy.tell(evaluate(second, rugged))
    assert len(strategy.ask(1)) == 0


def test_a_start_that_failed_is_replaced():
    archs, _ = drive(search(), lambda archs: np.full(len(archs), np.nan), 40, asked=3)
    assert len(np.unique(archs, axis=0)) == 40


def test_feasible_children_come_first():
    strategy = search(constrained(), morphisms=1)
    strategy.tell(evaluate(strategy.ask(1), lambda archs: np.ones(1), lambda archs: np.ones(1)))
    children = strategy.ask(8)
    objective, violation = np.zeros(8), np.full(8, 2.0)
    objective[3], violation[3] = 50.0, -1.0
    strategy.tell(evaluate(children, lambda archs: objective, lambda archs: violation))
    assert set(edits(strategy.ask(8).archs, children.archs[3])) == {1}


@pytest.mark.parametrize("asked", [1, 8])
@pytest.mark.parametrize("morphisms", [1, 5])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(asked, morphisms):
    strategy = search(problem(ToySpace((3, 4, 3)), duplicates="forbidden"), morphisms=morphisms)
    archs, _ = drive(strategy, rugged, 1000, asked=asked)
    assert len(archs) == len(np.unique(archs, axis=0)) == 36
    assert len(strategy.ask(1)) == 0


def test_it_finds_an_optimum_that_edits_lead_to():
    archs, values = drive(search(morphisms=1), distance_to_origin, 200)
    assert values.min() == 0.0
    assert len(archs) == 200


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"children": 0}, "`children` must be at least 1"),
        ({"morphisms": 0}, "`morphisms` must be at least 1"),
        ({"moves": "edits"}, "`moves` must be one of 'morphism', 'neighbours'"),
        ({"start": "first"}, "`start` must be one of 'random', 'smallest'"),
        ({"start": "smallest"}, "'toy' has none"),
    ],
)
def test_what_cannot_be_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)
