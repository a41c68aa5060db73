"""The build of a table by real training: each functional class of a space, several seeds, in parts that survive a stop.

The work is cut into parts of some architectures each; a part is one file, written whole or not at all, and a build that
was stopped continues with the parts that are missing.  The finished table is one compact file that ships with the
package and is converted like any other source.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data import parted
from benchmarks_data.catalogue.builds import Build
from benchmarks_data.trained.importer import MISSING
from harness import __version__
from harness.checks import Archs, IntArray
from harness.digests import identity
from harness.errors import HarnessError, TableError, must
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.space import SearchSpace
from harness.spaces.feasible import listable
from harness.training.curves import DIVERGED, OK
from harness.training.data.dataset import Dataset

CURVES = ("train_accuracy", "valid_accuracy")
FINAL = ("test_accuracy",)
CUDA_PARTS = 21
"""Parts of a CPU that make one of a GPU, which trains hundreds of networks side by side."""


def classes(space: SearchSpace) -> Archs:
    """Return one architecture of each functional class, the smallest coding: (N, L)."""
    if not listable(space):
        raise HarnessError(must("space", "have few enough codings to train every class of it", space.name))
    every = space.decode(np.arange(math.prod(space.cardinalities.tolist()), dtype=np.uint64))
    every = every[space.is_valid(every)]
    return every[np.sort(np.unique(space.key(every, "functional"), return_index=True)[1])]


def parts(archs: Archs, size: int, *, shuffled: bool = True) -> list[IntArray]:
    """Cut N architectures into parts of `size` rows.

    Parameters
    ----------
    archs : (N, L)
        In order of their coding.
    size : int
    shuffled : bool
        Parts of about equal cost, for a CPU; else neighbours stay together: they share operations, and a GPU trains
        them by fewer and larger kernels.
    """
    order = np.random.default_rng(0).permutation(len(archs)) if shuffled else np.arange(len(archs))
    return [order[start : start + size] for start in range(0, len(order), size)]


def build(
    plan: Build,
    space: SearchSpace,
    folder: Path,
    *,
    workers: int = 1,
    device: str = "cpu",
    limit: int | None = None,
    on_progress: parted.Tell | None = None,
) -> Path | None:
    """Train what is missing and, when all parts are there, write the table.

    Parameters
    ----------
    plan : Build
    space : SearchSpace
        All of whose codings can be listed.
    folder : Path
        Of the parts and the finished table.
    workers : int
        Processes of this machine, one compute thread each.
    device : str
        "cpu", "cuda" or "cuda:1"; on a GPU, `CUDA_PARTS` parts are trained as one.
    limit : int, optional
        Train at most so many parts in this call.
    on_progress : callable, optional
        Called with parts done, parts in all, and the seconds of this call.

    Returns
    -------
    Path or None
        The finished table; None if parts are still missing.

    Raises
    ------
    HarnessError
        If there is no such device, or another process builds in the same folder.
    """
    if device != "cpu":
        device = checked_device(device)
        plan = replace(plan, part_size=CUDA_PARTS * plan.part_size)
    work = folder / f"{plan.name}-{plan.digest[:16]}"
    archs = classes(space)
    cut = parts(archs, plan.part_size, shuffled=device == "cpu")

    def jobs(missing: Sequence[int]) -> list[parted.Job]:
        level, passed_over = level_for(plan, archs[cut[missing[0]]], device)  # of all parts: workers choose nothing
        return [(train_part, (plan, archs[cut[n]], device, level, passed_over, str(_path(work, n)))) for n in missing]

    whole = parted.complete(
        work,
        len(cut),
        lambda number: is_whole(_path(work, number), len(cut[number]), plan),
        jobs,
        doing="building",
        workers=workers,
        limit=limit,
        on_progress=on_progress,
    )
    return _assemble(plan, archs, cut, work, folder / f"{plan.name}.npz") if whole else None


def _path(work: Path, number: int) -> Path:
    return work / f"part-{number:04d}.npz"


def is_whole(path: Path, rows: int, plan: Build) -> bool:
    """Say whether a part is there, with all seeds of the plan and nothing that ran out of memory."""
    try:
        status = read_npz(path)["status"]
    except (OSError, KeyError, ArraysError):
        return False
    trained = np.isin(status, (OK, DIVERGED))  # what ran out of memory says nothing of its network
    return status.shape == (rows, len(plan.training.seeds)) and bool(trained.all())


def _dataset(plan: Build) -> Dataset:
    from harness.training import data

    return data.of(plan.training)


def checked_device(device: str) -> str:
    """Return the device by its full name; one that is not there is refused."""
    from harness.training.devices import choose_device

    return str(choose_device(device))


def level_for(plan: Build, archs: Archs, device: str) -> tuple[str, tuple[str, ...]]:
    """Return the level to train at, and those that failed their proofs."""
    from harness.training.choice import choose_level
    from harness.training.devices import choose_device, compute_threads
    from harness.training.engines.engine import Task
    from harness.training.levels import AUTO

    training = plan.training
    task = Task(training.network, training.load_recipe(), _dataset(plan), choose_device(device))
    with compute_threads():
        choice = choose_level(AUTO, len(archs), len(training.seeds), task)
    return choice.level.name, choice.passed_over


def train_part(plan: Build, archs: Archs, device: str, level: str, passed_over: tuple[str, ...], path: str) -> None:
    """Train a part and store its curves, in a worker."""
    from harness.training.trainer import train

    training = plan.training
    curves = train(
        archs,
        training.seeds,
        training.load_recipe(),
        _dataset(plan),
        device,
        network=training.network,
        level=level,
        force=True,
    )
    values = {name: getattr(curves, name) for name in (*CURVES, *FINAL, "seconds", "status", "diverged_epoch")}
    versions = {"nas-harness": __version__, "torch": version("torch"), "numpy": np.__version__}
    where: dict[str, Any] = {
        "device": curves.device,
        "machine": platform.machine(),
        "rung": curves.level,
        "versions": versions,
    }
    if passed_over:
        where["rungs_passed_over"] = list(passed_over)
    values["trained"] = np.array(json.dumps(where, sort_keys=True))
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, archs=archs, **values)


def _assemble(plan: Build, archs: Archs, cut: list[IntArray], work: Path, path: Path) -> Path:
    """Put all parts into one file of counts."""
    short = [number for number, rows in enumerate(cut) if not is_whole(_path(work, number), len(rows), plan)]
    if short:
        raise TableError(
            f"{len(short)} part(s) in '{work}' ran out of memory; build again with more of it, or fewer workers"
        )
    loaded = [read_npz(_path(work, number)) for number in range(len(cut))]
    trained = sorted({str(part.pop("trained")) for part in loaded})
    order = np.argsort(np.concatenate(cut))
    whole = {name: np.concatenate([part[name] for part in loaded])[order] for name in loaded[0]}
    if not np.array_equal(whole["archs"], archs):
        raise TableError(f"the parts in '{work}' are not those of the space; remove the folder and build again")
    save(path, plan, whole, trained)
    return path


def save(
    path: Path,
    plan: Build,
    whole: Mapping[str, npt.NDArray[Any]],
    trained: Sequence[str],
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write trainings as one file of counts.

    Parameters
    ----------
    path : Path
    plan : Build
    whole : mapping of str to array
        ``archs`` (n, L), and by training what `harness.training.curves.Curves` calls so: `CURVES`, `FINAL`,
        ``seconds``, ``diverged_epoch``.
    trained : sequence of str
        Where the parts were trained, as JSON.
    arrays, provenance : mapping, optional
        What else is in the file.
    """
    from harness.training import networks

    archs, dataset = whole["archs"], _dataset(plan)
    sizes = {split: len(labels) for split, labels in dataset.labels.items()}
    counts: dict[str, npt.NDArray[Any]] = {
        name: _counts(whole[name], sizes[name.partition("_")[0]]) for name in (*CURVES, *FINAL)
    }
    about = {
        "plan": identity(plan),
        "recipe": plan.training.load_recipe().as_dict(),
        "sizes": sizes,
        "dataset_sha256": dataset.sha256,
        "dataset": dataset.description,
        "trained": [json.loads(where) for where in trained],
        "commit": _commit(),
        "seconds": round(float(np.nansum(whole["seconds"])), 1),
    }
    cost = networks.cost(plan.training.network, archs, plan.training.load_recipe(), dataset.shape, dataset.classes)
    content = counts | {
        "archs": archs,
        "params": cost.params,
        "macs": cost.macs,
        "seconds": whole["seconds"].astype(np.float32),
        "diverged_epoch": whole["diverged_epoch"].astype(np.int16),
        "provenance": np.array(json.dumps(about | dict(provenance or {}))),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **content, **(arrays or {}))


def _commit() -> str:
    """Return the commit of this source tree, "" where it is not under version control."""
    try:
        command = ["git", "rev-parse", "HEAD"]  # the folder of this file, whatever the current one is
        asked = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return ""
    return asked.stdout.strip()


def _counts(percent: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.uint16]:
    """Return accuracies as numbers of right answers, which is what they are."""
    if size >= MISSING:
        raise HarnessError(f"a split must have fewer than {MISSING} items to be counted, got {size}")
    counts = np.rint(np.nan_to_num(percent, nan=0.0) * size / 100.0)
    counts[np.isnan(percent)] = MISSING
    return counts.astype(np.uint16)
