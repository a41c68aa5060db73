"""What workers did: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judging.cluster import horizon_of, usage
from harness.records import Run, Trace


def run_of(started, finished, seconds, *, wasted=None, stopped="budget") -> Run:
    count = len(started)
    zero = np.zeros(count, dtype=np.int64)
    trace = Trace(
        np.zeros((count, 1), dtype=np.uint8), zero, zero, np.zeros((count, 1)), np.zeros((count, 0)),
        np.array(seconds, dtype=float), np.array(started, dtype=float), np.array(finished, dtype=float), zero,
        np.ones(count, dtype=bool),
    )  # fmt: skip
    beside = {} if wasted is None else {"wasted_seconds": np.array(wasted, dtype=float)}
    return Run("toy", "a", 0, trace, stopped, 0.0, beside)


def test_shares_add_up_to_the_whole():
    """Two workers for 10 s: 4 s and 6 s trained, of which 1 s in vain, 2 s waited for."""
    run = run_of([0, 0], [4, 8], [4, 6], wasted=[1, 0])
    assert usage(run, 2, 10.0) == pytest.approx((9 / 20, 1 / 20, 2 / 20, 8 / 20))
    assert usage(run_of([0], [10], [10]), 1, 10.0) == pytest.approx((1, 0, 0, 0))


def test_a_run_lasts_as_long_as_its_budget_or_until_its_last_result():
    run = run_of([0, 0], [4, 8], [4, 6])
    assert horizon_of(run, 10.0) == 10
    assert horizon_of(run, None) == 8
    assert horizon_of(run_of([0], [4], [4], stopped="exhausted"), 10.0) == 4
    assert horizon_of(run_of([], [], []), None) == 0


def test_nothing_is_known_without_seconds_or_results():
    assert np.isnan(usage(run_of([np.nan], [np.nan], [np.nan]), 2, 10.0)).all()
    assert np.isnan(usage(run_of([], [], []), 2, 10.0)).all()
