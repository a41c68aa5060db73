"""What every built-in strategy promises on a real table: constraints, failures, workers, budgets, tiny spaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget, Constraint
from harness.records import Run
from strategies import STRATEGIES

TABLE = "nb201-cifar10"
SMALL = Constraint("params_m", "<=", 0.1)  # known in closed form
LATENCY = Constraint("latency_seconds", "<=", 0.0148)  # not known: told, and learnt


def runs_of(name: str, evaluations: int = 60, replicates: int = 4, **changes) -> tuple[Run, ...]:
    """Run a strategy with its defaults, with a quick learner where it learns."""
    takes_learner = "surrogate" in registry.keywords(registry.strategy(name))
    item = StrategySpec(name, name, {}, {"name": "ridge", "encoding": "one_hot"} if takes_learner else None)
    spec = Spec("every", (TABLE,), (item,), Budget(evaluations=evaluations), replicates=replicates)
    spec = replace(spec, **changes)
    if spec.budget.duplicates == "forbidden" and name == "random_search":
        item = replace(item, hyperparameters={"distinct": True})
        spec = replace(spec, strategies=(item,))
    benchmark = registry.benchmark(TABLE, constraints=spec.constraints)
    return tuple(run for shard in resolve(spec, item, benchmark, "cpu") for run in run_shard(shard))


@pytest.fixture(autouse=True)
def installed(request):
    name = request.node.callspec.params.get("name", "random_search")
    try:
        registry.strategy(name)
    except (ImportError, HarnessError) as error:
        pytest.skip(f"{name}: {error}")


SLOW_TO_HEED = ("nash", "autokeras", "bananas", "cma_es", "controller")
"""Strategies whose moves make networks larger, and those that rank by constraints and have not learnt much by then."""


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random_search"])
def test_constraints_that_are_told_are_taken_into_account(name):
    """What is proposed late is feasible more often than a random row of the table."""
    feasible = [run.trace.constraints[:, 0] <= 0 for run in runs_of(name, 90, constraints=(LATENCY,))]
    assert all(rows.any() for rows in feasible)
    if name not in SLOW_TO_HEED:
        assert np.mean([rows[-30:] for rows in feasible]) > 0.31


@pytest.mark.parametrize("name", STRATEGIES)
def test_constraints_that_are_known_are_kept(name):
    """One cell in twenty-one has so few parameters; workers, and a bound that is told, change nothing."""
    for run in runs_of(name, constraints=(SMALL, LATENCY), n_workers=2):
        assert (run.trace.constraints[:, 0] <= 0).all()
        assert len(run.trace) >= 40


@pytest.mark.parametrize("name", STRATEGIES)
def test_eight_workers_and_a_time_budget(name):
    for run in runs_of(name, n_workers=8, budget=Budget(seconds=3e4)):
        trace = run.trace
        assert run.stopped == "budget"
        assert len(trace) > 10
        assert trace.finished_seconds.max() <= 3e4
        if name == "nash":  # waits for all children of a parent, and a cell may have one
            continue
        assert set(trace.worker) == set(range(8))
        busy = trace.seconds.sum() / (8 * 3e4)
        assert busy > 0.5, f"workers were idle: {busy:.2f}"


@pytest.mark.parametrize("name", STRATEGIES)
def test_duplicates_are_refused_or_never_proposed(name):
    forbidden = Budget(evaluations=60, duplicates="forbidden")
    if not registry.strategy(name).takes.forbidden_duplicates:
        with pytest.raises(HarnessError, match=r"Strategies that can: .*local_search"):
            runs_of(name, budget=forbidden)
        return
    for run in runs_of(name, budget=forbidden, n_workers=4):
        assert len(np.unique(run.trace.archs, axis=0)) == len(run.trace) == 60


@pytest.mark.parametrize("name", STRATEGIES)
def test_two_objectives_are_refused_with_the_names_of_those_that_can(name):
    item = StrategySpec(name, name)
    spec = Spec("two", (TABLE,), (item,), Budget(evaluations=10), objectives=("valid_accuracy", "params_m"))
    benchmark = registry.benchmark(TABLE, objectives=spec.objectives)
    if registry.strategy(name).takes.objectives == 1:
        with pytest.raises(HarnessError, match=r"takes one objective, and the problem has 2 .* Strategies that can:"):
            resolve(spec, item, benchmark, "cpu")
