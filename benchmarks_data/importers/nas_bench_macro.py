"""NAS-Bench-Macro from its JSON file: the test accuracy of three trainings of each network, and nothing else measured.

The file is ``{eight digits: {"test_acc": [percent] * 3, "mean_acc", "std", "params", "flops"}}``.  Each accuracy is the
best of its training's epochs *on test*: there is no validation column, so the table can only be searched under a named
protocol.  Keys of one network, of which identities have traded places, repeat them: 3,969 networks were trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import (
    check_count,
    closed_form,
    cost,
    layout,
    millions,
    named,
    score,
    single,
)
from benchmarks_data.importers.safe import json_files
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.errors import TableError, reason
from harness.problem import Fidelity
from harness.spaces.macro.costs import macs, params
from harness.spaces.macro.space import MacroSpace

EPOCHS = 50
TRAININGS = 3
_TOLERANCE = 1e-3
"""Percent; the published means and deviations were computed in single precision."""


def convert(entry: Entry, paths: Sequence[Path], space: MacroSpace, progress: Progress) -> Table:
    """Read the table; rows are in the order of their codings.

    Raises
    ------
    TableError
        If the file is damaged, lacks networks, repeats one, or contradicts itself.
    """
    path = single(paths, "`files` must be the one JSON file of NAS-Bench-Macro")
    progress(f"reading {path.name}", 0.1)
    records = json_files.parse(_read(path), str(path))
    progress(f"checking {path.name}", 0.5)
    archs, values = _values(path, records, entry, space)
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        identity="exact",  # a row for each published key; those of one network repeat its trainings
        fidelities=(Fidelity(f"best test epoch of {EPOCHS}", EPOCHS, EPOCHS),),
        columns=_columns(archs, values),
        validation=None,
        test="test_accuracy",
        seconds=None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} could not be read: {reason(error)}") from None


def _values(path: Path, records: Any, entry: Entry, space: MacroSpace) -> tuple[Archs, Mapping[str, FloatArray]]:
    check_count(path, records, entry.rows, "networks")
    with layout(f"{path} has rows of another layout"):
        archs = space.parse(list(records))
        trainings = np.array([record["test_acc"] for record in records.values()], dtype=np.float64)
        fields = ("mean_acc", "std", "params", "flops")
        reported = np.array([[record[field] for field in fields] for record in records.values()], dtype=np.float64)
    if trainings.shape != (entry.rows, TRAININGS) or not ((trainings >= 0.0) & (trainings <= 100.0)).all():
        raise TableError(f"{path} must list {TRAININGS} accuracies in percent for each network")
    for name, mine, published in (
        ("mean", trainings.mean(axis=1), reported[:, 0]),
        ("std", trainings.std(axis=1), reported[:, 1]),
    ):
        if (row := first_row(~(np.abs(mine - published) <= _TOLERANCE))) is not None:
            key = space.format(archs[[row]])[0]
            raise TableError(f"{path}: the {name} of {key} must be that of its runs, {mine[row]:.5f}")
    _, first, again = np.unique(space.key(archs), return_index=True, return_inverse=True)
    if (row := first_row(trainings != trainings[first[again]])) is not None:
        key, other = space.format(archs[[row, first[again[row]]]])
        raise TableError(f"{path} must repeat the runs of a network under all its keys: {key} and {other} differ")
    order = np.argsort(space.code(archs))
    return archs[order], {"test_acc": trainings[order]} | dict(zip(fields[2:], reported[order, 2:].T, strict=True))


def _columns(archs: Archs, values: Mapping[str, FloatArray]) -> dict[str, tuple[Column, AnyArray]]:
    text = f"Test accuracy by run, the best of {EPOCHS} epochs on the test set itself (optimistic)."
    return closed_form(params(archs), macs(archs)) | named(
        (score("test_accuracy", "ori-test", "train50k", text), values["test_acc"][:, :, None]),
        (cost("params_reported_m", "M", "Trainable parameters, as reported."), millions(values["params"])),
        (cost("macs_reported_m", "M", "Multiply-adds, as reported (there called FLOPs)."), millions(values["flops"])),
    )
