"""Memory of a shard: neither the results nor the state of all replicates are held at once."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.experiments import shards
from harness.experiments.prepare import prepare
from harness.experiments.shards import Search, Shard, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.experiments.store import read_unit, unit_path, write_unit
from harness.files.spool import IN_MEMORY
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
RANDOM = replace(SPEC, strategies=(StrategySpec("random_search", "RS"),), budget=Budget(evaluations=60))


def shard(spec: Spec = SPEC, **changes) -> Shard:
    ((_, unit),) = prepare(replace(spec, **changes)).shards.values()
    assert isinstance(unit, Shard)
    return unit


def peak(unit: Shard, folder: Path) -> int:
    """Return the most bytes that Python and numpy hold while a shard is computed and written."""
    tracemalloc.start()
    try:
        write_unit(folder, Search(), unit, Search().run(unit))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("spec", [SPEC, RANDOM], ids=["evolution", "random search"])
def test_memory_of_a_shard_does_not_grow_with_its_replicates(spec, tmp_path):
    few, more, many = (shard(spec, replicates=n, replicates_per_shard=n) for n in (10, 300, 2000))
    peak(few, tmp_path)  # opens the table, imports
    smaller, larger = peak(more, tmp_path), peak(many, tmp_path)
    written = unit_path(tmp_path, many.digest).stat().st_size
    assert len(read_unit(unit_path(tmp_path, many.digest), Search())[1].columns["offsets"]) == 2001
    beyond = larger - smaller
    assert beyond < IN_MEMORY + 0.1 * written, f"{beyond / 1e6:.1f} MB more for a result of {written / 1e6:.1f} MB"


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
