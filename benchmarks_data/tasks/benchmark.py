"""A task as a benchmark: what is proposed and was never trained is trained now, in processes of its own, and kept."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks_data.file.problem import objectives_of
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.grown import Rows
from benchmarks_data.predicted.answers import check_proposals, evaluations
from benchmarks_data.tasks.kept import SECONDS, Kept, keep
from harness import registry
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, UInt64Array, integer, real
from harness.errors import HarnessError, must, unknown
from harness.guard import refuse
from harness.own.classes import file_sha256
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.seeding import mix64
from harness.task import Task
from harness.workers.definition import Definition, definition_of
from harness.workers.workers import Done, Request, workers_of

_KEPT_EVERY = 0.5
"""Real seconds after which finished trainings are written: what a kill loses, beside what is being trained."""
_CLAIMED_SECONDS = 5.0
"""Real seconds of work that are claimed at a time: others wait for it, or do the rest."""
_MOST_CLAIMED = 512
_MOST_LISTED, _SAMPLED = 4096, 1000
"""Choices that are all asked for their seconds, and how many are where there are more."""


class TaskBenchmark:
    """Trains what it is asked for, once; see `harness.benchmark.Benchmark` for the protocol.

    A noise seed draws one of the trainings that can be made of a choice, by its hash with the choice and the training
    (`Fidelity.training`); without one the mean over all of them is told, and all of them are trained.

    Parameters
    ----------
    name : str
        ``"path/to/file.py:Class"``.
    task : type
    kept : Kept
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the first of validation.
    constraints : sequence of Constraint
    seed : int, optional
        Always answer with the training of this seed.
    """

    trains = True

    def __init__(
        self,
        name: str,
        task: type[Task],
        kept: Kept,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        seed: int | None = None,
    ) -> None:
        self.name, self.table_name, self._task, self._kept = name, kept.definition.name, task, kept
        self._definition = kept.definition
        self.space = self._definition.space
        self.digest = kept.digest
        self.fidelities = self._definition.fidelities
        self.has_seconds = self._definition.has_seconds
        chosen = (self._definition.validation,) if objectives is None else objectives
        self.objectives: tuple[Objective, ...] = objectives_of(chosen, self._column)
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        for constraint in self.constraints:
            self._column(constraint.name)
        self._seed = None if seed is None else integer("seed", seed, low=0, high=self._definition.seeds - 1)
        trainings = self._definition.trainings
        self._training_of = np.array(
            [
                next(which for which, places in enumerate(trainings) if place in places)
                for place in range(len(self.fidelities))
            ],
            dtype=np.uint64,
        )
        self._table = kept.table()
        self._workers = workers_of(name, str(kept.identity["module"]))

    def _column(self, name: str) -> Column:
        columns = self._kept.columns
        if name not in columns:
            raise HarnessError(unknown(f"column of {self.name}", name, columns))
        if columns[name].held_out:
            raise HarnessError(f"the column '{name}' of {self.name} is held out: only reports may look at it")
        return columns[name]

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals, training those that never were; see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not of the space, or a fidelity or a noise seed is not what it must be, if the task
            cannot be made, or all that is trained first fails.
        """
        refuse(self.name)
        archs = check_proposals(self.name, self.space, proposals, len(self.fidelities))
        codes = self.space.code(archs)
        seeds = self._seeds(codes, proposals.fidelity, noise_seed)
        n, runs = seeds.shape
        where = np.repeat(np.arange(n), runs)
        asked = _Asked(archs[where], codes[where], np.asarray(proposals.fidelity, dtype=np.int64)[where], seeds.ravel())
        self._train(asked)
        _, values, _ = self._table.get(asked.codes, asked.fidelity, asked.seeds)
        means = mean_over_trainings(values.reshape(n, runs, len(self._table.columns)))
        told = dict(zip(self._table.columns, means.T, strict=True))
        timed = SECONDS if self.has_seconds else None
        return evaluations(proposals, told.__getitem__, self.objectives, self.constraints, timed)

    def _seeds(self, codes: UInt64Array, fidelity: IntArray, noise_seed: UInt64Array | None) -> IntArray:
        """Return the seeds of the trainings that answer: (n, 1), or all of them, (n, seeds)."""
        n, count = len(codes), self._definition.seeds
        if self._seed is not None:
            return np.full((n, 1), self._seed, dtype=np.int64)
        if noise_seed is None:
            return np.repeat(np.arange(count, dtype=np.int64)[None], n, axis=0)
        noise = np.asarray(noise_seed)
        if noise.shape != (n,) or noise.dtype != np.uint64:
            raise HarnessError(
                must("noise_seed", f"be uint64 of shape ({n},)", f"{noise.dtype} of shape {noise.shape}")
            )
        drawn = mix64(noise ^ mix64(codes ^ mix64(self._training_of[fidelity]))) % np.uint64(count)
        return drawn.astype(np.int64)[:, None]

    def violations(self, archs: Archs) -> FloatArray:
        """Return the violations of constraints that are known before training, (n, c): NaN, none is."""
        return np.full((len(archs), len(self.constraints)), np.nan)

    def _train(self, asked: _Asked) -> None:
        """See to it that all that is asked for is there."""
        least = self._definition.batch * self._definition.processes
        if math.isnan(self._workers.mean_seconds):  # the first ones show how long it takes, and how many to claim
            found, _, _ = self._table.get(asked.codes, asked.fidelity, asked.seeds)
            self._fetch(asked.take(np.flatnonzero(~found)[:least]), least)
        seconds = self._workers.mean_seconds
        claimed = 0 if math.isnan(seconds) else int(min(_MOST_CLAIMED, _CLAIMED_SECONDS / max(seconds, 1e-6)))
        self._fetch(asked, max(least, claimed))

    def _fetch(self, asked: _Asked, at_once: int) -> None:
        self._table.fetch(asked.codes, asked.fidelity, asked.seeds, partial(self._made, asked), at_once=at_once)

    def _made(self, asked: _Asked, places: IntArray) -> Rows:
        """Train some of what is asked for; what is finished is kept from time to time, and when this is interrupted."""
        asked = asked.take(places)
        configs = self._definition.configurations(asked.archs)
        requests = [
            Request(config, seed, fidelity)
            for config, seed, fidelity in zip(configs, asked.seeds.tolist(), asked.fidelity.tolist(), strict=True)
        ]
        seconds = self._said(configs, asked.fidelity)
        done = dict[int, Done]()
        written, since = 0, time.monotonic()
        try:
            for place, one in self._workers.train(requests):
                done[place] = one
                if one.reason:
                    self._warn(one.reason)
                if time.monotonic() - since > _KEPT_EVERY and len(done) < len(requests):
                    self._table.put(self._rows(asked, dict(list(done.items())[written:]), seconds))
                    written, since = len(done), time.monotonic()
        except BaseException:  # what failed is tried again: where all fails at first, the fault may lie elsewhere
            well = {place: one for place, one in list(done.items())[written:] if not one.reason}
            if well:
                self._table.put(self._rows(asked, well, seconds))
            raise
        return self._rows(asked, done, seconds)

    def _warn(self, reason: str) -> None:
        warnings.warn(f"a training of {self.table_name} failed, and is kept as failed: {reason}", stacklevel=2)

    def _said(self, configs: Sequence[object], fidelity: IntArray) -> FloatArray:
        """Return the seconds of each training, as the task says: (n,); NaN where it says none."""
        if not self.has_seconds:
            return np.full(len(configs), np.nan)
        levels = self._definition.levels
        return np.array(
            [
                _seconds(self._task, config, *levels[level : level + 1])
                for config, level in zip(configs, fidelity.tolist(), strict=True)
            ]
        )

    def _rows(self, asked: _Asked, done: dict[int, Done], seconds: FloatArray) -> Rows:
        """Return finished trainings as rows of the growing table."""
        places = np.array(list(done), dtype=np.int64)
        values = np.array([item.values for item in done.values()]).reshape(len(done), -1)
        names = list(self._definition.columns)
        columns = dict(zip(names, values.T, strict=True)) | {SECONDS: seconds[places]}

        def stacked(chosen: Sequence[str]) -> FloatArray:
            return np.stack([columns[name] for name in chosen], axis=1) if chosen else np.empty((len(done), 0))

        part = asked.take(places)
        return Rows(
            keys=part.codes,
            archs=part.archs,
            fidelities=part.fidelity,
            seeds=part.seeds,
            values=stacked(self._table.columns),
            held_out=stacked(self._table.held_out),
            reasons=tuple(item.reason for item in done.values()),
            real_seconds=np.array([item.seconds for item in done.values()]),
        )


def _seconds(task: type[Task], config: object, *fidelity: object) -> float:
    """Return the seconds that a task says of one training."""
    try:
        said = task.seconds(config, *fidelity)
    except Exception as error:
        raise HarnessError(f"`seconds` of {task.__name__} failed: {type(error).__name__}: {error}") from error
    return real(f"seconds of {task.__name__}", said, low=0.0, open_low=True)


def _unit_seconds(task: type[Task], definition: Definition) -> float:
    """Return the mean of what a task says of full trainings, over all choices or a thousand at random; NaN of none."""
    if not definition.has_seconds:
        return math.nan
    space = definition.space
    codings = math.prod(space.cardinalities.tolist())
    archs = space.sample(_SAMPLED, np.random.default_rng(0))
    if codings <= _MOST_LISTED:
        listed = space.decode(np.arange(codings, dtype=np.uint64))
        archs = listed[space.is_valid(listed)]
    full = definition.levels[-1:]
    return float(np.mean([_seconds(task, config, *full) for config in definition.configurations(archs)]))


class _Asked:
    """Trainings that are asked for: choices (n, L), their codes, fidelities and seeds, (n,) each."""

    def __init__(self, archs: Archs, codes: UInt64Array, fidelity: IntArray, seeds: IntArray) -> None:
        self.archs, self.codes, self.fidelity, self.seeds = archs, codes, fidelity, seeds

    def take(self, places: IntArray) -> _Asked:
        """Return some of them."""
        return _Asked(self.archs[places], self.codes[places], self.fidelity[places], self.seeds[places])


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    seed: int | None = None,
) -> TaskBenchmark:
    """Open the task of a class in a file; imports the file, and trains nothing yet.

    Parameters
    ----------
    name : str
        ``"path/to/file.py:Class"``.
    objectives, constraints
        As of `TaskBenchmark`.
    training, seed : int, optional
        Always answer with this training: its number is its seed.

    Raises
    ------
    HarnessError
        If there is no such file or class, or it is no `Task`, or what it says of itself cannot be.
    """
    task = registry.task(name)
    definition = definition_of(task)
    kept = keep(name, str(file_sha256(name)), definition, _unit_seconds(task, definition))
    if training is not None and seed is not None:
        raise HarnessError("give `training` or `seed`, not both: each names the run that answers")
    fixed = training if seed is None else seed
    return TaskBenchmark(name, task, kept, objectives=objectives, constraints=constraints, seed=fixed)
