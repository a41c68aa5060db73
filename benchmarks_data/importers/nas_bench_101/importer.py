"""NAS-Bench-101 from its TFRecord files: three trainings of every cell, for 108 epochs or for 4, 12, 36 and 108.

A record is one training: a JSON array of module hash, epochs, adjacency, operations and a base64 message
(`metrics`).  The hash is worked out again from the adjacency and compared.  Fractions become percent
here, once, rounded to 10 decimals: means that are equal differ in their last bits otherwise.
"""

from __future__ import annotations

from array import array
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import loads
from pathlib import Path
from sys import intern

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.files import Progress
from benchmarks_data.importers.nas_bench_101.columns import MEASURED, columns
from benchmarks_data.importers.nas_bench_101.metrics import Metrics, read_metrics
from benchmarks_data.importers.parts import single
from benchmarks_data.importers.safe import tfrecord
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import HarnessError, TableError, must, reason
from harness.problem import Fidelity
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb101.texts import coding

TRAININGS = 3
SCHEDULES = (4, 12, 36, 108)
_EVALUATIONS = 3
_BATCH = 1 << 15
"""Records between two reports of progress, and new cells between two checks of hashes."""


@dataclass
class _Records:
    """What was read so far.

    Attributes
    ----------
    hashes : dict of str to int
        Row of each module hash.
    archs : list of (k, 26) uint8
    rows, epochs, parameters : array of int, one for each record
    values : array of float
        `MEASURED`, one after the other for each record.
    """

    hashes: dict[str, int] = field(default_factory=dict)
    archs: list[Archs] = field(default_factory=list)
    rows: array[int] = field(default_factory=lambda: array("i"))
    epochs: array[int] = field(default_factory=lambda: array("i"))
    parameters: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))


def convert(entry: Entry, paths: Sequence[Path], space: NB101Space, progress: Progress) -> Table:
    """Read one TFRecord file; rows are in the order in which cells first appear, and so are the trainings of a cell.

    ``entry.facts["epochs"]`` lists the training schedules that it must have; without it, any are taken.
    ``entry.facts["runs"]`` is how many trainings each cell must have in each of them, three by default.

    Raises
    ------
    TableError
        If the file is cut short or damaged, a hash is not that of its cell, or a cell lacks a training.
    """
    path = single(paths, "`files` must be one TFRecord file")
    archs, values, parameters, schedules = _trainings(path, entry, space, progress)
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=[Fidelity(f"{epochs} epochs", epochs, epochs) for epochs in schedules],
        columns=columns(archs, values, parameters, schedules),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
    )


def _trainings(
    path: Path, entry: Entry, space: NB101Space, progress: Progress
) -> tuple[Archs, Mapping[str, AnyArray], FloatArray, tuple[int, ...]]:
    """Return the cells (N, 26), each of `MEASURED` (N, R, F), the reported parameters (N,) and the schedules, F."""
    records = _read(path, space, progress)
    if not records.archs:
        raise TableError(f"{path} holds no record")
    archs = np.concatenate(records.archs)
    if entry.rows and len(archs) != entry.rows:
        raise TableError(f"{path} must hold {entry.rows} cells, got {len(archs)} in {len(records.rows)} records")
    schedules = tuple(np.unique(np.frombuffer(records.epochs, dtype=np.intc)).tolist())
    if schedules != tuple(entry.facts.get("epochs", schedules)):
        raise TableError(f"{path} must hold runs of {list(entry.facts['epochs'])} epochs, got {list(schedules)}")
    progress(f"sorting the runs of {path.name}", 0.75)
    trainings = int(entry.facts.get("runs", TRAININGS))
    return archs, *_by_row(path, records, archs, space, schedules, trainings), schedules


def _read(path: Path, space: NB101Space, progress: Progress) -> _Records:
    records = _Records()
    seen: dict[tuple[str, str, str], int] = {}
    new: dict[tuple[str, str, str], int] = {}  # cells whose hash is not checked yet, and their first record
    size = max(path.stat().st_size, 1) if path.is_file() else 1
    for number, (offset, content) in enumerate(tfrecord.records(path)):
        try:
            module_hash, epochs, adjacency, operations, message = loads(content)
            if not (isinstance(module_hash, str) and isinstance(adjacency, str)):
                raise ValueError("its module hash and its adjacency must be texts")
            cell = (module_hash, adjacency, intern(operations))
            metrics = read_metrics(a2b_base64(message))
            records.epochs.append(epochs)
            records.parameters.append(metrics.parameters)
            records.values.extend(_measured(epochs, metrics))
        except (ValueError, TypeError, OverflowError) as error:
            raise TableError(f"{path}: record {number} is no NAS-Bench-101 record: {reason(error)}") from None
        row = seen.get(cell)
        if row is None:
            row = seen[cell] = records.hashes.setdefault(module_hash, len(records.hashes))
            new[cell] = number
        records.rows.append(row)
        if len(new) == _BATCH:
            _check_hashes(path, new, space, records)
        if number % _BATCH == 0:
            progress(f"reading {path.name}", 0.7 * offset / size)
    _check_hashes(path, new, space, records)
    return records


def _measured(epochs: int, metrics: Metrics) -> list[float]:
    """Return `MEASURED` of a record; raises ValueError if it was not evaluated before, within and after training."""
    if epochs not in SCHEDULES:
        raise ValueError(must("epochs", f"be one of {', '.join(map(str, SCHEDULES))}", epochs))
    if len(metrics.evaluations) != _EVALUATIONS:
        raise ValueError(f"it must have {_EVALUATIONS} evaluations, got {len(metrics.evaluations)}")
    _, halfway, final = metrics.evaluations
    if not abs(final[0] - epochs) < 0.5:
        raise ValueError(f"its last evaluation must be after epoch {epochs}, got {final[0]}")
    return [*final[1:], metrics.total_seconds, *halfway]


def _check_hashes(path: Path, new: dict[tuple[str, str, str], int], space: NB101Space, records: _Records) -> None:
    """Parse new cells, compare their hashes, and keep the first cell of each hash; empties `new`."""
    if not new:
        return
    try:
        genes = [coding(adjacency, operations, adjacency) for _, adjacency, operations in new]
    except HarnessError:
        genes = [_coding(path, number, *cell[1:]) for cell, number in new.items()]
    archs = np.array(genes, dtype=space.dtype)
    valid = space.is_valid(archs)
    known = sum(map(len, records.archs))
    first: list[int] = []
    for place, ((stored, *_), computed) in enumerate(zip(new, space.module_hashes(archs), strict=True)):
        if not valid[place] or stored != computed:
            number = list(new.values())[place]
            rule = f"have the module hash of its cell, {computed}" if valid[place] else "be a valid cell"
            raise TableError(f"{path}: record {number} must {rule}, got {stored!r}")
        if records.hashes[stored] == known + len(first):
            first.append(place)
    records.archs.append(archs[first])
    new.clear()


def _coding(path: Path, number: int, adjacency: str, operations: str) -> list[int]:
    try:
        return coding(adjacency, operations, f"{adjacency} {operations}")
    except HarnessError as error:
        raise TableError(f"{path}: record {number}: {reason(error)}") from None


def _by_row(
    path: Path, records: _Records, archs: Archs, space: NB101Space, schedules: Sequence[int], trainings: int
) -> tuple[Mapping[str, AnyArray], FloatArray]:
    rows = np.frombuffer(records.rows, dtype=np.intc).astype(np.int64)
    fidelity = np.searchsorted(schedules, np.frombuffer(records.epochs, dtype=np.intc))
    cells = rows * len(schedules) + fidelity
    counts = np.bincount(cells, minlength=len(archs) * len(schedules))
    if (wrong := first_row(counts != trainings)) is not None:
        row, place = divmod(wrong, len(schedules))
        cell = space.module_hashes(archs[[row]])[0]
        rule = f"have {trainings} runs of {schedules[place]} epochs of the cell {cell}"
        raise TableError(f"{path} must {rule}, got {counts[wrong]}")
    order = np.argsort(cells, kind="stable")
    table = np.frombuffer(records.values, dtype=np.float64).reshape(-1, len(MEASURED))
    shape = (len(archs), len(schedules), trainings)
    values = {
        name: np.ascontiguousarray(table[order, place].reshape(shape).transpose(0, 2, 1))
        for place, name in enumerate(MEASURED)
    }
    return values, _parameters(path, records, rows, len(archs))


def _parameters(path: Path, records: _Records, rows: IntArray, count: int) -> FloatArray:
    reported = np.frombuffer(records.parameters, dtype=np.int64)
    parameters = np.empty(count, dtype=np.int64)
    parameters[rows] = reported
    if (wrong := first_row(parameters[rows] != reported)) is not None:
        rule = f"report the parameters of the other runs of its cell, {parameters[rows[wrong]]}"
        raise TableError(f"{path}: record {wrong} must {rule}, got {reported[wrong]}")
    return parameters.astype(np.float64)
