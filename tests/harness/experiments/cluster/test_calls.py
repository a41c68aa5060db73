"""Calls to a cluster: the units in each, and what becomes of them when its workers die; without a cluster."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import replace

import pytest

from harness.experiments import execute as execution
from harness.experiments.cluster.executor import Cluster, WorkersDiedError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.progress import Ledger
from tests.harness.experiments.test_execute import SPEC, assert_same, traces

SMALL = replace(
    SPEC, benchmarks=("nb201-cifar10",), strategies=SPEC.strategies[:2], replicates=24, replicates_per_shard=1
)


class Inline(Cluster):
    """Computes calls at once, in this process; the workers that get one of the `deadly` units die."""

    parallel = 1  # type: ignore[assignment]  # a property of what it extends

    def __init__(self, deadly=()):
        self.deadly, self.calls = set(deadly), []

    def submit(self, function, *args):
        future = Future()
        self.calls.append([execution.kind_of(args[0]).unit(data).digest for data in args[1]])
        if self.deadly & set(self.calls[-1]):
            future.set_exception(WorkersDiedError("every worker that computed it died"))
        else:
            future.set_result(function(*args))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass


@pytest.fixture
def checked(monkeypatch):
    monkeypatch.setattr(execution.cluster_workers, "check", lambda *args: True)


def ledger(counts, seconds, parallel=2):
    """A ledger of units of several strategies, of which one was computed where its seconds are known."""
    units = {f"{label}{place}": (label, None) for label, count in counts.items() for place in range(count)}
    made = Ledger(units, lambda progress: None, parallel=parallel)
    for label, known in seconds.items():
        made.seconds[label], made.counts[label] = known, 1
    return made, deque(units)


def calls(made, to_submit, alone=()):
    found = []
    while to_submit:
        found.append(execution._together(to_submit, set(alone), made))
    return found


def test_small_units_go_together_and_ever_fewer_at_the_end():
    made, to_submit = ledger({"quick": 1000}, {"quick": 0.006})
    listed = list(to_submit)
    found = calls(made, to_submit)
    sizes = [len(call) for call in found]
    assert [digest for call in found for digest in call] == listed
    assert sizes[0] == 64
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1
    assert len(sizes) < 50
    for place, size in enumerate(sizes):  # none is more than a share of what was left
        assert size <= max(1, sum(sizes[place:]) / 8 + 1)


def test_a_call_takes_no_longer_than_a_second():
    found = calls(*ledger({"quick": 400, "slow": 40}, {"quick": 0.1, "slow": 0.6}, parallel=1))
    assert max(len(call) for call in found) == 10
    assert {len(call) for call in found if any(digest.startswith("slow") for digest in call)} == {1}


def test_units_of_which_nothing_is_known_go_by_themselves():
    found = calls(*ledger({"quick": 100, "new": 30}, {"quick": 0.001}, parallel=1))
    assert {len(call) for call in found if call[-1].startswith("new")} == {1}
    assert max(map(len, found)) > 20
    assert {
        len(call) for call in calls(*ledger({"quick": 9}, {"quick": 0.001}, 1), alone=[f"quick{n}" for n in range(9)])
    } == {1}


@pytest.mark.usefixtures("checked")
def test_a_unit_that_kills_workers_takes_no_other_with_it(tmp_path):
    prepared = prepare(SMALL)
    deadly = list(prepared.shards)[8]
    executor = Inline([deadly])
    outcome = execute(prepared, tmp_path / "cluster", executor=executor)
    assert any(deadly in call and len(call) > 1 for call in executor.calls), "it was by itself from the first"
    assert [failure.shard.digest for failure in outcome.failed] == [deadly]
    assert outcome.computed == len(prepared.shards) - 1
    execute(prepared, tmp_path / "here")
    found, expected = traces(tmp_path / "cluster"), traces(tmp_path / "here")
    assert len(expected) == len(found) + 1
    assert_same(found, {key: expected[key] for key in found})
