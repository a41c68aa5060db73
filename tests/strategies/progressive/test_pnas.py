"""PNAS: levels, beams and budgets."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget, Constraint, Objective, Problem
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.rows import RowsSpace
from harness.testing.toy import ToyBenchmark, ToySpace
from strategies.progressive.pnas import PNAS
from surrogates.linear.ridge import Ridge
from tests.strategies.support import NearestNeighbour, drive, evaluate, problem, rugged

NB201 = named.space("nb201")
TOY = ToySpace()


def search(space=TOY, seed=0, budget=None, n_workers=1, learner=None, **hyperparameters):
    given = Problem(space, (Objective("error"),), budget or Budget(evaluations=60), n_workers=n_workers)
    return PNAS(given, np.random.default_rng(seed), surrogate=learner or NearestNeighbour(space), **hyperparameters)


def total(archs):
    return 30.0 - archs.astype(float).sum(axis=1)


def test_an_endless_beam_enumerates_the_space_level_by_level():
    """NB201 has C(6, l) 4^l cells of l edges."""
    strategy = search(NB201, beam=10**6, budget=Budget(evaluations=15625), learner=Ridge(NB201))
    archs, _ = drive(strategy, rugged, 15625, asked=4096)
    levels = NB201.growth.level(archs)
    assert np.all(np.diff(levels) >= 0)
    assert np.bincount(levels).tolist() == [1, 24, 240, 1280, 3840, 6144, 4096]
    assert len(np.unique(NB201.code(archs))) == 15625
    assert len(strategy.ask(1)) == 0


def test_the_budget_is_shared_among_the_levels():
    strategy = search(NB201, budget=Budget(evaluations=150))
    archs, _ = drive(strategy, rugged, 150)
    assert np.bincount(NB201.growth.level(archs)).tolist() == [1, 24, 25, 25, 25, 25, 25]


@pytest.mark.parametrize("n_workers", [1, 8])
def test_a_budget_in_seconds_is_shared_by_the_mean_time_of_a_training(n_workers):
    """Each training takes a second (`evaluate`)."""
    strategy = search(NB201, budget=Budget(seconds=150.0 / n_workers), n_workers=n_workers)
    archs, _ = drive(strategy, rugged, 150, asked=n_workers)
    counts = np.bincount(NB201.growth.level(archs), minlength=7)
    assert counts[0] == 1
    assert counts[1:].max() <= 30
    assert counts[6] >= 20


def test_each_level_grows_from_what_was_trained_on_the_one_before():
    archs, _ = drive(search(NB201, beam=7), rugged, 1 + 6 * 7)
    levels = NB201.growth.level(archs)
    assert levels.tolist() == sorted(levels.tolist())
    for level in range(1, 7):
        grown = {bytes(child) for arch in archs[levels == level - 1] for child in NB201.growth.grow(arch)}
        assert {bytes(arch) for arch in archs[levels == level]} <= grown


def test_the_best_predicted_are_trained():
    """A learner that knows the function: of every pool, the best are taken."""
    archs, values = drive(search(beam=5, learner=Ridge(TOY, penalty=1e-6)), total, 76)
    levels = TOY.growth.level(archs)
    assert levels.max() == 15
    assert values.min() == 15.0


def test_what_is_left_is_trained_in_further_passes():
    archs, _ = drive(search(beam=3), rugged, 10**4)
    levels = TOY.growth.level(archs)
    assert np.count_nonzero(np.diff(levels) < 0) > 1
    assert len(np.unique(archs, axis=0)) == len(archs)


@pytest.mark.parametrize("n_workers", [1, 8])
def test_a_level_waits_for_the_one_before(n_workers):
    strategy = search(beam=4, n_workers=n_workers)
    first = strategy.ask(n_workers)
    while len(more := strategy.ask(8)):
        first = type(first).concatenate([first, more])
    assert len(first) == 5
    strategy.tell(evaluate(first.take(slice(0, 4)), rugged))
    assert len(strategy.ask(8)) == 0
    strategy.tell(evaluate(first.take([4]), rugged))
    assert len(strategy.ask(8)) == 4


def test_failed_cells_have_no_children():
    archs, values = drive(search(beam=4), lambda archs: np.where(archs[:, 0] > 0, np.nan, rugged(archs)), 30)
    levels = TOY.growth.level(archs)
    for arch, level in zip(archs, levels, strict=True):
        if level > 1:
            parents = archs[(levels == level - 1) & np.isfinite(values)]
            assert any(bytes(arch) in map(bytes, TOY.growth.grow(parent)) for parent in parents)


def test_where_everything_fails_random_architectures_are_tried():
    archs, _ = drive(search(), lambda archs: np.full(len(archs), np.nan), 60, asked=3)
    assert len(np.unique(archs, axis=0)) == 60


def test_where_nothing_can_be_grown_random_architectures_start_new_lineages():
    """Rows of a partial table seldom contain each other."""
    few = RowsSpace(NB201, NB201.decode(np.arange(0, 15625, 50, dtype=np.uint64)))
    archs, _ = drive(search(few, budget=Budget(evaluations=100), n_workers=4), rugged, 400, asked=4)
    assert len(np.unique(NB201.code(archs))) == len(archs) == len(few.rows)


def test_closed_form_constraints_keep_large_cells_out():
    given = ToyBenchmark().objectives, Budget(evaluations=60)
    space = named.space("nats-size")
    bound = Constraint("params_m", "<=", 0.03)
    strategy = PNAS(
        Problem(space, *given, constraints=(bound,)), np.random.default_rng(0), surrogate=NearestNeighbour(space)
    )
    archs, _ = drive_constrained(strategy, bound, 60)
    broken = bound.violation(space.costs(archs)["params_m"]) > 0
    assert broken.mean() < 0.2


def drive_constrained(strategy, bound, evaluations):
    archs = []
    while sum(map(len, archs)) < evaluations and len(proposals := strategy.ask(1)):
        costs = strategy.problem.space.costs(proposals.archs)[bound.name]
        strategy.tell(evaluate(proposals, rugged, lambda _, costs=costs: bound.violation(costs)))
        archs.append(proposals.archs)
    return np.concatenate(archs), None


def test_spaces_without_an_order_are_refused_at_once():
    for space in (named.space("darts"), CategoricalSpace("grid", {"a": ["x", "y"], "b": ["x", "y"]})):
        with pytest.raises(HarnessError, match=f"'{space.name}' has none: use one of"):
            search(space)


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"beam": 0}, "`beam` must be at least 1"),
        ({"target": "rank"}, "`target` must be one of"),
        ({"identity": "same"}, "`identity` must be one of"),
        ({"learner": "ridge"}, "`surrogate` must be a Surrogate"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)
    with pytest.raises(HarnessError, match=r"takes one objective, and the problem has 2"):
        PNAS(problem(TOY, objectives=2), np.random.default_rng(0), surrogate=NearestNeighbour(TOY))
