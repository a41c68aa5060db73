"""Damage as tests do it to files: every sort, at any byte, tried in a child process that may crash or hang."""

from __future__ import annotations

import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SORTS = ("flip", "byte", "zeros", "noise", "cut", "longer", "lost", "twice")


def damaged(content: bytes, sort: str, at: int, rng: np.random.Generator) -> bytes:
    """Return a file's bytes with one damage at a byte."""
    if sort == "flip":
        return content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :]
    if sort == "byte":
        return content[:at] + rng.bytes(1) + content[at + 1 :]
    if sort in ("zeros", "noise"):
        length = min(int(rng.integers(1, 600)), len(content) - at)
        return content[:at] + (bytes(length) if sort == "zeros" else rng.bytes(length)) + content[at + length :]
    if sort == "cut":
        return content[:at]
    if sort == "longer":
        return content + content[: at + 1]
    length = min(int(rng.integers(1, 600)), len(content) - at)
    return content[:at] + content[at + length :] if sort == "lost" else content[: at + length] + content[at:]


def damages(content: bytes, *, step: int, seed: int = 0) -> Iterator[tuple[str, int, bytes]]:
    """Yield one damage at every `step`-th byte, of all sorts in turn, with its sort and place."""
    rng = np.random.default_rng(seed)
    for number, at in enumerate(range(0, len(content), step)):
        sort = SORTS[number % len(SORTS)]
        changed = damaged(content, sort, at, rng)
        if changed != content:
            yield sort, at, changed


HOW = ("same", "other numbers", "refused", "traceback")


def outcomes(
    content: bytes,
    put: Callable[[bytes], Any],
    use: Callable[[], Any],
    known: tuple[type[Exception], ...],
    *,
    step: int,
    seed: int = 0,
    seconds: int = 20,
) -> Counter[str]:
    """Damage a file in many ways and count how its use ended.

    Parameters
    ----------
    content : bytes
        Of the undamaged file.
    put : callable
        Writes bytes where `use` reads them.
    use : callable
        Returns what was read, as plain data.
    known : tuple of classes
        What it may raise.
    step, seed : int
        See `damages`.
    seconds : int
        After which a use hangs.

    Returns
    -------
    Counter
        Of `HOW`, "hang" and "crash"; all but "same" and "refused" with the damage.
    """
    put(content)
    right = use()
    cases = list(damages(content, step=step, seed=seed))
    counts: Counter[str] = Counter()
    while cases:
        ends, status = _in_a_child(cases, put, use, known, right, seconds)
        if len(ends) < len(cases):
            ends.append("hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash")
        for how, (sort, at, _) in zip(ends, cases, strict=False):
            counts[how if how in ("same", "refused") else f"{how}: {sort} at {at}"] += 1
        cases = cases[len(ends) :]
    put(content)
    return counts


def _in_a_child(
    cases: list[tuple[str, int, bytes]],
    put: Callable[[bytes], Any],
    use: Callable[[], Any],
    known: tuple[type[Exception], ...],
    right: Any,
    seconds: int,
) -> tuple[list[str], int]:
    """Try cases in a forked child until one ends it; return how they ended, and how the child did."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        try:
            for *_, changed in cases:
                put(changed)
                signal.alarm(seconds)
                code = 3
                try:
                    code = 0 if use() == right else 1
                except known:
                    code = 2
                except BaseException:  # noqa: BLE001  # it is told
                    traceback.print_exc()
                os.write(sink, bytes([code]))
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as told:
        ends = [HOW[code] for code in told.read()]
    return ends, os.waitpid(child, 0)[1]
