"""Memory of a shard: it follows the results, not the state of all replicates at once."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np

from harness.experiments import shards
from harness.experiments.kind import Output
from harness.experiments.prepare import prepare
from harness.experiments.shards import Search, Shard, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from harness.records import Trace

SPEC = Spec(
    "many",
    ("nb201-cifar10",),
    (StrategySpec("regularized_evolution", "RE", {"population": 10, "sample": 3}),),
    Budget(evaluations=12),
    replicates=3000,
    replicates_per_shard=3000,
)


def shard(**changes) -> Shard:
    ((_, unit),) = prepare(replace(SPEC, **changes)).shards.values()
    assert isinstance(unit, Shard)
    return unit


def size(output: Output) -> int:
    return sum(int(np.prod(column.shape)) * column.itemsize for column in output.columns.values())


def test_memory_of_a_shard_does_not_grow_with_the_state_of_its_replicates():
    few, many = shard(replicates=10, replicates_per_shard=10), shard()
    Search().run(few)  # opens the table, imports
    tracemalloc.start()
    try:
        output = Search().run(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(output.columns["offsets"]) == 3001
    assert peak < 4 * size(output), f"{peak / 1e6:.1f} MB for a result of {size(output) / 1e6:.1f} MB"


def test_parts_of_a_shard_change_no_trace(monkeypatch):
    for changes in ({}, {"n_workers": 3}, {"budget": Budget(seconds=20_000.0, duplicates="free")}):
        unit = shard(replicates=23, replicates_per_shard=23, **changes)
        told: list[int] = []
        monkeypatch.setattr(shards, "AT_ONCE", 1000)
        whole = run_shard(unit)
        monkeypatch.setattr(shards, "AT_ONCE", 5)
        parts = run_shard(unit, on_step=told.append)
        assert told == sorted(told)
        assert told[-1] == sum(len(run.trace) for run in whole)
        for one, two in zip(whole, parts, strict=True):
            assert (one.replicate, one.stopped) == (two.replicate, two.stopped)
            for name in Trace._names:
                np.testing.assert_array_equal(getattr(one.trace, name), getattr(two.trace, name))
        again = Search().run(unit)
        for run, back in zip(whole, shards.runs_of(unit, again), strict=True):
            np.testing.assert_array_equal(run.trace.tag, back.trace.tag)
            assert run.trace.archs.dtype == back.trace.archs.dtype
