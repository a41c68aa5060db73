"""Costs of a run beside its trainings: finished trainings of other tables, and signals that are read before training.

Seconds go on the simulated clock: what was paid before the run keeps every worker busy first, and who reads a signal
keeps the worker busy that starts what is proposed next.  Where a budget counts trainings or epochs, seconds are counted
in units of one full training, the mean over random architectures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray, IntArray, arch_matrix
from harness.errors import HarnessError, must
from harness.guard import running
from harness.problem import Problem, Signal
from harness.records import Proposals
from harness.surrogate import Look

_DRAWN = 1000
"""Random architectures of which one full training is the mean."""
COLUMNS = ("other_trainings", "looks", "look_seconds")
"""Columns beside a trace: what was spent beside trainings, in units of one full training and all in all by the time
that the row was started; architectures whose signals were read for the row, and the seconds that this took."""

LATER = ("later_looks", "later_look_seconds")
"""Columns beside a trace, 0 but in the last row of a run: what was read for rows that were never told, because the
reading took what was left of the budget, or the row ended behind it.  There where any replicate has any."""


class Paid(NamedTuple):
    """What was spent before the first evaluation.

    Attributes
    ----------
    trainings, seconds, epochs : float
        Of finished trainings; seconds are those of one worker.
    """

    trainings: float = 0.0
    seconds: float = 0.0
    epochs: float = 0.0


def signals_of(benchmark: Benchmark, *, free: bool = False) -> tuple[Signal, ...]:
    """Return what can be read of architectures of a benchmark before any training.

    Its own `signals` if it has them, else what its space knows in closed form.  The seconds of a signal are None where
    nobody measured them, or where the table has no training seconds to compare them with; with `free` they are 0 then.

    Parameters
    ----------
    benchmark : Benchmark
    free : bool
    """
    known: tuple[Signal, ...] | None = getattr(benchmark, "signals", None)
    if known is None:
        none = np.zeros((0, benchmark.space.genes), dtype=benchmark.space.dtype)
        known = tuple(Signal(name, "minimise", "M", 0.0) for name in benchmark.space.costs(none))
    instead = 0.0 if free else None
    return tuple(
        replace(item, seconds=instead)
        if item.seconds is None or (item.seconds > 0 and not benchmark.has_seconds)
        else item
        for item in known
    )


class Beside:
    """The accounts of R replicates.

    Parameters
    ----------
    benchmark : Benchmark
    problem : Problem
    count : int
        R.
    paid : sequence of Paid
        Before the run, by replicate; empty for nothing.
    in_epochs : bool
        Whether the simulated clock counts epochs.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        problem: Problem,
        count: int,
        paid: Sequence[Paid] = (),
        *,
        in_epochs: bool = False,
    ) -> None:
        self._benchmark, self._problem = benchmark, problem
        first = list(paid) or [Paid()] * count
        self._trainings = np.array([item.trainings for item in first])
        workers = problem.n_workers
        clock = [item.epochs if in_epochs else item.seconds for item in first]
        self._owed = [deque([seconds / workers] * workers if seconds else []) for seconds in clock]
        self._read = np.zeros((count, 2))  # looks and their seconds since the last row was started
        self._all_read = np.zeros((count, 2))  # from the beginning on
        self._noted: list[tuple[IntArray, FloatArray]] = []
        self._used = any(item != Paid() for item in first)  # whether anything was spent; nothing is recorded otherwise

    @cached_property
    def _full_training(self) -> float:
        """Seconds of one full training."""
        archs = self._benchmark.space.sample(_DRAWN, np.random.default_rng(0))
        told = self._benchmark.query(Proposals.of(archs, self._problem.full_fidelity), noise_seed=None)
        return float(np.nanmean(told.seconds))

    def whole_trainings(self, replicate: int) -> int:
        """Return what a replicate has spent beside its trainings, in trainings, rounded up."""
        return ceil(round(float(self._trainings[replicate]), 9))

    def look(self, replicate: int, request: Look) -> tuple[FloatArray, float]:
        """Read a signal and charge it.

        Returns
        -------
        (q,) float64
        float
            What that cost, in units of one full training.

        Raises
        ------
        HarnessError
            If the problem has no such signal, nobody knows what it costs, or what is asked of are no architectures.
        """
        signal, space = self._problem.signal(request.signal), self._problem.space
        archs = arch_matrix("archs", request.archs, space.genes)
        if not space.is_valid(archs).all():
            wrong = archs[~space.is_valid(archs)][0].tolist()
            raise HarnessError(must("archs of a Look", f"be valid in the space '{space.name}'", wrong))
        with running(""):
            values = values_of(self._benchmark, signal, archs)
            seconds = float(signal.seconds or 0.0) * len(archs)
            trainings = seconds / self._full_training if seconds else 0.0
        self._used = True
        self._read[replicate] += len(archs), seconds
        self._all_read[replicate] += len(archs), seconds
        self._trainings[replicate] += trainings
        if seconds:
            self._owed[replicate].append(seconds)
        return values, trainings

    def due(self, replicates: IntArray) -> FloatArray:
        """Return for how many seconds rows that start now wait for what was paid beside them: (n,) to (n,)."""
        waits = np.zeros(len(replicates))
        if self._used:
            for row, replicate in enumerate(replicates.tolist()):
                waits[row] = self._owed[replicate].popleft() if self._owed[replicate] else 0.0
        return waits

    def note(self, rows: IntArray, replicates: IntArray) -> None:
        """Note what was spent by the time that rows start; the first row of a replicate bears what was read."""
        if self._used:
            first = np.zeros(len(replicates), dtype=bool)
            first[np.unique(replicates, return_index=True)[1]] = True
            read = np.where(first[:, None], self._read[replicates], 0.0)
            self._read[replicates] = 0.0
            self._noted.append((rows, np.column_stack([self._trainings[replicates], read])))

    def columns(self, rows: IntArray, replicates: IntArray) -> dict[str, FloatArray]:
        """Return `COLUMNS`, and `LATER` where there is any, of rows that were told; nothing where nothing was spent.

        Parameters
        ----------
        rows : (n,) int64
            By their numbers.
        replicates : (n,) int64
            Of each row, ascending.

        Returns
        -------
        dict of str to (n,) float64
        """
        if not self._used:
            return {}
        told = self._told(rows)
        read, last = told[:, 1:], np.flatnonzero(np.diff(replicates, append=-1))
        later = np.zeros_like(read)
        for row in last:
            later[row] = self._all_read[replicates[row]] - read[replicates == replicates[row]].sum(axis=0)
        later[later[:, 0] < 1] = 0.0  # seconds of none are rounding
        return dict(zip(COLUMNS, told.T, strict=True)) | (dict(zip(LATER, later.T, strict=True)) if later.any() else {})

    def _told(self, rows: IntArray) -> FloatArray:
        """Return `COLUMNS` of rows by their numbers: (n,) to (n, 3)."""
        noted = np.zeros((1 + max((int(part.max(initial=0)) for part, _ in self._noted), default=0), len(COLUMNS)))
        for part, values in self._noted:
            noted[part] = values
        known: FloatArray = noted[np.minimum(rows, len(noted) - 1)] * (rows < len(noted))[:, None]
        return known


def values_of(benchmark: Benchmark, signal: Signal, archs: Archs) -> FloatArray:
    """Return a signal of architectures, lower is thought to be better, NaN where the table lacks it: (n, L) to (n,)."""
    look = getattr(benchmark, "look", None)
    if look is not None:
        values: FloatArray = look(signal.name, archs)
    else:
        values = benchmark.space.costs(archs)[signal.name]
    return -values if signal.direction == "maximise" else values
