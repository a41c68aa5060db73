"""Result files: one write-once HDF5 file per cell, and one manifest per experiment.

Files are written under a temporary name, synced and renamed, so a killed run leaves only whole files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from harness.checks import FloatArray
from harness.errors import ResultError
from harness.files import replacing
from harness.problem import Objective
from harness.records import Trace
from harness.spec import Cell, Spec, from_dict

FORMAT = "nas-harness cell 1"
MANIFEST = "experiment.json"


@dataclass(frozen=True)
class CellResult:
    """What a cell leaves behind.

    Attributes
    ----------
    cell : Cell
    traces : tuple of Trace
        One for each replicate of the cell, in order.
    stopped : tuple of str
        Why each run ended: ``"budget"`` or ``"exhausted"``.
    overhead_seconds : (R,) float64
        Real seconds spent by the strategy (proposing, learning), in equal shares where replicates were served as one
        batch; not part of any digest.
    """

    cell: Cell
    traces: tuple[Trace, ...]
    stopped: tuple[str, ...]
    overhead_seconds: FloatArray


@dataclass(frozen=True)
class Run:
    """One strategy on one benchmark with one random stream.

    Attributes
    ----------
    benchmark, label : str
    replicate : int
    trace : Trace
    stopped : str
    overhead_seconds : float
    """

    benchmark: str
    label: str
    replicate: int
    trace: Trace
    stopped: str
    overhead_seconds: float


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a report needs to know of a benchmark without opening its table.

    Attributes
    ----------
    name, table_digest : str
    objectives : tuple of Objective
    has_seconds : bool
    """

    name: str
    table_digest: str
    objectives: tuple[Objective, ...]
    has_seconds: bool


@dataclass(frozen=True)
class Results:
    """An experiment's results, whole or in part.

    Attributes
    ----------
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
    runs : tuple of Run
        In the order benchmark, strategy, replicate of the spec.
    missing : tuple of (benchmark, label, first, stop)
        Cells of the spec without a result.
    folder : Path or None
    """

    spec: Spec
    benchmarks: Mapping[str, BenchmarkFacts]
    runs: tuple[Run, ...]
    missing: tuple[tuple[str, str, int, int], ...] = ()
    folder: Path | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the strategies, in the order of the spec."""
        return tuple(strategy.label for strategy in self.spec.strategies)

    def of(self, benchmark: str, label: str) -> tuple[Run, ...]:
        """Return the runs of one strategy on one benchmark, by replicate."""
        return tuple(run for run in self.runs if run.benchmark == benchmark and run.label == label)


def cell_path(folder: Path, cell: Cell) -> Path:
    """Return where the result of a cell lies."""
    return folder / f"{cell.digest}.h5"


def write_cell(folder: Path, result: CellResult) -> Path:
    """Write the result of a cell, whole or not at all."""
    path = cell_path(folder, result.cell)
    merged = Trace.concatenate(result.traces)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["digest"] = result.cell.digest
        file.attrs["cell"] = json.dumps(result.cell.as_dict(), sort_keys=True)
        file.attrs["stopped"] = json.dumps(result.stopped)
        file["offsets"] = np.cumsum([0] + [len(trace) for trace in result.traces], dtype=np.int64)
        file["overhead_seconds"] = result.overhead_seconds
        for name in Trace._names:
            file[f"trace/{name}"] = getattr(merged, name)
        file.attrs["sha256"] = _sha256(merged)
    return path


def read_cell(path: Path) -> CellResult:
    """Read the result of a cell.

    Raises
    ------
    ResultError
        If the file is damaged, of another format or not what its name says.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ResultError(f"{path}: not a result file of this version ('{FORMAT}')")
            cell = Cell.from_dict(json.loads(file.attrs["cell"]))
            merged = Trace(**{name: file[f"trace/{name}"][()] for name in Trace._names})
            offsets = file["offsets"][()]
            stopped = tuple(json.loads(file.attrs["stopped"]))
            overhead = file["overhead_seconds"][()]
            digest, content = file.attrs["digest"], file.attrs["sha256"]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ResultError):
            raise
        raise ResultError(f"{path}: damaged result file ({error}); delete it and run again") from error
    if content != _sha256(merged):
        raise ResultError(f"{path}: damaged result file (its numbers changed); delete it and run again")
    if not digest == cell.digest == path.stem:
        raise ResultError(f"{path}: the file is not the result its name says; delete it and run again")
    traces = tuple(merged.take(slice(a, b)) for a, b in pairwise(offsets))
    return CellResult(cell, traces, stopped, overhead)


def _sha256(trace: Trace) -> str:
    """Return the SHA-256 of all columns, with their types and shapes."""
    digest = hashlib.sha256()
    for name in Trace._names:
        column = np.ascontiguousarray(getattr(trace, name))
        digest.update(f"{name} {column.dtype.str} {column.shape}".encode())
        digest.update(column.data)
    return digest.hexdigest()


def write_manifest(
    folder: Path, spec: Spec, benchmarks: Mapping[str, BenchmarkFacts], cells: Mapping[str, Any]
) -> None:
    """Write which cells make up an experiment.

    Parameters
    ----------
    folder : Path
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
    cells : mapping of (label, Cell) pairs by digest
        In the order of the spec.
    """
    data = {
        "format": FORMAT,
        "spec": spec.as_dict(),
        "benchmarks": [
            {
                "name": facts.name,
                "table_digest": facts.table_digest,
                "objectives": [vars(objective) for objective in facts.objectives],
                "has_seconds": facts.has_seconds,
            }
            for facts in benchmarks.values()
        ],
        "cells": [
            {"label": label, "benchmark": cell.benchmark, "first": cell.first, "stop": cell.stop, "digest": digest}
            for digest, (label, cell) in cells.items()
        ],
    }
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read_results(folder: str | Path) -> Results:
    """Read an experiment's results, complete or not."""
    folder = Path(folder)
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultError(f"no results in '{folder}': '{MANIFEST}' is missing; give a folder made by `run`") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultError(f"{folder / MANIFEST}: damaged ({error}); run the spec again to rewrite it") from None
    runs: list[Run] = []
    missing = []
    for entry in data["cells"]:
        path = folder / f"{entry['digest']}.h5"
        if not path.exists():
            missing.append((entry["benchmark"], entry["label"], entry["first"], entry["stop"]))
            continue
        runs += cell_runs(entry["label"], read_cell(path))
    facts = [
        BenchmarkFacts(
            item["name"],
            item["table_digest"],
            tuple(Objective(**objective) for objective in item["objectives"]),
            item["has_seconds"],
        )
        for item in data["benchmarks"]
    ]
    return Results(
        from_dict(data["spec"], str(folder / MANIFEST)),
        {item.name: item for item in facts},
        tuple(runs),
        tuple(missing),
        folder,
    )


def cell_runs(label: str, result: CellResult) -> list[Run]:
    """Return the runs of a cell under the label that the spec gives its strategy."""
    cell = result.cell
    columns = zip(result.traces, result.stopped, result.overhead_seconds, strict=True)
    return [
        Run(cell.benchmark, label, cell.first + index, trace, stopped, float(overhead))
        for index, (trace, stopped, overhead) in enumerate(columns)
    ]
