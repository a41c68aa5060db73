"""Training of architectures with seeds: one call, several levels of speed, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harness.checks import Archs, IntArray, integer
from harness.errors import HarnessError, must
from harness.files.whole import locked
from harness.training import estimate, networks
from harness.training.campaign import Campaign, Progress
from harness.training.choice import Choice, choose_level, load_level
from harness.training.curves import Curves
from harness.training.data.dataset import Dataset
from harness.training.devices import choose_device, compute_threads
from harness.training.engines.engine import MEMBER_COLUMNS, OnTrained, State, Task
from harness.training.interrupts import Requests, requests
from harness.training.levels import AUTO, LEVELS, REFERENCE, check_level
from harness.training.recipe import Recipe
from harness.training.schedule import Member


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
    on_trained: OnTrained | None = None,
    threads: int = 1,
    force: bool = False,
    paired: bool = False,
    epochs: int | None = None,
) -> Curves:
    """Train every architecture with every seed, or with one of its own.

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
        One of `harness.training.levels.LEVELS`, or "auto": the fastest here of those that fit, or the level of the
        checkpoint.  All start from the same weights and see the same batches.  A level above R0 proves itself beside it
        before it is used: see `harness.training.choice`.
    checkpoint : Path, optional
        File that the training is kept in and continued from, bitwise at R0.  With it, SIGTERM and SIGINT finish the
        step and write a checkpoint before `harness.training.interrupts.Stopped` (a KeyboardInterrupt) is raised.
    checkpoint_seconds : float
        How often it is written, at the ends of epochs.
    on_trained : callable, optional
        Called with each network that came to its end: its number, ``architecture * s + seed`` by places in `archs` and
        `seeds`, its weights, ``"model.NAME"``, live tensors of the device, and its predictions, see
        `harness.training.engines.engine.OnTrained`.  A training that is continued after a kill may call it again, with
        the same weights, before it is kept as done.
    threads : int
        CPU threads; part of what bitwise reproducibility depends on.
    force : bool
        Train on a CPU however long it takes.
    paired : bool
        Whether `seeds` holds one seed for each architecture, (n,); curves are then (n, 1).
    epochs : int, optional
        Stop after so many of the schedule: the beginning of the same training, without test results.

    Returns
    -------
    Curves
        A network whose loss is not finite is recorded as diverged, one that does not fit into memory alone as that;
        neither stops the others.

    Raises
    ------
    HarnessError
        If an argument is wrong, the level that was named fails its proof, the checkpoint belongs to another training,
        or a CPU would need hours.
    """
    check_level(level)
    archs = networks.check_archs(network, archs)
    networks.check_shape(dataset.shape)
    seeds = _check_seeds(seeds, len(archs) if paired else None)
    integer("threads", threads, low=1)
    if epochs is not None:
        integer("epochs", epochs, low=1, high=recipe.epochs)
    place = choose_device(device)
    size = len(archs), 1 if paired else len(seeds)
    each = [[seed] for seed in seeds.tolist()] if paired else [seeds.tolist()] * len(archs)
    members = [
        Member(tuple(int(gene) for gene in arch), seed) for arch, own in zip(archs, each, strict=True) for seed in own
    ]
    task = Task(network, recipe, dataset, place, None if epochs == recipe.epochs else epochs)
    with compute_threads(threads):
        if place.type == "cpu" and not force and len(members):
            estimate.refuse_long(archs, size[1], recipe, dataset, network=network)
        if checkpoint is None:  # nothing to keep: Ctrl-C ends at once, as always
            choice: Choice = choose_level(level, *size, task)
            ledger = Campaign(members, task, choice.level, on_progress, on_trained).do(None, Requests())
        else:
            with _locked(Path(checkpoint)):
                begun = _begun(Path(checkpoint), members, task) if level == AUTO else None
                choice = begun or choose_level(level, *size, task)
                campaign = Campaign(members, task, choice.level, on_progress, on_trained)
                file = campaign.checkpoint(Path(checkpoint), every_seconds=checkpoint_seconds)
                with requests() as asked:
                    ledger = campaign.do(file, asked)
    return _curves(archs, seeds, size, ledger, choice, task)


def _begun(path: Path, members: Sequence[Member], task: Task) -> Choice | None:
    """Return the level at which this very training was begun; None where there is no checkpoint of it.

    Raises
    ------
    HarnessError
        If the level fails its proof now.
    """
    campaigns = {name: Campaign(members, task, load_level(name), None) for name in LEVELS}
    written = campaigns[REFERENCE].checkpoint(path).written_by()
    for name, campaign in campaigns.items() if written else ():
        if campaign.identity() == written:
            try:
                choice = choose_level(name, len(members), 1, task)
            except HarnessError as error:
                begun = f"checkpoint '{path}' was made at {name}: remove it to start again"
                raise HarnessError(f"{error}; {begun}") from None
            return replace(choice, because="its checkpoint was made at it")
    return None


def _check_seeds(seeds: npt.ArrayLike, each: int | None) -> IntArray:
    """Return seeds as an array: different ones for all architectures, or one for each of so many."""
    checked = np.asarray(seeds)
    if checked.ndim != 1 or checked.dtype.kind not in "ui" or np.any(checked < 0):
        raise HarnessError(must("seeds", "be a list of integers, none negative", seeds))
    if each is not None and len(checked) != each:
        raise HarnessError(must("seeds", f"be one for each of the {each} architectures", seeds))
    if each is None and len(np.unique(checked)) != len(checked):
        raise HarnessError(must("seeds", "be different from each other", seeds))
    return checked.astype(np.int64)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a checkpoint's lock against another process."""
    with locked(path.with_name(f"{path.name}.lock"), wait=False) as held:
        if not held:
            raise HarnessError(f"another process trains with checkpoint '{path}': wait for it, or give another path")
        yield


def _curves(archs: Archs, seeds: IntArray, shape: tuple[int, int], ledger: State, choice: Choice, task: Task) -> Curves:
    device = task.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    columns = ledger.metrics | {column: getattr(ledger, column) for column in MEMBER_COLUMNS}
    shaped: dict[str, Any] = {key: values.reshape(*shape, *values.shape[1:]) for key, values in columns.items()}
    shaped |= {"level_because": choice.because, "levels_passed_over": choice.passed_over}
    return Curves(archs, seeds, level=choice.level.name, device=name, **shaped)
