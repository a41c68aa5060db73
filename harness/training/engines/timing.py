"""Timing of levels: a few steps of a few networks of a task, packed as a level packs them."""

from __future__ import annotations

import gc
import time
from dataclasses import replace

import torch

from harness.training.engines.engine import Level, Task
from harness.training.engines.proof import drawn, like
from harness.training.schedule import Member

NETWORKS = 4
"""Networks that are timed, at most: so many seeds of one cell, or so many cells, or something between."""
_REPEATS = 5


def sample(architectures: int, seeds: int) -> tuple[int, int]:
    """Return how many cells with how many seeds each stand for the work of so many architectures and seeds.

    >>> sample(1000, 1), sample(1000, 3), sample(9, 5), sample(1, 2)
    ((4, 1), (2, 3), (1, 4), (1, 2))
    """
    seeds = min(seeds, NETWORKS)
    return min(architectures, -(-NETWORKS // seeds)), seeds


def seconds_per_step(level: Level, task: Task, architectures: int, seeds: int) -> float:
    """Return the seconds that a network's step takes at a level, the best of five after a first one.

    On one CPU thread these are seconds of the processor, which other programs disturb less.

    Parameters
    ----------
    task : Task
        Only the shape and type of its images matter.
    architectures, seeds : int
        Of the whole work; `sample` stands for it.
    """
    cells, each = sample(architectures, seeds)
    task = replace(task, dataset=like(task.dataset, task.recipe.batch_size))
    members = [Member(tuple(arch.tolist()), seed) for arch in drawn(task.network, cells) for seed in range(each)]
    clock = time.process_time if task.device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    total = 0.0
    with level.kernels():
        for pack in level.packs(members, task):
            engine = level.engine([members[position] for position in pack], task)
            engine.begin(0)
            taken = []
            for _ in range(_REPEATS + 1):
                started = clock()
                engine.step(0, 0)
                if task.device.type == "cuda":
                    torch.cuda.synchronize(task.device)
                taken.append(clock() - started)
            total += min(taken[1:])
    gc.collect()
    return total / len(members)
