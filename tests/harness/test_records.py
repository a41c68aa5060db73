"""Columns: what is the same in all rows is held once, and says what it said."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from harness.records import Trace


def a_trace(n: int, **columns) -> Trace:
    whole = {
        "archs": np.arange(3 * n, dtype=np.uint8).reshape(n, 3),
        **{name: np.zeros(n, dtype=np.int64) for name in ("fidelity", "tag", "worker")},
        "objectives": np.linspace(0, 1, n)[:, None],
        "constraints": np.zeros((n, 0)),
        **{name: np.full(n, np.nan) for name in ("seconds", "started_seconds", "finished_seconds")},
        "charged": np.ones(n, dtype=bool),
    }
    return Trace(**whole | columns)


@pytest.mark.parametrize("n", [0, 1, 40])
def test_lean_columns_have_the_bytes_and_types_of_those_before(n):
    trace = a_trace(n, worker=np.arange(n) % 2)
    lean = trace.lean()
    for name in Trace._names:
        before, after = getattr(trace, name), getattr(lean, name)
        assert before.dtype == after.dtype
        assert before.shape == after.shape
        assert before.tobytes() == after.tobytes()
        assert not after.flags.writeable
    if n == 40:
        held_once = {name for name in Trace._names if getattr(lean, name).size and not getattr(lean, name).strides[0]}
        assert held_once == {"fidelity", "tag", "charged", "seconds", "started_seconds", "finished_seconds"}


def test_what_differs_in_one_bit_or_in_the_midst_is_no_one_value():
    zeros = np.zeros(4)
    zeros[2] = -0.0
    lean = a_trace(4, seconds=zeros, tag=np.array([1, 1, 2, 1])).lean()
    assert np.signbit(lean.seconds).tolist() == [False, False, True, False]
    assert lean.tag.tolist() == [1, 1, 2, 1]


def test_rows_parts_and_copies_of_lean_columns_are_those_of_the_whole():
    trace = a_trace(9)
    lean = trace.lean()
    for name in Trace._names:
        assert_array_equal(getattr(lean.part(2, 5), name), getattr(trace, name)[2:5])
        assert_array_equal(getattr(lean.take([4, 0]), name), getattr(trace, name)[[4, 0]])
        assert_array_equal(getattr(Trace.concatenate([lean, trace]), name)[:9], getattr(trace, name))
        assert_array_equal(getattr(pickle.loads(pickle.dumps(lean)), name), getattr(trace, name))  # noqa: S301  # our own
    assert_array_equal(lean.evaluations, trace.evaluations)
