"""Interrupts: the signals that ask the program to end, and the exception that they become."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill` and the end of a batch job, and a terminal that was closed: all end a command in the same way."""


class Interrupted(KeyboardInterrupt):
    """A signal that asked the program to end.

    Attributes
    ----------
    signal_number : int
    """

    def __init__(self, signal_number: int, message: str = "") -> None:
        super().__init__(message or f"interrupted by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


@contextmanager
def held_back() -> Iterator[None]:
    """Let these signals wait until the end of the block; processes that are started in it never get them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Leave these signals to the parent process: for workers, which it ends itself."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def is_real(error: KeyboardInterrupt) -> bool:
    """Say whether a signal is behind an interrupt, and not a strategy that raises one."""
    return isinstance(error, Interrupted) or signal.getsignal(signal.SIGINT) is signal.default_int_handler
