"""The child process with limits in which files of unknown origin are decoded.

Some fifty bytes can make a decoder run for years, take all memory or break the interpreter itself: tuples that hold
each other twice and are then hashed, lengths of terabytes, recursion in C.  No check of a format foresees them all, so
what decodes such files runs in a fork of this process, which the system ends when it takes more than files of that
size can need.  What comes back is plain data of our own making, the progress, the warnings and the error, if any.

`harness.files.confined` starts another program instead: it serves notebooks with threads, which must not fork, and
sends bytes where this one calls functions that are there already.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

from benchmarks_data.files import Progress
from harness.errors import HarnessError, TableError
from harness.files.confined import limit

T = TypeVar("T")
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}
_TIMES = {signal.SIGXCPU, signal.SIGPROF}
_UNIT = 1e6
"""Bytes that the limits count by."""


@dataclass(frozen=True)
class Limits:
    """What decoding may take, besides what the process has already.

    Attributes
    ----------
    memory_bytes, memory_per_byte : int
        In all, and for each byte of the files.  A pickle of empty lists takes 64 times its bytes as objects.
    memory_per_row, memory_of_rows : int
        For each row of the table that is made, and at most for all: arrays of NATS-Bench are laid out before the first
        record is read.
    decode_seconds, decode_seconds_per_mb : float
        Processor time of one call of a decoder, such as one pickle, and for each megabyte of the files.
    seconds, seconds_per_mb : float
        The same for all that is done with them.
    """

    memory_bytes: int = 2**30
    memory_per_byte: int = 64
    memory_per_row: int = 2**16
    memory_of_rows: int = 2**31
    decode_seconds: float = 2.0
    decode_seconds_per_mb: float = 3.0
    seconds: float = 20.0
    seconds_per_mb: float = 200.0

    def making(self, rows: int) -> Limits:
        """Return the limits where a table of so many rows is made."""
        return replace(self, memory_bytes=self.memory_bytes + min(self.memory_per_row * rows, self.memory_of_rows))

    def memory(self, size: int) -> int:
        """Return the bytes of memory for files of `size` bytes."""
        return self.memory_bytes + self.memory_per_byte * size

    def decode(self, size: int) -> float:
        """Return the seconds of one call of a decoder."""
        return self.decode_seconds + self.decode_seconds_per_mb * size / _UNIT

    def whole(self, size: int) -> float:
        """Return the seconds of all."""
        return self.seconds + self.seconds_per_mb * size / _UNIT


LIMITS = Limits()
_decode: ContextVar[float | None] = ContextVar("seconds of one call of a decoder", default=None)


@contextmanager
def decoding() -> Iterator[None]:
    """Let the system end this process if what is done here takes more than a decoder may; none outside `confined`."""
    seconds = _decode.get()
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    gc.disable()  # it would look through millions of new objects again and again, none of which is garbage
    try:
        yield
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def confined(
    call: Callable[[Progress], T], *, what: str, size: int, rows: int = 0, progress: Progress | None = None
) -> T:
    """Return what `call` returns, called in a child process with limits.

    Parameters
    ----------
    call : callable
        Called with the progress that it is to tell.  What it returns must be plain data: it is pickled.
    what : str
        What is read, for errors.
    size : int
        Bytes of the files.
    rows : int
        Of the table that is made, where that is known.
    progress : callable, optional
        Told here what is told there.

    Raises
    ------
    TableError
        If it takes more than `LIMITS` for that many bytes, or crashes.
    Exception
        What `call` raises.
    """
    if _decode.get() is not None:  # within another
        return call(progress or _silent)
    receiving, sending = Pipe(duplex=False)
    limits = LIMITS.making(rows)
    child = os.fork()
    if child == 0:
        _serve(call, what, sending, limits, size)
    sending.close()
    ended: int | None = None
    answer: tuple[str, Any] | None = None
    try:
        answer = _listen(receiving, progress or _silent)
        ended = os.waitpid(child, 0)[1]
    finally:
        receiving.close()
        if ended is None:  # interrupted: nothing of it is to go on
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if answer is None:
        raise TableError(f"{what} was not read: {_fault(ended, limits, size)}")
    kind, value = answer
    if kind == "error":
        raise value
    result: T = value
    return result


def _silent(what: str, fraction: float) -> None:
    """Tell nobody."""


def _listen(receiving: Connection, progress: Progress) -> tuple[str, Any] | None:
    """Take what the child tells until it is done; None where it was ended before."""
    while True:
        try:
            kind, value = receiving.recv()
        except (EOFError, pickle.UnpicklingError):  # ended, perhaps while it was telling
            return None
        if kind == "progress":
            progress(*value)
        elif kind == "warning":
            warnings.warn(value, stacklevel=4)
        else:
            return kind, value


def _fault(status: int, limits: Limits, size: int) -> str:
    """Say how a child ended that told no result."""
    ending = signal.Signals(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else None
    if ending in _TIMES:
        seconds = limits.decode(size) if ending is signal.SIGPROF else limits.whole(size)
        return f"it takes more than {seconds:,.0f} s of processor time, {_for(size)}"
    if ending in _CRASHES:
        return f"it crashes the reader ({ending.name}): it is damaged, or made to do that"
    cause = "no result" if ending is None else ending.name
    return f"the process that read it ended without a word ({cause}), {_for(size)}"


def _for(size: int) -> str:
    return f"for {size:,} bytes: it is damaged, or made to exhaust the reader"


def _serve(call: Callable[[Progress], Any], what: str, sending: Connection, limits: Limits, size: int) -> NoReturn:
    """Be the child: call, tell, and end without anything that the parent would do at its end."""
    try:
        _restrict(limits, size)
        _decode.set(limits.decode(size))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = _answer(call, what, sending, limits, size)
        for warning in caught:
            sending.send(("warning", warning.message))
        sending.send(answer)
    except BaseException:  # noqa: BLE001  # nothing is left to tell it to; the parent says that no result came
        os._exit(1)
    os._exit(0)


def _answer(
    call: Callable[[Progress], Any], what: str, sending: Connection, limits: Limits, size: int
) -> tuple[str, Any]:
    try:
        return "result", call(lambda what, fraction: sending.send(("progress", (what, fraction))))
    except KeyboardInterrupt as error:
        return "error", error
    except MemoryError:
        memory = limits.memory(size) / 2**30
        fault = f"it takes more than {memory:,.1f} GB of memory, {_for(size)}"
    except RecursionError:
        fault = f"it is nested deeper than any such file, {_for(size)}"
    except HarnessError as error:
        return "error", error
    except Exception as error:  # noqa: BLE001  # a fault of the program, told with its traceback by the parent
        error.add_note("".join(traceback.format_exception(error)))
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
        except Exception:  # noqa: BLE001  # whatever its class raises
            return "error", RuntimeError("".join(traceback.format_exception(error)))
        return "error", error
    return "error", TableError(f"{what} was not read: {fault}")


def _restrict(limits: Limits, size: int) -> None:
    """Set the limits of this process, and leave Ctrl-C to the parent, which ends this process."""
    faulthandler.disable()
    gc.freeze()  # what the parent has stays shared with it
    sys.excepthook = lambda *_: None  # where C has nobody to raise to
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for ending in (signal.SIGTERM, signal.SIGHUP, *_TIMES):
        signal.signal(ending, signal.SIG_DFL)
    limit(limits.whole(size), limits.memory(size))
