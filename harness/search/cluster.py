"""The simulated cluster: N workers as an event queue, for all replicates of a shard at once.

Simulated time is a pure function of what the table says: no real time is added.  Both clusters answer the same calls:
`room` says how many rows may start, `start` starts them, `finish` returns the rows that complete next.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.records import Columns

UNLIMITED = 1 << 30


@dataclass(frozen=True, eq=False)
class Completions(Columns):
    """Rows that complete, grouped by replicate, in the order in which they complete.

    Attributes
    ----------
    rows : (n,) int64
        As numbered by the caller of `start`.
    replicates, workers : (n,) int64
    started_seconds, finished_seconds : (n,) float64
        On the clock of the replicate.
    """

    rows: IntArray
    replicates: IntArray
    workers: IntArray
    started_seconds: FloatArray
    finished_seconds: FloatArray


_NO_ROWS = np.empty(0, dtype=np.int64)
NOTHING = Completions(_NO_ROWS, _NO_ROWS, _NO_ROWS, np.empty(0), np.empty(0))


def simulate(n_replicates: int, n_workers: int) -> Cluster:
    """Return a cluster of `n_workers` workers for each replicate; `_Parallel` says what its calls are."""
    return _Serial(n_replicates) if n_workers == 1 else _Parallel(n_replicates, n_workers)


class _Serial:
    """One worker: everything started completes in order, so whole chunks are advanced in one step."""

    def __init__(self, n_replicates: int) -> None:
        self._clock = np.zeros(n_replicates)
        self._started: tuple[IntArray, IntArray, FloatArray] | None = None

    def room(self, replicate: int) -> int:  # one worker takes a queue of any length
        return UNLIMITED

    def running(self, replicate: int) -> int:  # `finish` leaves nothing behind
        return 0

    def clock(self, replicates: IntArray) -> FloatArray | None:
        return None

    def start(self, rows: IntArray, replicates: IntArray, seconds: FloatArray) -> None:
        self._started = rows, replicates, seconds

    def finish(self) -> Completions:
        if self._started is None:
            return NOTHING
        rows, replicates, seconds = self._started
        self._started = None
        same: BoolArray = replicates[1:] == replicates[:-1]
        seconds = np.nan_to_num(seconds)
        if not same.any():
            started = self._clock[replicates]
            finished = started + seconds
            self._clock[replicates] = finished
        else:
            # Replicate by replicate, so that a clock is the same sum whatever else is in the batch.
            started, finished = np.empty(len(rows)), np.empty(len(rows))
            bounds = [0, *(np.flatnonzero(~same) + 1).tolist(), len(rows)]
            for a, b in pairwise(bounds):
                steps = np.empty(b - a + 1)
                steps[0], steps[1:] = self._clock[replicates[a]], seconds[a:b]
                np.cumsum(steps, out=steps)
                started[a:b], finished[a:b] = steps[:-1], steps[1:]
                self._clock[replicates[a]] = steps[-1]
        return Completions(rows, replicates, np.zeros(len(rows), dtype=np.int64), started, finished)


class _Parallel:
    """Several workers: an idle worker starts the next row at once, and completions come one at a time."""

    def __init__(self, n_replicates: int, n_workers: int) -> None:
        shape = (n_replicates, n_workers)
        self._clock = np.zeros(n_replicates)
        self._row = np.full(shape, -1, dtype=np.int64)
        self._started = np.zeros(shape)
        self._finished = np.full(shape, np.inf)
        self._idle = [n_workers] * n_replicates
        self._n_workers = n_workers

    def room(self, replicate: int) -> int:
        """Return how many rows the replicate may start now."""
        return self._idle[replicate]

    def running(self, replicate: int) -> int:
        """Return how many rows of the replicate are running."""
        return self._n_workers - self._idle[replicate]

    def clock(self, replicates: IntArray) -> FloatArray | None:
        """Return when rows started now begin, (n,) to (n,); None if nothing else can be running then."""
        return self._clock[replicates]

    def start(self, rows: IntArray, replicates: IntArray, seconds: FloatArray) -> None:
        """Start rows, (n,) each and grouped by replicate; NaN seconds take no time."""
        for row, replicate, duration in zip(rows, replicates, np.nan_to_num(seconds), strict=True):
            worker = int(np.argmax(self._row[replicate] < 0))
            self._row[replicate, worker] = row
            self._started[replicate, worker] = self._clock[replicate]
            self._finished[replicate, worker] = self._clock[replicate] + duration
            self._idle[replicate] -= 1

    def finish(self) -> Completions:
        """Advance every replicate that has rows running to its next completion."""
        busy = np.flatnonzero(np.any(self._row >= 0, axis=1))
        if not len(busy):
            return NOTHING
        # Equal finishing times complete in the order in which they were started: rows are numbered in that order.
        finished = self._finished[busy]
        ties = np.where(finished == finished.min(axis=1, keepdims=True), self._row[busy], np.iinfo(np.int64).max)
        workers = np.argmin(ties, axis=1)
        done = Completions(
            self._row[busy, workers],
            busy,
            workers,
            self._started[busy, workers],
            self._finished[busy, workers],
        )
        self._clock[busy] = done.finished_seconds
        self._row[busy, workers] = -1
        self._finished[busy, workers] = np.inf
        for replicate in busy:
            self._idle[replicate] += 1
        return done


Cluster = _Serial | _Parallel
