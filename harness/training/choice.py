"""The choice of a level: one that has been named, or the fastest of those that prove themselves beside R0.

A level above R0 is used only after its proof (`harness.training.engines.proof`), which is remembered.  A level that the
user named and that fails it is refused, because another one would be another request; `AUTO` passes it over, with a
warning in one line.  Which level came out of it, and why, is part of the result.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from harness.errors import HarnessError
from harness.training.engines.engine import Level, Task
from harness.training.engines.proof import Trial
from harness.training.engines.timing import sample, seconds_per_step
from harness.training.levels import AUTO, LEVELS, REFERENCE, TRIED, check_level
from harness.training.proofs import Memory

CLEARLY = 0.85
"""A level is preferred to an earlier one of `TRIED` if it takes at most so many times its seconds."""


@dataclass(frozen=True)
class Choice:
    """A level, why it was chosen, and faster ones that failed their proofs, with what was wrong."""

    level: Level
    because: str
    passed_over: tuple[str, ...] = ()


def load_level(name: str) -> Level:
    """Import a level by name.

    Raises
    ------
    HarnessError
        If there is no such level.
    """
    module, _, attribute = LEVELS[check_level(name)].partition(":")
    level: Level = getattr(import_module(module), attribute)()
    return level


def choose_level(name: str, architectures: int, seeds: int, task: Task, *, memory: Memory | None = None) -> Choice:
    """Return a level by name, or for `AUTO` the fastest that fits the work and proves itself.

    It depends on timings, so it is remembered on each machine, and a checkpoint is continued at its own level
    (`resumed`).  Call it under the number of threads that will train.

    Parameters
    ----------
    architectures, seeds : int
        What shall be trained; nothing is proven or timed for fewer than one network, or for one that is not packed.
    memory : Memory, optional

    Raises
    ------
    HarnessError
        If the name is unknown, or the level cannot train this or fails its proof.
    """
    if name != AUTO:
        return _named(name, architectures * seeds, task, memory)
    levels = [load_level(tried) for tried in TRIED[task.device.type]] if architectures * seeds else []
    levels = [level for level in levels if not (level.packed and architectures * seeds < 2) and not level.unfit(task)]
    if not levels:
        return Choice(load_level(REFERENCE), "no faster level fits the work")
    memory, trial = memory or Memory(task), Trial(task)
    faults = {level.name: _fault(level, trial, memory) for level in levels}
    sound = [level for level in levels if not faults[level.name]]
    choice = _fastest([*sound, load_level(REFERENCE)], task, sample(architectures, seeds), memory)
    passed_over = tuple(
        f"{name} fails its proof beside {REFERENCE}: {fault}" for name, fault in faults.items() if fault
    )
    for text in passed_over:
        warnings.warn(f"level {text}; {choice.level.name} is used instead", stacklevel=3)
    return replace(choice, passed_over=passed_over)


def _named(name: str, count: int, task: Task, memory: Memory | None) -> Choice:
    level = load_level(name)
    if reason := level.unfit(task):
        raise HarnessError(f"level {name} cannot train this: it {reason}; use another level, or '{AUTO}'")
    if count and name != REFERENCE and (fault := _fault(level, Trial(task), memory or Memory(task))):
        raise HarnessError(
            f"level {name} fails its proof beside {REFERENCE} on this device: {fault}; nothing was trained, use another"
            f" level, or '{AUTO}', which passes over levels that fail"
        )
    return Choice(level, "it was asked for")


def _fault(level: Level, trial: Trial, memory: Memory) -> str:
    """Return what is wrong with a level, "" if nothing is; a proof is kept."""
    if memory.is_proven(level.name):
        return ""
    fault = trial.fault(level)
    if not fault:
        memory.keep_proof(level.name)
    return fault


def _fastest(levels: Sequence[Level], task: Task, work: tuple[int, int], memory: Memory) -> Choice:
    """Return the first level that none of the later ones clearly beats."""
    if len(levels) == 1:
        return Choice(levels[0], "no faster level is left")
    seconds = [_seconds(level, task, work, memory) for level in levels]
    best = 0
    for position in range(1, len(levels)):
        if seconds[position] <= CLEARLY * seconds[best]:
            best = position
    times = ", ".join(
        f"{level.name} {1000 * each:.2g} ms" for level, each in zip(levels, seconds, strict=True) if math.isfinite(each)
    )
    return Choice(levels[best], f"the fastest here ({times} for a network's step)" if times else "it is the first")


def _seconds(level: Level, task: Task, work: tuple[int, int], memory: Memory) -> float:
    """Return what a network's step takes; infinity where it cannot be timed, for example for lack of memory."""
    known = memory.seconds(level.name, *work)
    if known is not None:
        return known
    try:
        measured = seconds_per_step(level, task, *work)
    except Exception:  # noqa: BLE001 - it is the slowest, then; R0 on CUDA wants a variable of the environment
        return math.inf
    memory.keep_seconds(level.name, *work, measured)
    return measured
