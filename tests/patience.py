"""Patience with what happens beside a test: it ends when that has happened, on machines however busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 300.0
"""Seconds after which what tests wait for is given up: only what hangs takes as long."""
_Answer = TypeVar("_Answer")


def wait_for(answer: Callable[[], _Answer]) -> _Answer:
    """Return the first answer that is true.

    Raises
    ------
    TimeoutError
        If there is none after `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := answer()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {PATIENCE:g} seconds; the last answer was {found!r}")
        time.sleep(0.01)
    return found
