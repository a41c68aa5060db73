"""What runs in a process with limits ends within them, and tells what happened; what it made comes back."""

from __future__ import annotations

import os
import signal
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from benchmarks_data.importers.safe import confined as room
from benchmarks_data.importers.safe.confined import confined, decoding
from benchmarks_data.importers.safe.unfolded import check_unfolded
from harness.errors import HarnessError, TableError


def run(call, size=10, **more):
    return confined(call, what="a.bin", size=size, **more)


def test_result_progress_and_warnings_come_back():
    told = []

    def call(progress):
        progress("half", 0.5)
        warnings.warn("doubtful", stacklevel=1)
        return {"values": np.arange(3)}, os.getpid()

    with pytest.warns(UserWarning, match="doubtful"):
        result, process = run(call, progress=lambda *what: told.append(what))
    assert result["values"].tolist() == [0, 1, 2]
    assert process != os.getpid()
    assert told == [("half", 0.5)]


def test_mistakes_come_back_as_they_are_and_faults_with_their_traceback():
    error = HarnessError("wrong")
    error.add_note("a remedy")

    def raises(progress):
        raise error

    with pytest.raises(HarnessError, match="wrong") as caught:
        run(raises)
    assert caught.value.__notes__ == ["a remedy"]

    def has_a_fault(progress):
        return {}["absent"]

    with pytest.raises(KeyError) as fault:
        run(has_a_fault)
    assert "in has_a_fault" in "".join(fault.value.__notes__)


def _forever(progress):
    with decoding():
        while True:
            pass


def _deep(progress):
    deep = ()
    for _ in range(10**6):
        deep = (deep,)
    hash(deep)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (_forever, "more than 0 s of processor time, for 10 bytes"),
        (lambda _: sum(iter(int, 1)), "more than 1 s of processor time"),
        (lambda _: bytearray(2 * 2**30), r"more than 1\.0 GB of memory"),
        (lambda _: np.ones(2**28), "GB of memory"),
        (_deep, r"crashes the reader \(SIGSEGV\)"),
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), r"ended without a word \(SIGKILL\)"),
        (lambda _: os._exit(0), r"ended without a word \(no result\)"),
        (lambda _: _nested(10**6), "nested deeper"),
    ],
)
def test_what_takes_too_much_is_refused(call, message, monkeypatch):
    monkeypatch.setattr(room, "LIMITS", replace(room.LIMITS, decode_seconds=0.05, seconds=0.5))
    with pytest.raises(TableError, match=f"a.bin was not read: .*{message}"):
        run(call)


def _nested(depth):
    return _nested(depth - 1) if depth else 0


def test_limits_grow_with_the_files():
    assert run(lambda _: len(bytearray(2**30)), size=2**26) == 2**30
    assert room.LIMITS.memory(2**30) > 2**36
    assert room.LIMITS.decode(10) <= 5
    assert room.LIMITS.memory(50) <= 1.1 * 2**30


def test_an_interruption_ends_the_child():
    child = []

    def call(progress):
        progress(str(os.getpid()), 0.0)
        time.sleep(60)

    def interrupts(what, fraction):
        child.append(int(what))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(call, progress=interrupts)
    with pytest.raises(ProcessLookupError):
        os.kill(child[0], 0)


def test_one_within_another_is_the_same_process():
    outer, inner = run(lambda _: (os.getpid(), run(lambda _: os.getpid())))
    assert outer == inner


def test_what_holds_its_parts_too_often_is_no_data():
    plain = [{"a": [1.0] * 10, (1, "b"): "c"}] * 1000
    check_unfolded(plain, 10)
    shared = [0.0]
    for _ in range(20):
        shared = [shared, shared]
    with pytest.raises(TableError, match="so often"):
        check_unfolded(shared, 100)
    check_unfolded(shared, 2**17)  # as many as such a pickle could hold without sharing
    within = [[]]
    within[0].append(within)
    with pytest.raises(TableError, match="holds itself"):
        check_unfolded(within, 100)
    deep = 0
    for _ in range(101):
        deep = (deep, [])
    with pytest.raises(TableError, match="nested more than 100 deep"):
        check_unfolded(deep, 10**6)
