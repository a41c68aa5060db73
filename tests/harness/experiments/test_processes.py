"""Worker processes: what an interrupt leaves of a pool."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest

from harness.experiments.processes import spawned


def test_an_interrupted_pool_leaves_neither_processes_nor_threads():
    processes, threads = set(multiprocessing.active_children()), set(threading.enumerate())

    def interrupted() -> None:
        with spawned(1) as pool:
            pool.submit(time.sleep, 600)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert set(multiprocessing.active_children()) <= processes
    assert set(threading.enumerate()) <= threads, "one that is there yet is woken at the end by pipes that it closes"
