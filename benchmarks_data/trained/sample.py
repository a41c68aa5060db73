"""The build of a sample by real training, of a space that is too large for a table: rounds of proposals, in parts.

A round is proposed from what all rounds before it gave, and kept; its architectures are trained in parts, each a file
written whole or not at all, then some with further seeds, its best among them.  A build that was stopped continues with
the parts that are missing; the file of all that is there is written again at the end of each call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data import parted
from benchmarks_data.catalogue.builds import Build, Origin, Sample
from benchmarks_data.trained.build import CURVES, FINAL, checked_device, is_whole, level_for, save, train_part
from harness import registry
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import HarnessError, must
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.printable import counted
from harness.problem import Budget, Objective, Problem
from harness.records import Evaluations
from harness.seeding import generator
from harness.space import SearchSpace

_MOST = 10**6
"""Evaluations of the budget that strategies are posed; a sample ends before."""
_ACCURACY = Objective("valid_accuracy", "maximise", "percent", 100.0)


@dataclass(frozen=True, eq=False)
class _Wave:
    """Parts that can be trained at the same time: architectures of a round with some of the seeds.

    Attributes
    ----------
    plan : Build
        With these seeds alone.
    archs : (n, L) integers
    paths : tuple of Path
        Of the parts.
    """

    plan: Build
    archs: Archs
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        numbers = self.plan.training.seeds
        seeds = f"seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return f"{counted(len(self.archs), 'architecture')}, {seeds}"

    @classmethod
    def of(cls, plan: Build, archs: Archs, seeds: Sequence[int], work: Path, name: str) -> _Wave:
        count = -(-len(archs) // plan.part_size)
        paths = tuple(work / f"{name}-{number:02d}.npz" for number in range(count))
        return cls(replace(plan, training=replace(plan.training, seeds=tuple(seeds))), archs, paths)

    def rows(self, number: int) -> slice:
        """Return which architectures are in a part."""
        return slice(number * self.plan.part_size, (number + 1) * self.plan.part_size)

    def is_whole(self, number: int) -> bool:
        """Say whether a part is there."""
        return is_whole(self.paths[number], len(self.archs[self.rows(number)]), self.plan)

    @property
    def missing(self) -> int:
        """How many parts are not there."""
        return sum(not self.is_whole(number) for number in range(len(self.paths)))

    def complete(self, work: Path, device: str, **options: Any) -> bool:
        """Train what is missing; say whether all is there then."""

        def jobs(missing: Sequence[int]) -> list[parted.Job]:
            level, passed_over = level_for(self.plan, self.archs, device)
            return [
                (train_part, (self.plan, self.archs[self.rows(n)], device, level, passed_over, str(self.paths[n])))
                for n in missing
            ]

        return parted.complete(work, len(self.paths), self.is_whole, jobs, doing="building", **options)

    def read(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts that are there as one, with ``rows``, their places in the wave."""
        numbers = [number for number in range(len(self.paths)) if self.is_whole(number)]
        parts = [read_npz(self.paths[number]) for number in numbers]
        rows = [np.arange(len(self.archs))[self.rows(number)] for number in numbers]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "trained"}
        where = np.array(sorted({str(part["trained"]) for part in parts}))
        return whole | {"rows": np.concatenate(rows), "trained": where}


@dataclass(eq=False)
class _Round:
    """A round of a sample: what was proposed, by whom (places among the origins), and its two waves."""

    archs: Archs
    origin: IntArray
    first: _Wave
    again: _Wave | None = None
    best: IntArray | None = None

    def errors(self) -> FloatArray:
        """Return the errors in percent of the first seed, (n,); NaN where a training failed."""
        return 100.0 - self.first.read()["valid_accuracy"][:, 0, -1]


def build(
    plan: Build,
    space: SearchSpace,
    folder: Path,
    *,
    workers: int = 1,
    device: str = "cpu",
    limit: int | None = None,
    on_progress: parted.Tell | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Path | None, bool]:
    """Train what is missing of a sample, and write the file of all that is there.

    Parameters
    ----------
    plan : Build
        With a sample.
    space : SearchSpace
    folder, workers, device, limit
        As for `benchmarks_data.trained.build.build`.
    on_progress : callable, optional
        Called with parts done and parts in all of the wave in work, and the seconds of this wave.
    say : callable
        Told which wave is in work.

    Returns
    -------
    Path or None, bool
        The file, None while there is nothing; and whether all rounds are in it.

    Raises
    ------
    HarnessError
        If the plan has no sample, there is no such device, or another process builds in the same folder.
    """
    sample = _sample_of(plan)
    device = device if device == "cpu" else checked_device(device)
    work, path = folder / f"{plan.name}-{plan.digest[:16]}", folder / f"{plan.name}.npz"
    left = [sys.maxsize if limit is None else limit]

    def trained(wave: _Wave, number: int) -> bool:
        missing = wave.missing
        if not missing:
            return True
        allowed, left[0] = left[0], max(0, left[0] - missing)
        if allowed:
            say(f"round {number + 1} of {sample.rounds}: {wave}")
        return bool(allowed) and wave.complete(
            work, device, workers=workers, limit=min(allowed, missing), on_progress=on_progress
        )

    rounds: list[_Round] = []
    finished = True
    seeds = plan.training.seeds
    for number in range(sample.rounds):
        archs, origin = _proposed(plan, space, work, number, rounds)
        name = f"round-{number:03d}"
        now = _Round(archs, origin, _Wave.of(plan, archs, seeds[:1], work, f"{name}-first"))
        rounds.append(now)
        if not (finished := trained(now.first, number)):
            break
        now.best = sample.again(now.errors(), number)
        if len(now.best) and len(seeds) > 1:
            now.again = _Wave.of(plan, archs[now.best], seeds[1:], work, f"{name}-again")
            if not (finished := trained(now.again, number)):
                break
        _assemble(plan, rounds, path)
    return (path if _assemble(plan, rounds, path) else None), finished


def _sample_of(plan: Build) -> Sample:
    if plan.sample is None:
        raise HarnessError(must(f"the build of {plan.name}", "name a sample", None))
    return plan.sample


def _proposed(
    plan: Build, space: SearchSpace, work: Path, number: int, rounds: Sequence[_Round]
) -> tuple[Archs, IntArray]:
    """Return the architectures of a round, (n, L), and the place of the origin of each; they are proposed once."""
    path = work / f"round-{number:03d}.npz"
    with suppress(OSError, ArraysError, KeyError):
        kept = read_npz(path)
        return kept["archs"], kept["origin"]
    told = _told(rounds)
    taken = set(space.key(np.concatenate([item.archs for item in rounds])).tolist()) if rounds else set[int]()
    parts, origins = [], _sample_of(plan).origins
    for origin in origins:
        rng = generator(0, "sample", plan.name, origin.strategy, number)
        parts.append(_unseen(space, _asked(origin, space, told, rng), taken, rng))
    archs = np.concatenate(parts)
    place = np.repeat(np.arange(len(origins)), [origin.count for origin in origins])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, archs=archs, origin=place)
    return archs, place


def _told(rounds: Sequence[_Round]) -> Evaluations | None:
    if not rounds:
        return None
    archs = np.concatenate([item.archs for item in rounds])
    errors = np.concatenate([item.errors() for item in rounds])[:, None]
    none, unknown = np.zeros(len(archs), dtype=np.int64), np.full(len(archs), np.nan)
    return Evaluations(archs, none, none, errors, np.empty((len(archs), 0)), unknown)


def _asked(origin: Origin, space: SearchSpace, told: Evaluations | None, rng: np.random.Generator) -> Archs:
    """Return what a strategy proposes that knows all rounds so far, (count, L); with none, how it begins."""
    factory = registry.strategy(origin.strategy)
    settings = origin.surrogate or factory.default_surrogate
    learner = registry.surrogate(settings, space) if settings else None
    problem = Problem(space, (_ACCURACY,), Budget(evaluations=_MOST))
    strategy = registry.build_strategy(factory, problem, rng, origin.hyperparameters, learner)
    asked = [strategy.ask(origin.count).archs]
    if told is not None:
        while strategy.decided:  # its own beginning, in place of which it is told what is there
            strategy.ask(strategy.decided)
        strategy.tell(told)
        asked = [strategy.ask(origin.count).archs]
    while (missing := origin.count - sum(map(len, asked))) > 0:
        more = strategy.ask(missing).archs
        asked.append(more if len(more) else space.sample(missing, rng))
    return np.concatenate(asked).astype(space.dtype)


def _unseen(space: SearchSpace, archs: Archs, taken: set[int], rng: np.random.Generator) -> Archs:
    """Return architectures of which none is taken, mutants in place of those that are; their keys are taken then."""
    fresh = archs.copy()
    for row in range(len(fresh)):
        while (key := int(space.key(fresh[row : row + 1])[0])) in taken:
            fresh[row : row + 1] = space.mutate(fresh[row : row + 1], rng)
        taken.add(key)
    return fresh


def _assemble(plan: Build, rounds: Sequence[_Round], path: Path) -> bool:
    """Write one file of all parts that are there; say whether there are any."""
    there = [item for item in rounds if item.first.missing < len(item.first.paths)]
    if not there:
        return False
    read = [item.first.read() for item in there]
    runs = len(plan.training.seeds)
    whole: dict[str, npt.NDArray[Any]] = {"archs": np.concatenate([part["archs"] for part in read])}
    for name, missing in (*((name, np.nan) for name in (*CURVES, *FINAL, "seconds")), ("diverged_epoch", -1)):
        first = np.concatenate([part[name] for part in read])
        whole[name] = np.full((len(first), runs, *first.shape[2:]), missing)
        whole[name][:, :1] = first
    made = np.arange(runs) < np.ones((len(whole["archs"]), 1))
    where = {text for part in read for text in part["trained"].tolist()}
    start = 0
    for item, part in zip(there, read, strict=True):
        if item.again is not None and item.best is not None and item.again.missing < len(item.again.paths):
            again = item.again.read()
            rows = start + item.best[again["rows"]]
            made[rows] = True
            for name in (*CURVES, *FINAL, "seconds", "diverged_epoch"):
                whole[name][rows, 1:] = again[name]
            where |= set(again["trained"].tolist())
        start += len(part["rows"])
    origin = np.concatenate([item.origin[part["rows"]] for item, part in zip(there, read, strict=True)])
    arrays = {"made": made, "origin": origin.astype(np.uint8)}
    provenance = {"origins": [item.strategy for item in _sample_of(plan).origins], "origin": origin.tolist()}
    save(path, plan, whole, sorted(where), arrays, provenance)
    return True
