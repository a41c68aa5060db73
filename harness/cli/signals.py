"""The signals that end a command: Ctrl-C, SIGTERM and SIGHUP, from the first moment to the last."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from harness.interrupts import ENDING, Interrupted

AGAIN_SECONDS = 1.0
"""A second signal so long after the first ends the program at once; an earlier one is the same request."""


class _State:
    """What has come, and whether it may be raised: while a command runs, which then puts its things in order."""

    raising = False
    received: int | None = None
    since = 0.0
    lost = False
    losing = False


def received() -> int | None:
    """Return the signal that came while a command ran, None if none did."""
    return _State.received


@contextmanager
def raised() -> Iterator[None]:
    """Raise `Interrupted` for a signal that comes in this block, where there is something to put in order."""
    before, _State.raising = _State.raising, True
    try:
        yield
    finally:
        _State.raising = before


@contextmanager
def handled(*, to_the_end: bool) -> Iterator[None]:
    """Answer the signals in this block; those that the process was started to ignore (`nohup`) stay ignored.

    Parameters
    ----------
    to_the_end : bool
        Whether the process ends after the block, so that they are answered until it has.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.received, _State.lost = None, False
    wanted = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _receive) for number in wanted}
    hook, sys.unraisablehook = sys.unraisablehook, _unraisable
    try:
        yield
    finally:
        if not to_the_end:
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)


def _receive(number: int, frame: FrameType | None) -> None:
    if not _State.raising:
        _end(number)
    if _State.losing:
        _again(number)  # what is raised in the hook itself is lost without a word
        return
    if _State.received is not None and not _State.lost:
        if time.monotonic() - _State.since > AGAIN_SECONDS:
            _end(number)
        return
    _State.received, _State.since, _State.lost = number, time.monotonic(), False
    raise Interrupted(number)


def _end(number: int) -> None:
    """End at once: nothing is under way that has to be put in order."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(128 + number)


def _unraisable(lost: Any) -> None:
    """Raise an interrupt again that came inside a callback of the interpreter, which cannot pass it on."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    _State.losing = True
    _State.lost = True
    _again(lost.exc_value.signal_number)
    _State.losing = False


def _again(number: int) -> None:
    """Send the signal to this process again, in a moment; nothing here waits for a lock that a handler could hold."""
    _thread.start_new_thread(_send_later, (number,))


def _send_later(number: int) -> None:
    time.sleep(0.02)
    os.kill(os.getpid(), number)
