"""Training of architectures with seeds: one call, several levels of speed, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harness.checks import Archs, IntArray, integer
from harness.errors import HarnessError, must, unknown
from harness.files import locked
from harness.training import estimate, networks
from harness.training.campaign import Campaign, Progress
from harness.training.checkpoint import Checkpoint
from harness.training.curves import Curves
from harness.training.data.dataset import Dataset
from harness.training.devices import choose_device, compute_threads
from harness.training.engines.engine import MEMBER_COLUMNS, Level, State, Task
from harness.training.interrupts import Requests, requests
from harness.training.recipe import Recipe
from harness.training.schedule import Member

LEVELS = {
    "R0": "harness.training.engines.reference:ReferenceLevel",
    "R1": "harness.training.engines.resident:ResidentLevel",
    "R2": "harness.training.engines.packed.levels:CapturedLevel",
    "R3": "harness.training.engines.packed.levels:SeedLevel",
    "R4": "harness.training.engines.packed.levels:WaveLevel",
}
"""Classes of the levels, by name."""
FASTEST_FIRST = {"cuda": ("R4", "R3", "R2", "R1", "R0"), "cpu": ("R4", "R3", "R0")}
"""Levels that "auto" tries; packed ones only for more than one network."""


def train(
    archs: Archs,
    seeds: npt.ArrayLike,
    recipe: Recipe,
    dataset: Dataset,
    device: str = "cpu",
    *,
    network: str = "nb201",
    level: str = "auto",
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    on_progress: Callable[[Progress], None] | None = None,
    threads: int = 1,
    force: bool = False,
) -> Curves:
    """Train every architecture with every seed.

    Parameters
    ----------
    archs : (n, L) integers
    seeds : (s,) integers
        Of initial weights, shuffles and augmentation; not negative.
    device : str
        "cpu", "cuda", "cuda:1", or "auto": CUDA where there is one, else the CPU, with a warning that says so.
    network : str
        One of `harness.training.networks.KINDS`.
    level : str
        One of `LEVELS`, or "auto": the fastest that fits.  All start from the same weights and see the same batches.
    checkpoint : Path, optional
        File that the training is kept in and continued from, bitwise at R0.  With it, SIGTERM and SIGINT finish the
        step and write a checkpoint before `harness.training.interrupts.Stopped` (a KeyboardInterrupt) is raised.
    checkpoint_seconds : float
        How often it is written, at the ends of epochs.
    threads : int
        CPU threads; part of what bitwise reproducibility depends on.
    force : bool
        Train on a CPU however long it takes.

    Returns
    -------
    Curves
        A network whose loss is not finite is recorded as diverged, one that does not fit into memory alone as that;
        neither stops the others.

    Raises
    ------
    HarnessError
        If an argument is wrong, the checkpoint belongs to another training, or a CPU would need hours.
    """
    archs = networks.check_archs(network, archs)
    networks.check_shape(dataset.shape)
    seeds = _check_seeds(seeds)
    integer("threads", threads, low=1)
    place = choose_device(device)
    members = [Member(tuple(int(gene) for gene in arch), int(seed)) for arch in archs for seed in seeds]
    task = Task(network, recipe, dataset, place)
    chosen = choose_level(level, len(members), task)
    with compute_threads(threads):
        if place.type == "cpu" and not force and len(members):
            estimate.refuse_long(archs, len(seeds), recipe, dataset, network=network)
        campaign = Campaign(members, task, chosen, on_progress)
        if checkpoint is None:  # nothing to keep: Ctrl-C ends at once, as always
            ledger = campaign.do(None, Requests())
        else:
            with _kept(Path(checkpoint), campaign.identity(), checkpoint_seconds) as file, requests() as asked:
                ledger = campaign.do(file, asked)
    return _curves(archs, seeds, ledger, chosen, task)


def choose_level(level: str, members: int, task: Task) -> Level:
    """Return a level by name; "auto" is the fastest that fits the work.

    Raises
    ------
    HarnessError
        If the name is unknown or the level cannot train this.
    """
    if level != "auto":
        named = load_level(level)
        if reason := named.unfit(task):
            raise HarnessError(f"level {level} cannot train this: it {reason}; use another level, or 'auto'")
        return named
    for name in FASTEST_FIRST[task.device.type]:
        tried = load_level(name)
        if not (tried.packed and members < 2) and tried.unfit(task) is None:
            return tried
    raise AssertionError("R0 fits everything")


def load_level(name: str) -> Level:
    """Import a level by name."""
    if name not in LEVELS:
        raise HarnessError(unknown("level", name, [*LEVELS, "auto"]))
    module, _, attribute = LEVELS[name].partition(":")
    level: Level = getattr(import_module(module), attribute)()
    return level


def _check_seeds(seeds: npt.ArrayLike) -> IntArray:
    checked = np.asarray(seeds)
    if checked.ndim != 1 or checked.dtype.kind not in "ui" or np.any(checked < 0):
        raise HarnessError(must("seeds", "be a list of integers, none negative", seeds))
    if len(np.unique(checked)) != len(checked):
        raise HarnessError(must("seeds", "be different from each other", seeds))
    return checked.astype(np.int64)


@contextmanager
def _kept(path: Path, run: str, every_seconds: float) -> Iterator[Checkpoint]:
    """Give the checkpoint file, locked against another process."""
    with locked(path.with_name(f"{path.name}.lock"), wait=False) as held:
        if not held:
            raise HarnessError(f"another process trains with checkpoint '{path}': wait for it, or give another path")
        yield Checkpoint(path, run, every_seconds=every_seconds)


def _curves(archs: Archs, seeds: IntArray, ledger: State, level: Level, task: Task) -> Curves:
    device, shape = task.device, (len(archs), len(seeds))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    columns = ledger.metrics | {column: getattr(ledger, column) for column in MEMBER_COLUMNS}
    shaped: dict[str, Any] = {key: values.reshape(*shape, *values.shape[1:]) for key, values in columns.items()}
    return Curves(archs, seeds, level=level.name, device=name, **shaped)
