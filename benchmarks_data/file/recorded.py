"""Tables that this program wrote itself, from a verification or a build, opened by path as benchmarks like any other.

Such a table need not hold every architecture of its space: what is not a row is not valid, and samples, mutations and
neighbours are rows.  How its networks were trained stands in `/about` as JSON, under ``training``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.file.trainings import counted
from harness.benchmark import Column
from harness.checks import Archs, BoolArray
from harness.errors import TableError, must
from harness.files.whole import replacing
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.rows import RowsSpace

SUFFIX = ".h5"
ABOUT = ("title", "dataset", "replicates", "licence", "citation", "source", "source_sha256")


def write(
    path: Path,
    *,
    name: str,
    space: str,
    epochs: int,
    archs: Archs,
    values: Mapping[str, npt.NDArray[Any]],
    about: Mapping[str, str],
    training: Mapping[str, Any] | None = None,
    trained_on: str = "",
    seeds: Sequence[int] = (),
    made: npt.ArrayLike | None = None,
) -> None:
    """Write trained architectures as a table, whole or not at all.

    Parameters
    ----------
    path : Path
    name, space : str
        Of the benchmark and of its search space.
    epochs : int
        Of the training; the table has its end as its one fidelity.
    archs : (n, L) integers
        All different.
    values : mapping of str to (n, s) or (n,) arrays
        By training, NaN where a training failed: ``valid_accuracy`` and ``test_accuracy`` in percent,
        ``train_seconds``.  A failed training is a training like any other: it is drawn, and answers NaN at what it
        cost.  By row: ``params`` and ``macs``.  The test is held out.
    about : mapping of str to str
        Texts of `ABOUT`.
    training : mapping, optional
        How to train them again, as plain JSON data.
    trained_on : str
        Which images the models saw; validation and test are of the same models.
    seeds : sequence of int, optional
        Of the s trainings of a row.
    made : (n, s) bool, optional
        Which trainings there were; by default all of them.  Those that were not made are no trainings.

    Raises
    ------
    TableError
        If rows repeat, or arrays do not fit each other.
    """
    known = named.space(space)
    archs = np.ascontiguousarray(archs, dtype=known.dtype)
    if len(np.unique(known.code(archs))) != len(archs) or not known.is_valid(archs).all():
        raise TableError(must("archs", f"be different architectures of the space '{space}'", archs.tolist()))
    accuracy = np.asarray(values["valid_accuracy"], dtype=np.float64)
    there = np.ones(accuracy.shape, dtype=bool) if made is None else np.asarray(made, dtype=bool)
    if there.shape != accuracy.shape or (seeds and len(seeds) != accuracy.shape[1]):
        raise TableError(must("made and seeds", f"be of {accuracy.shape} trainings", [there.shape, list(seeds)]))
    order = np.argsort(~there, axis=1, kind="stable")  # trainings come first, in the order of their seeds
    labels = np.take_along_axis(np.where(there, np.array(seeds), -1), order, axis=1)[:, None] if seeds else None
    table = assemble(
        name=name,
        space=known,
        archs=archs,
        fidelities=epochs_of(epochs, [epochs]),
        columns=_columns(values, there, order, trained_on),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=np.count_nonzero(there, axis=1)[:, None],
        seeds=labels,
        about={key: about.get(key, "") for key in ABOUT} | ({"training": json.dumps(training)} if training else {}),
        identity="exact",
    )
    with replacing(path) as temporary:
        layout.write(temporary, table)


def _columns(
    values: Mapping[str, npt.NDArray[Any]], there: BoolArray, order: npt.NDArray[np.intp], trained_on: str
) -> dict[str, tuple[Column, AnyArray]]:
    def by_training(name: str) -> AnyArray:
        array = np.asarray(values[name], dtype=np.float64)
        if array.shape != order.shape:
            raise TableError(must(name, f"have shape {order.shape}", array.shape))
        return np.take_along_axis(np.where(there, array, np.nan), order, axis=1)[:, :, None]

    def millions(name: str) -> AnyArray:
        return (np.asarray(values[name], dtype=np.float64) / 1e6).reshape(len(order), 1, 1)

    def accuracy(name: str, split: str, held_out: bool, words: str) -> Column:
        return Column(name, "percent", "maximise", split, trained_on, held_out, 100.0, words)

    valid = accuracy("valid_accuracy", "x-valid", False, "Validation accuracy after the last epoch, by run.")
    test = accuracy("test_accuracy", "x-test", True, "Test accuracy of the same models, by run.")
    return {
        "valid_accuracy": (valid, by_training("valid_accuracy")),
        "test_accuracy": (test, by_training("test_accuracy")),
        "train_seconds": (
            Column("train_seconds", "s", "minimise", description="Real training seconds, by run."),
            by_training("train_seconds"),
        ),
        "params_m": (
            Column("params_m", "M", "minimise", description="Trainable parameters, counted on the network."),
            millions("params"),
        ),
        "macs_m": (
            Column("macs_m", "M", "minimise", description="Multiply-adds of convolutions and classifier."),
            millions("macs"),
        ),
    }


def space_of(header: layout.Header) -> SearchSpace:
    """Return the space of a table: all of it, or what the table has rows for."""
    base = whole_space_of(header)
    return RowsSpace(base, header.array("archs")) if header.meaning.partial else base


def whole_space_of(header: layout.Header) -> SearchSpace:
    """Return the space of a table with the architectures that it has no row for, by name or as the table defines it."""
    meaning = header.meaning
    return named.defined(meaning.space_definition) if meaning.space_definition else named.space(meaning.space)


def run_counts(header: layout.Header) -> dict[str, int]:
    """Return how many rows have how many trainings in the schedule of the full fidelity."""
    return counted(header.array("index/runs")[:, header.meaning.schedule_of[-1]])


def described_column(header: layout.Header, name: str) -> dict[str, Any]:
    """Return what a column is, and at which fidelities it was measured, in words; "" for all of them."""
    fields = asdict(header.columns[name])
    labels = [header.meaning.fidelities[fidelity].label for fidelity in fields.pop("at")]
    words = ", ".join(labels) if len(labels) < 4 else f"{len(labels)} fidelities, {labels[0]} to {labels[-1]}"
    return fields | {"measured_at": words}
