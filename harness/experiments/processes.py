"""Worker processes of this machine: spawned, never forked, never left behind, and ended by their parent alone."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from harness import interrupts
from harness.errors import StrategyError

MOST_WORKERS = 1024
"""Processes that one command may start."""
_end_process = os._exit


class Pool(ProcessPoolExecutor):
    """A pool whose processes no signal to the whole group reaches, from their very first moment; `spawned` ends it."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call; this is where processes are started, and they inherit what is held back."""
        with interrupts.held_back():
            return super().submit(function, *args, **kwargs)


@contextmanager
def spawned(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of spawned processes; an error or an interrupt ends them at once."""
    with interrupts.held_back():
        resource_tracker.ensure_running()  # which lets signals through when it starts, so it does so now
    pool = Pool(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_initialise)
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BaseException:
        with interrupts.held_back():
            children = set(multiprocessing.active_children()) - before
            for child in children:
                child.kill()
            for child in children:
                child.join(5.0)
            # Nothing is cancelled: before Python 3.12 a pool that breaks prints a traceback for what was.  Its thread
            # is waited for: the end of this process would wake it by a pipe that it may be closing just then.
            pool.shutdown()
        raise
    pool.shutdown()


def _initialise() -> None:
    """Leave signals to the parent, which ends its workers; die with it, even if it was killed."""
    interrupts.ignore()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    """End this process when the parent does, even if it was killed."""
    parent.join()
    _end_process(1)


def has_cuda() -> bool:
    """Ask torch for a CUDA device, in another process, so that this one need not load it."""
    question = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", question], capture_output=True, check=False).returncode == 0  # noqa: S603  # fixed


@contextmanager
def without_sudden_end() -> Iterator[None]:
    """Turn an `os._exit` of a strategy into an error: it would end the run without a word, and with its exit code."""

    def refuse(status: int) -> NoReturn:
        raise StrategyError(f"a strategy must not end the process, it called os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = _end_process
