"""Signals that end a training politely: finish the step, keep a checkpoint, leave."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from harness.interrupts import ENDING, Interrupted

GRACE_SECONDS = 8.0
"""From the first signal to giving up on the step that runs; the last checkpoint on disk then stands."""


class Stopped(Interrupted):
    """A training that a signal ended; the same call continues from its checkpoint."""

    def __init__(self, signal_number: int) -> None:
        name = signal.Signals(signal_number).name
        super().__init__(signal_number, f"stopped by {name}; the same call continues from its checkpoint")


class Requests:
    """Whether a signal has asked to stop."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def came(self) -> bool:
        """Say whether a signal has come."""
        return self.signal_number is not None

    def raise_if_any(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self.signal_number is not None:
            raise Stopped(self.signal_number)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal and set the timer; a second one ends at once."""
        self.raise_if_any()
        self.signal_number = number
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def give_up(self, number: int, frame: FrameType | None) -> None:
        """End a step that takes too long."""
        self.raise_if_any()


@contextmanager
def requests() -> Iterator[Requests]:
    """Turn SIGTERM, SIGINT and SIGHUP into requests, and restore their handlers; those that are ignored stay so.

    Only the main thread can; others get none.
    """
    asked = Requests()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    heeded = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    handlers = {**dict.fromkeys(heeded, asked.receive), signal.SIGALRM: asked.give_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
