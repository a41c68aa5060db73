"""What every built-in strategy promises on a real table: constraints, failures, workers, budgets, tiny spaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec, TransferSpec
from harness.problem import Budget, Constraint
from harness.records import Run
from strategies import STRATEGIES
from tests.strategies.quick import QUICK

TABLE = "nb201-cifar10"
WITH_EPOCHS, FULL_SECONDS = "micro-mnist1d", 0.1
"""For strategies that train at lower fidelities: a table with epochs, and what a full training takes there."""
SMALL = Constraint("params_m", "<=", 0.1)  # known in closed form
LATENCY = Constraint("latency_seconds", "<=", 0.0148)  # not known: told, and learnt


def _takes_fidelities(name: str) -> bool:
    try:
        return registry.strategy(name).takes.fidelities
    except (ImportError, HarnessError):  # not installed: skipped below
        return False


RISING = tuple(filter(_takes_fidelities, STRATEGIES))
"""Strategies that train at lower fidelities."""


def _needs_several(name: str) -> bool:
    try:
        return registry.strategy(name).takes.fewest_objectives > 1
    except (ImportError, HarnessError):  # not installed: skipped below
        return False


SOURCES = TransferSpec(("nb201-cifar100",), rows=50)
"""For strategies that learn from finished trainings of other tables."""
SEVERAL = ("valid_accuracy", "params_m")
"""Objectives of strategies that need more than one."""


def runs_of(name: str, evaluations: int = 60, replicates: int = 2, **changes) -> tuple[Run, ...]:
    """Run a strategy with its defaults, with a quick learner where it learns; in seconds where it takes fidelities."""
    takes_learner = "surrogate" in registry.keywords(registry.strategy(name))
    if takes_learner and _needs_several(name):  # two models a decision: half the runs
        replicates = min(replicates, 2)
    learner = {"name": "ridge", "encoding": "one_hot"} if takes_learner else None
    item = StrategySpec(name, name, QUICK.get(name, {}), learner)
    table, budget = TABLE, Budget(evaluations=evaluations)
    if name in RISING:
        table, budget = WITH_EPOCHS, Budget(seconds=evaluations * FULL_SECONDS, multi_fidelity="resumable")
    spec = Spec("every", (table,), (item,), budget, replicates=replicates)
    if registry.strategy(name).takes.prior:
        spec = replace(spec, transfer=SOURCES)
    spec = replace(spec, **({"objectives": SEVERAL} if _needs_several(name) else {}), **changes)
    if spec.budget.duplicates == "forbidden" and name == "random_search":
        item = replace(item, hyperparameters={"distinct": True})
        spec = replace(spec, strategies=(item,))
    benchmark = registry.benchmark(table, constraints=spec.constraints, objectives=spec.objectives)
    return tuple(run for shard in resolve(spec, item, benchmark, "cpu") for run in run_shard(shard))


@pytest.fixture(autouse=True)
def installed(request):
    name = request.node.callspec.params.get("name", "random_search")
    try:
        registry.strategy(name)
    except (ImportError, HarnessError) as error:
        pytest.skip(f"{name}: {error}")


SLOW_TO_HEED = ("nash", "autokeras", "bananas", "cma_es", "controller", "npenas_bo", "npenas_np", "seminas",
                "graf_search")  # fmt: skip
"""Strategies whose moves make networks larger, and those that rank by constraints and have not learnt much by then."""


@pytest.mark.parametrize("name", RISING)
def test_constraints_that_are_known_are_kept_at_every_fidelity(name):
    """A third of the table has so few parameters, and nothing else is trained, not for an epoch."""
    for run in runs_of(name, 25, constraints=(Constraint("params_m", "<=", 0.009),)):
        assert (run.trace.constraints <= 0).all()
        assert len(run.trace) > 25


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ("random_search", *RISING)])
def test_constraints_that_are_told_are_taken_into_account(name):
    """What is proposed late is feasible more often than a random row of the table."""
    feasible = [run.trace.constraints[:, 0] <= 0 for run in runs_of(name, 90, 4, constraints=(LATENCY,))]
    assert all(rows.any() for rows in feasible)
    if name not in SLOW_TO_HEED:
        assert np.mean([rows[-30:] for rows in feasible]) > 0.31


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in RISING])
def test_constraints_that_are_known_are_kept(name):
    """One cell in twenty-one has so few parameters; workers, and a bound that is told, change nothing."""
    for run in runs_of(name, constraints=(SMALL, LATENCY), n_workers=2):
        assert (run.trace.constraints[:, 0] <= 0).all()
        assert len(run.trace) >= 40


@pytest.mark.parametrize("name", STRATEGIES)
def test_eight_workers_and_a_time_budget(name):
    budget = Budget(seconds=3e4)
    if name in RISING:
        budget = Budget(seconds=8 * FULL_SECONDS, multi_fidelity="resumable")
    for run in runs_of(name, n_workers=8, budget=budget):
        trace = run.trace
        assert run.stopped == "budget"
        assert len(trace) > 10
        assert trace.finished_seconds.max() <= budget.seconds
        if name == "nash":  # waits for all children of a parent, and a cell may have one
            continue
        assert set(trace.worker) == set(range(8))
        busy = trace.seconds.sum() / (8 * budget.seconds)
        assert busy > 0.5, f"workers were idle: {busy:.2f}"


@pytest.mark.parametrize("name", STRATEGIES)
def test_duplicates_are_refused_or_never_proposed(name):
    forbidden = Budget(evaluations=60, duplicates="forbidden")
    if name in RISING:
        forbidden = Budget(seconds=5 * FULL_SECONDS, duplicates="forbidden", multi_fidelity="resumable")
    if not registry.strategy(name).takes.forbidden_duplicates:
        with pytest.raises(HarnessError, match=r"Strategies that can: .*local_search"):
            runs_of(name, budget=forbidden)
        return
    for run in runs_of(name, budget=forbidden, n_workers=4):
        rows = np.column_stack([run.trace.archs, run.trace.fidelity])
        assert len(np.unique(rows, axis=0)) == len(rows)
        assert len(rows) == 60 or name in RISING


@pytest.mark.parametrize("name", STRATEGIES)
def test_two_objectives_are_refused_with_the_names_of_those_that_can(name):
    item = StrategySpec(name, name)
    table, budget = (WITH_EPOCHS, Budget(seconds=1.0)) if name in RISING else (TABLE, Budget(evaluations=10))
    spec = Spec("two", (table,), (item,), budget, objectives=("valid_accuracy", "params_m"))
    benchmark = registry.benchmark(table, objectives=spec.objectives)
    if registry.strategy(name).takes.objectives == 1:
        with pytest.raises(HarnessError, match=r"takes one objective, and the problem has 2 .* Strategies that can:"):
            resolve(spec, item, benchmark, "cpu")
