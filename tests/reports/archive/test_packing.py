"""Packed columns: what is unpacked has the bytes of what was packed, whatever searches left behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.experiments.kind import Output
from harness.experiments.shards import output_of
from harness.experiments.store import content_sha256
from harness.records import Recommended, Run
from reports.archive.packing import CLOCK, clock, pack, unpack
from tests.reports.support import trace_of


def read(output: Output) -> Output:
    """Return a result as it is read from its file: arrays, and no texts."""
    return Output({name: np.asarray(column) for name, column in output.columns.items()})


def run_of(rng: np.random.Generator, replicate: int, rows: int, *, seconds: bool = True, **changes: object) -> Run:
    """Return a run that was told few different answers."""
    archs = rng.integers(0, 2, (rows, 3)).astype(np.uint8)
    told = 90.0 + archs.sum(axis=1) + rng.integers(0, 2, rows) / 8
    trace = trace_of(archs, told, 10.0 + archs[:, 0] if seconds else None)
    if rows:
        trace = replace(trace, started_seconds=np.concatenate([[0.0], trace.finished_seconds])[:rows])
    if not seconds:
        trace = replace(trace, started_seconds=np.full(rows, np.nan))
    return Run("b", "s", replicate, trace, "budget", 0.5, **changes)


@pytest.mark.parametrize("seconds", [True, False])
def test_what_is_unpacked_is_what_was_packed(seconds: bool) -> None:
    rng = np.random.default_rng(0)
    outputs = [
        read(output_of([run_of(rng, replicate, rows, seconds=seconds) for replicate, rows in enumerate(lengths)]))
        for lengths in ((40, 0, 25), (1,), (0,), (60, 60))
    ]
    packed = pack(outputs)
    assert [content_sha256(one) for one in unpack(packed)] == [content_sha256(one) for one in outputs]
    assert not set(CLOCK) & set(packed), "the clock of one worker follows"
    assert len(packed["answers/trace/archs"]) <= 16
    assert packed["answer"].dtype == np.uint8


def test_a_clock_of_several_workers_and_what_few_have_is_kept() -> None:
    rng = np.random.default_rng(1)
    plain, other = (run_of(rng, replicate, 30) for replicate in range(2))
    late = replace(other.trace, finished_seconds=other.trace.finished_seconds + 1.0, fidelity=np.arange(30) % 2)
    said = Recommended(np.array([3, 9]), late.archs[[3, 9]])
    other = replace(other, trace=late, beside={"epochs": np.arange(30.0)}, recommended=said)
    outputs = [read(output_of([plain])), read(output_of([other]))]
    packed = pack(outputs)
    assert [content_sha256(one) for one in unpack(packed)] == [content_sha256(one) for one in outputs]
    assert set(CLOCK) <= set(packed)
    assert {"1/beside/epochs", "1/recommended/after"} <= set(packed)
    assert "0/beside/epochs" not in packed


def test_a_clock_begins_anew_with_each_run_and_passes_what_is_not_known() -> None:
    started, finished = clock(np.array([1.0, 2.0, 4.0, np.nan, 1.0]), np.array([0, 0, 2, 5]))
    assert finished[:3].tolist() == [1.0, 3.0, 4.0]
    assert started[:3].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(finished[3:]).all()
    assert np.isnan(started[3:]).all()
