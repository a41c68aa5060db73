"""The door to the tables: open, convert on first use, describe.

A table is converted from its installed source package to the cache when it is first asked for, under an inter-process
lock; afterwards opening it takes milliseconds.  A cache file that is damaged, cut short or of another schema is made
again, or, where the source is gone, named in a TableError.
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks_data import files, schema
from benchmarks_data.entries import Entry, builds, entries
from benchmarks_data.oracle import TableOracle
from benchmarks_data.plan import Plan
from benchmarks_data.progress import Progress, on_terminal
from benchmarks_data.spaces.enumerated import EnumeratedSpace
from benchmarks_data.spaces.graph import GraphSpace
from benchmarks_data.spaces.nb201 import NB201Space
from benchmarks_data.table import TableBenchmark
from harness.errors import HarnessError, TableError, unknown
from harness.files import locked, remove_unfinished, replacing
from harness.problem import Constraint, Objective

if TYPE_CHECKING:
    from harness.benchmark import Benchmark, Oracle

_SPACES: Mapping[str, Callable[[], EnumeratedSpace]] = {
    "nb201": NB201Space,
    "graph": GraphSpace,
    "graph-proteins": lambda: GraphSpace("graph-proteins", ("gcn", "sage", "arma", "fc", "skip")),
}


def names() -> tuple[str, ...]:
    """Return the names of all tables."""
    return tuple(entries())


@cache
def _space(name: str) -> EnumeratedSpace:
    return _SPACES[name]()


def space(name: str) -> EnumeratedSpace:
    """Return the search space of a benchmark, or the space of that name; nothing is converted."""
    return _space(name if name in _SPACES else _entry(name).space)


def _entry(name: str) -> Entry:
    if name not in entries():
        raise HarnessError(unknown("benchmark", name, (*entries(), *_SPACES)))
    return entries()[name]


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    replicate: int | None = None,
    verify: bool = False,
    progress: Progress = on_terminal,
) -> Benchmark:
    """Open a table as a benchmark, converting it first where that was not done yet.

    Parameters
    ----------
    name : str
        One of `names`.
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is ``("valid_accuracy",)``.
    constraints : sequence of Constraint
    replicate : int, optional
        Always answer with this training run instead of drawing one.
    verify : bool
        Compare the whole table with its SHA-256, not only size and layout.
    progress : callable
        Told how a conversion goes; see `benchmarks_data.progress`.
    """
    if verify:
        ensure(name, progress=progress)
    header = _opened(_entry(name), held_out=False, progress=progress)
    return TableBenchmark(header, space(name), objectives=objectives, constraints=constraints, replicate=replicate)


def open_oracle(name: str, *, progress: Progress = on_terminal) -> Oracle:
    """Open a table with its held-out columns, converting it first where that was not done yet."""
    return TableOracle(_opened(_entry(name), held_out=True, progress=progress), space(name))


def ensure(name: str, *, progress: Progress = on_terminal) -> Path:
    """Convert a table if needed, check the SHA-256 of all its content, and return where it lies.

    Raises
    ------
    TableError
        If it must be converted and cannot be: the source is not installed, or is not what it should be.
    """
    entry = _entry(name)
    path = files.table_path(name)
    try:
        _read(entry, path)
        schema.verify(path)
    except TableError as error:
        _convert(entry, path, progress, because=error)
        schema.verify(path)
    return path


def _opened(entry: Entry, *, held_out: bool, progress: Progress) -> schema.Header:
    path = files.table_path(entry.name)
    try:
        return _read(entry, path, held_out=held_out)
    except TableError as error:
        _convert(entry, path, progress, because=error)
        return _read(entry, path, held_out=held_out)


def _read(entry: Entry, path: Path, *, held_out: bool = False) -> schema.Header:
    header = schema.read_header(path, held_out=held_out)
    if header.meaning.name != entry.name:
        raise TableError(f"the table {path} is that of '{header.meaning.name}', not of '{entry.name}'")
    return header


def _convert(entry: Entry, path: Path, progress: Progress, because: TableError) -> None:
    """Make the cache file, unless another process did while this one waited for the lock."""
    try:
        with locked(path.with_suffix(".lock")):
            if _is_whole(entry, path):
                return
            if path.exists():
                warnings.warn(f"{because}; it is converted again", stacklevel=4)
            remove_unfinished(path.parent, path.name)
            _convert_locked(entry, path, progress)
    except TableError as error:
        told = f"{because}; it cannot be made again: {error}" if path.exists() else str(error)
        raise TableError(told) from error
    except OSError as error:
        raise TableError(f"cannot write the table {path} ({error}): set {files.HOME_VARIABLE}") from error
    finally:
        progress(entry.name, 1.0)


def _is_whole(entry: Entry, path: Path) -> bool:
    try:
        _read(entry, path)
        schema.verify(path)
    except TableError:
        return False
    return True


def _convert_locked(entry: Entry, path: Path, progress: Progress) -> None:
    def told(what: str, fraction: float) -> None:
        progress(f"converting {entry.name}: {what}", fraction)

    convert = importlib.import_module(f"benchmarks_data.convert.{entry.source.converter}").convert
    table: schema.Table = convert(entry, _space(entry.space), told)
    if len(table.archs) != entry.rows:
        raise TableError(f"the table {entry.name} must have {entry.rows} rows, got {len(table.archs)}")
    told("writing", 0.8)
    with replacing(path) as temporary:
        schema.write(temporary, replace(table, about={**table.about, **_about(entry)}))


def _about(entry: Entry) -> dict[str, str]:
    source = entry.path()
    return {
        "title": entry.title,
        "dataset": entry.dataset,
        "replicates": entry.source.replicates,
        "licence": entry.source.licence,
        "citation": entry.source.citation,
        "source": f"{entry.source.distribution}: {entry.file} ({entry.source.url})",
        "source_sha256": files.sha256(source),
    }


def plan(name: str) -> Plan:
    """Return what to train for a table that this project trains itself."""
    if name not in builds():
        raise HarnessError(unknown("table to build", name, builds()))
    return builds()[name]


def describe(name: str) -> dict[str, Any]:
    """Say what a benchmark or a search space is, as plain data.

    Parameters
    ----------
    name : str
        One of `names`, or the name of a space: ``"nb201"``, ``"graph"``.  "graph-proteins" names both, and is described
        as the benchmark, which tells of its space.

    Returns
    -------
    dict
        Of a benchmark: kind, name, title, dataset, rows, runs (how many rows have how many training runs), replicates,
        columns (name, unit, direction, split, trained_on, held_out, best, runs, coverage, description), fidelities,
        has_seconds, validation, test, licence, citation, source, source_sha256, source_as_checked, sha256, path,
        bytes, space.  Of a space: kind, name, description, benchmarks and its facts.
    """
    if name in _SPACES and name not in entries():
        return _describe_space(name)
    entry = _entry(name)
    header = _opened(entry, held_out=True, progress=on_terminal)
    about = schema.read_about(header.path)
    counts, of_rows = np.unique(header.array("index/runs"), return_counts=True)
    return {
        "kind": "benchmark",
        "name": name,
        **{key: about[key] for key in ("title", "dataset")},
        "rows": len(header.array("archs")),
        "runs": {str(count): int(rows) for count, rows in zip(counts, of_rows, strict=True)},
        "replicates": about["replicates"],
        "columns": [_describe_column(header, column) for column in header.columns],
        "fidelities": [fidelity.label for fidelity in header.meaning.fidelities],
        "has_seconds": header.meaning.seconds is not None,
        "validation": header.meaning.validation,
        "test": header.meaning.test,
        **{key: about[key] for key in ("licence", "citation", "source", "source_sha256")},
        "training": json.loads(about["training"]) if "training" in about else entry.facts.get("training"),
        "source_as_checked": about["source_sha256"] == entry.sha256,
        "sha256": header.digest,
        "path": str(header.path),
        "bytes": header.path.stat().st_size,
        "space": _describe_space(entry.space),
    }


def _describe_column(header: schema.Header, name: str) -> dict[str, Any]:
    column, values = header.columns[name], header.values(name)
    coverage = float(np.count_nonzero(~np.isnan(values)) / values.size)
    told = asdict(column)
    description = told.pop("description")
    return told | {"runs": values.shape[1], "coverage": coverage, "description": description}


def _describe_space(name: str) -> dict[str, Any]:
    described = _space(name)
    return {
        "kind": "space",
        "name": name,
        "description": described.description,
        "benchmarks": [entry.name for entry in entries().values() if entry.space == name],
        **described.facts(),
    }
