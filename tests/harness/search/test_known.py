"""What is known before training is never trained where it breaks a bound; what is measured is told."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget, Constraint
from harness.search.known import known_constraints, offered
from harness.search.loop import make_problem
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark

SIZE, WORK = Constraint("params_m", "<=", 0.1), Constraint("macs_m", "<=", 20.0)
LATENCY = Constraint("latency_seconds", "<=", 0.0148)


def posed(table, *constraints):
    benchmark = registry.benchmark(table, constraints=constraints)
    return offered(make_problem(benchmark, Budget(evaluations=10)), benchmark)


def runs(name, *constraints, table="nb201-cifar10", **changes):
    item = StrategySpec(name, name)
    spec = Spec("known", (table,), (item,), **{"budget": Budget(evaluations=60), "replicates": 3, **changes})
    spec = Spec(**{**vars(spec), "constraints": constraints})
    benchmark = registry.benchmark(table, constraints=constraints)
    (shard,) = resolve(spec, item, benchmark, "cpu")
    return shard, run_shard(shard)


def test_costs_are_known_and_latencies_are_told():
    benchmark = registry.benchmark("nb201-cifar10", constraints=(SIZE, LATENCY, WORK))
    assert known_constraints(benchmark) == (SIZE, WORK)
    assert known_constraints(ToyBenchmark(constraints=(Constraint("size", "<=", 9.0),))) == ()


def test_without_known_constraints_the_problem_is_as_it_was():
    for constraints in ((), (LATENCY,)):
        benchmark = registry.benchmark("nb201-cifar10", constraints=constraints)
        problem = make_problem(benchmark, Budget(evaluations=10))
        assert offered(problem, benchmark) is problem


def test_costs_are_those_of_the_table_and_not_of_another_network():
    """Micro's networks have other channels than NAS-Bench-201's, and CIFAR-100 has more classes."""
    space = posed("micro-mnist1d", Constraint("params_m", "<=", 0.00223)).space
    oracle = registry.oracle("micro-mnist1d")
    assert len(space.rows) > 0
    assert np.allclose(space.costs(space.rows)["params_m"], oracle.mean(space.rows, "params_m"), rtol=1e-12)
    bound = float(np.sort(np.unique(registry.oracle("nb201-cifar100").values("params_m")))[3])
    exact = posed("nb201-cifar100", Constraint("params_m", "<=", bound)).space
    kept = (registry.oracle("nb201-cifar100").values("params_m") <= bound).sum()
    assert len(exact.rows) == kept


@pytest.mark.parametrize("name", ["random_search", "regularized_evolution", "local_search"])
def test_nothing_known_to_be_infeasible_is_charged(name):
    shard, done = runs(name, SIZE, LATENCY)
    assert shard.known == ("params_m",)
    for run in done:
        assert (run.trace.constraints[:, 0] <= 0).all()
        assert len(run.trace) == 60


def test_workers_and_continued_trainings_respect_bounds_as_well():
    budget = Budget(seconds=4.0, multi_fidelity="resumable")
    _, done = runs(
        "local_search", Constraint("params_m", "<=", 0.02), table="micro-mnist1d", budget=budget, n_workers=8
    )
    assert all((run.trace.constraints <= 0).all() and len(run.trace) for run in done)


def test_known_constraints_are_in_the_digest():
    shard, _ = runs("random_search", SIZE)
    plain = type(shard)(**{**vars(shard), "known": ()})
    assert plain.digest != shard.digest


def test_a_strategy_that_leaves_the_feasible_space_is_told_so_and_goes_on():
    class Anywhere(Strategy):
        def propose(self, n):
            return self.proposals(np.full((n, 6), 3))

    item = StrategySpec("random_search", "rs")
    spec = Spec("known", ("nb201-cifar10",), (item,), Budget(evaluations=5), 1, constraints=(SIZE,))
    benchmark = registry.benchmark("nb201-cifar10", constraints=(SIZE,))
    (shard,) = resolve(spec, item, benchmark, "cpu", factory=Anywhere)
    (run,) = run_shard(shard, factory=Anywhere)
    assert (run.trace.constraints > 0).all()


def test_constraints_that_exclude_each_other_are_refused_before_a_run():
    both = (Constraint("params_m", "<=", 0.1), Constraint("macs_m", ">=", 150.0))
    with pytest.raises(HarnessError, match=r"no architecture of nb201-cifar10 keeps params_m <= 0\.1, macs_m >= 150"):
        registry.benchmark("nb201-cifar10", constraints=both)


@pytest.mark.parametrize(
    ("table", "constraint", "best", "cells"),
    [
        ("nb201-cifar10", "params_m <= 0.1", 84.664, 729),
        ("nb201-cifar10", "params_m <= 0.3", 88.654, 4096),
        ("nb201-cifar10", "params_m <= 0.5", 90.83466, 10240),
        ("nb201-cifar10", "params_m <= 0.8", 91.416, 14080),
        ("nb201-cifar10", "macs_m <= 50", 90.724, 7984),
        ("nb201-cifar100", "params_m <= 0.3", 68.24667, None),
        ("nb201-cifar100", "params_m <= 0.5", 71.51, None),
    ],
)
def test_constrained_optima_of_the_tables(table, constraint, best, cells):
    """Computed from the published tables by a separate script."""
    bound = Constraint.parse(constraint)
    rows = posed(table, bound).space.rows
    values = registry.oracle(table).mean(rows, "valid_accuracy")
    assert values.max() == pytest.approx(best, abs=1e-5)
    assert cells is None or len(rows) == cells
