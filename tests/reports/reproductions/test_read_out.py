"""Values of searches at a budget: the step rule, and the line of NATS-Bench through the two nearest evaluations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from harness.benchmark import Oracle
from harness.errors import ResultError
from harness.records import Run, Trace
from reports.reproductions import read_out

VALUES = np.array([10.0, 20.0, 30.0, 40.0])


def run_of(objectives: list[float], finished: list[float], archs: list[int] | None = None) -> Run:
    n = len(objectives)
    rows = np.array(list(range(n)) if archs is None else archs, dtype=np.uint8)[:, None]
    zero = np.zeros(n)
    trace = Trace(
        archs=rows,
        fidelity=np.zeros(n, dtype=np.int64),
        tag=np.zeros(n, dtype=np.int64),
        objectives=np.array(objectives)[:, None],
        constraints=np.zeros((n, 0)),
        seconds=np.diff(finished, prepend=0.0),
        started_seconds=zero,
        finished_seconds=np.array(finished),
        worker=np.zeros(n, dtype=np.int64),
        charged=np.ones(n, dtype=bool),
    )
    return Run("table", "strategy", 0, trace, "budget", 0.0)


ORACLE = cast(Oracle, SimpleNamespace(mean=lambda archs, column: VALUES[archs[:, 0]]))


def value(run: Run, at: float) -> Any:
    return read_out.nats([run], 0, at).values(ORACLE, "column")[0]


def test_the_line_through_the_two_nearest() -> None:
    """Ends at 60 and 130 around 100: incumbents 0 and 1, 4/7 of the way between their values."""
    assert value(run_of([5.0, 3.0], [60.0, 130.0]), 100.0) == pytest.approx(10 + 40 / 70 * 10)
    assert value(run_of([5.0, 7.0], [60.0, 130.0]), 100.0) == pytest.approx(10.0)  # the incumbent stays


def test_an_evaluation_that_ends_at_the_budget_is_the_value() -> None:
    assert value(run_of([5.0, 3.0, 1.0], [60.0, 100.0, 170.0]), 100.0) == pytest.approx(20.0)


def test_two_evaluations_before_the_budget_extrapolate() -> None:
    """Ends at 80 and 90 are nearer to 100 than that at 150: the line goes on from 90, by as much again."""
    assert value(run_of([5.0, 3.0, 1.0], [80.0, 90.0, 150.0]), 100.0) == pytest.approx(30.0)


def test_nothing_after_the_first_that_overshoots_counts() -> None:
    longer = run_of([5.0, 3.0, 1.0, 0.5], [60.0, 130.0, 131.0, 132.0])
    shorter = run_of([5.0, 3.0], [60.0, 130.0])
    assert value(longer, 100.0) == value(shorter, 100.0)
    assert read_out.nats([longer], 0, 100.0).evaluations.tolist() == [2]


def test_runs_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ResultError, match="must overshoot the 100 s that are read"):
        value(run_of([5.0, 3.0], [60.0, 90.0]), 100.0)
    with pytest.raises(ResultError, match="too little to read"):
        value(run_of([5.0], [130.0]), 100.0)
    with pytest.raises(ResultError, match="too little to read"):
        value(run_of([np.nan, 3.0, 2.0], [20.0, 60.0, 130.0]), 100.0)
    with pytest.raises(ResultError, match="1 of 2 runs have no incumbent"):
        read_out.step([run_of([np.nan], [1.0]), run_of([1.0], [1.0])], 0)


def test_the_step_rule_takes_the_earliest_of_the_best() -> None:
    found = read_out.step([run_of([5.0, 3.0, 3.0], [1.0, 2.0, 3.0]), run_of([2.0, 3.0], [1.0, 2.0])], 0)
    assert found.values(ORACLE, "column").tolist() == [20.0, 10.0]
    assert found.evaluations.tolist() == [3, 2]
