"""The incumbent: known answers, and what holds for every trace."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.incumbent import eligible, feasible, handed_over, incumbents
from harness.records import Recommended, Run, Trace

VALUES = st.lists(st.floats(0, 100) | st.sampled_from([math.nan, math.inf, 50.0]), max_size=30)


def trace_of(values, *, constraints=None, fidelity=None) -> Trace:
    """Return a trace of one worker that was told values to minimise."""
    count = len(values)
    zero, clock = np.zeros(count, dtype=np.int64), np.arange(count, dtype=np.float64)
    return Trace(
        archs=np.zeros((count, 1), dtype=np.uint8),
        fidelity=zero if fidelity is None else np.asarray(fidelity),
        tag=zero,
        objectives=np.array(values, dtype=np.float64).reshape(count, 1),
        constraints=np.zeros((count, 0)) if constraints is None else np.array(constraints, dtype=np.float64),
        seconds=np.ones(count),
        started_seconds=clock,
        finished_seconds=clock + 1,
        worker=zero,
        charged=np.ones(count, dtype=bool),
    )


def final_incumbent(trace: Trace, fidelity: int) -> int | None:
    """Return the row of the last incumbent, None if there is none."""
    rows = incumbents(trace, fidelity)
    return int(rows[-1]) if len(rows) else None


def test_failures_and_infeasible_rows_are_skipped_and_ties_go_to_the_earliest():
    trace = trace_of([math.nan, 20, 15, 15, 1, 16, 14], constraints=[[0]] * 4 + [[1]] + [[0]] * 2)
    assert incumbents(trace, 0).tolist() == [1, 2, 6]
    assert final_incumbent(trace, 0) == 6
    assert final_incumbent(trace.take(slice(5)), 0) == 2, "the earliest of ties"


def test_lower_fidelities_never_become_incumbent():
    trace = trace_of([10, 20, 5, 19], fidelity=[0, 1, 0, 1])
    assert incumbents(trace, 1).tolist() == [1, 3]
    assert final_incumbent(trace, 1) == 3


def test_all_constraints_must_be_kept_and_a_missing_value_keeps_none():
    trace = trace_of([1, 2, 3, 4], constraints=[[0, 1], [math.nan, 0], [-1, 0], [1, 1]])
    assert feasible(trace).tolist() == [False, False, True, False]
    assert incumbents(trace, 0).tolist() == [2]


def test_a_failed_row_is_feasible_and_not_eligible():
    trace = trace_of([math.nan, math.inf, 1])
    assert feasible(trace).all()
    assert eligible(trace, 0).tolist() == [False, False, True]


def test_a_trace_without_an_eligible_row_has_no_incumbent():
    for trace in (trace_of([]), trace_of([math.nan, math.inf]), trace_of([1.0], fidelity=[1])):
        assert incumbents(trace, 0).tolist() == []
        assert final_incumbent(trace, 0) is None


@given(VALUES)
def test_incumbents_are_the_running_best_and_the_last_is_the_best(values):
    rows = incumbents(trace_of(values), 0)
    assert (np.diff(np.array(values)[rows]) < 0).all()
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        assert rows[-1] == values.index(min(finite)), "the earliest of the best"
        assert rows[0] == values.index(finite[0])
    assert final_incumbent(trace_of(values), 0) == (rows[-1] if finite else None)


@given(VALUES, st.integers(0, 30))
def test_what_is_told_later_changes_no_earlier_incumbent(values, count):
    whole = incumbents(trace_of(values), 0)
    assert incumbents(trace_of(values[:count]), 0).tolist() == whole[whole < count].tolist()


@given(VALUES, st.data())
def test_rows_that_are_not_eligible_might_as_well_not_be_there(values, data):
    kept = np.array([data.draw(st.booleans()) for _ in values], dtype=bool)
    trace = trace_of(values, constraints=[[-1.0 if keep else 1.0] for keep in kept] or np.zeros((0, 1)))
    rows = np.flatnonzero(kept)
    expected = rows[incumbents(trace_of(np.array(values)[rows]), 0)]
    assert incumbents(trace, 0).tolist() == expected.tolist()
    assert (
        incumbents(replace(trace, fidelity=np.where(kept, 0, 1), constraints=np.zeros((len(values), 0))), 0).tolist()
        == expected.tolist()
    )


def test_a_higher_fidelity_wins_over_a_better_value_where_that_is_the_rule():
    trace = trace_of([10, 8, 20, 5, 19, 19, math.nan, 7], fidelity=[0, 0, 1, 0, 1, 1, 2, 2])
    assert incumbents(trace, 2, "highest_fidelity").tolist() == [0, 1, 2, 4, 7]
    assert incumbents(trace, 2).tolist() == [7]
    broken = replace(trace, constraints=np.array([[0.0]] * 4 + [[1.0]] + [[0.0]] * 3))
    assert incumbents(broken, 2, "highest_fidelity").tolist() == [0, 1, 2, 5, 7]


@given(VALUES)
def test_with_one_fidelity_both_rules_agree(values):
    trace = trace_of(values)
    assert incumbents(trace, 0, "highest_fidelity").tolist() == incumbents(trace, 0).tolist()


def test_what_a_strategy_recommends_is_its_incumbent_where_that_is_the_rule():
    trace = replace(trace_of([3, 2, 1]), archs=np.array([[0], [1], [2]], dtype=np.uint8))
    recommended = Recommended(np.array([0, 2, 2]), np.array([[7], [0], [1]], dtype=np.uint8))
    run = Run("toy", "a", 0, trace, "budget", 0.0, recommended=recommended)
    assert handed_over(run, 0, "recommended").rows.tolist() == [0, 2]
    assert handed_over(run, 0, "recommended").archs.tolist() == [[7], [0]], "the first of a front"
    assert handed_over(run, 0).archs.tolist() == [[0], [1], [2]]
    silent = replace(run, recommended=None)
    assert handed_over(silent, 0, "recommended").archs.tolist() == [[0], [1], [2]]
