"""Work in parts that survive a stop: a part is a file, written whole or not at all, and only missing ones are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from harness.checks import integer
from harness.errors import IncompleteError, TableError
from harness.experiments.processes import MOST_WORKERS, spawned
from harness.files.whole import locked, remove_unfinished

Job = tuple[Callable[..., None], tuple[Any, ...]]
"""A function that writes a part, and its arguments: what crosses to a process."""
Tell = Callable[[int, int, float], None]
"""Told parts done, parts in all, and the seconds of this call."""


def complete(
    work: Path,
    count: int,
    is_whole: Callable[[int], bool],
    jobs: Callable[[Sequence[int]], Sequence[Job]],
    *,
    doing: str,
    workers: int = 1,
    limit: int | None = None,
    on_progress: Tell | None = None,
) -> bool:
    """Do the parts that are missing, and say whether all are there then.

    Parameters
    ----------
    work : Path
        Folder of the parts; one process at a time works in it.
    count : int
        Parts in all.
    is_whole : callable
        Whether the part of a number is there.
    jobs : callable
        From the numbers of parts to what does them; asked once, in this process.
    doing : str
        For messages, such as "building".
    workers : int
        Processes of this machine.
    limit : int, optional
        Do at most so many parts in this call.
    on_progress : callable, optional

    Raises
    ------
    HarnessError
        If another process works in the folder, or a worker died.
    """
    integer("workers", workers, low=1, high=MOST_WORKERS)
    began = time.monotonic()
    with locked(work / ".lock", wait=False) as held:
        if not held:
            raise TableError(f"another process is {doing} in '{work}'; wait for it")
        remove_unfinished(work)
        missing = [number for number in range(count) if not is_whole(number)]
        done = count - len(missing)
        missing = missing[:limit]
        tell = on_progress or (lambda done, total, seconds: None)
        tell(done, count, 0.0)
        if missing:
            todo = jobs(missing)
            try:
                with spawned(min(workers, len(missing))) as pool:
                    for future in as_completed([pool.submit(function, *given) for function, given in todo]):
                        future.result()
                        done += 1
                        tell(done, count, time.monotonic() - began)
            except BrokenProcessPool as error:
                raise IncompleteError(
                    f"a worker process died (killed, or out of memory) while {doing} in '{work}'; whole parts are"
                    " kept: run the same command again"
                ) from error
            finally:
                remove_unfinished(work)  # of workers that were ended
    return done == count
