"""The door to the tables: open, convert on first use, import, describe.

A table is converted from its installed source package to the cache when it is first asked for, under an inter-process
lock; afterwards opening it takes milliseconds.  A cache file that is damaged, cut short or of another schema is made
again, or, where the source is gone, named in a TableError.  A table whose files the user has is imported first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks_data import files
from benchmarks_data.cache import conversion
from benchmarks_data.catalogue.builds import Plan
from benchmarks_data.catalogue.entries import Entry, Protocol, builds, carried, entries
from benchmarks_data.file import layout, protocol, recorded
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.files import Progress, on_terminal
from harness.errors import HarnessError, TableError, unknown
from harness.problem import Constraint, Objective
from harness.space import SearchSpace
from harness.spaces import named

if TYPE_CHECKING:
    from harness.benchmark import Benchmark, Oracle


def space(name: str) -> SearchSpace:
    """Return the search space of a benchmark, or the space of that name.

    Nothing is converted, but for a space that its table defines.
    """
    if name in named.SPACES:
        return named.space(name)
    entry = _entry(name)
    if entry.space in named.DEFINED:
        return recorded.whole_space_of(_opened(entry, name, held_out=False, progress=on_terminal))
    return named.space(entry.space)


def _entry(name: str) -> Entry:
    name = name.partition(protocol.MARK)[0]
    known = carried() if name in carried() else entries()
    if name not in known:
        raise HarnessError(unknown("benchmark", name, (*known, *named.SPACES)))
    return known[name]


def _protocol(entry: Entry, name: str) -> Protocol | None:
    """Return the protocol that a name asks for, None if it asks for none.

    Raises
    ------
    HarnessError
        If it is unknown; lists those that the table has.
    """
    chosen = name.partition(protocol.MARK)[2]
    if not chosen:
        return None
    if chosen not in entry.protocols:
        raise HarnessError(unknown(f"protocol of {entry.name}", chosen, entry.protocols))
    return entry.protocols[chosen]


def protocol_of(name: str) -> Protocol | None:
    """Return the protocol that a name asks for, None if none; raises HarnessError if the name or it is unknown."""
    return _protocol(_entry(name), name)


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    seed: int | None = None,
    check_content: bool = False,
    progress: Progress = on_terminal,
) -> Benchmark:
    """Open a table as a benchmark, converting it first where that was not done yet.

    Parameters
    ----------
    name : str
        A name of `entries`; with ``@`` and a protocol behind it for a table that has test results alone.
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation column.
    constraints : sequence of Constraint
    training : int, optional
        Always answer with this training run instead of drawing one.
    seed : int, optional
        Always answer with the training run of this seed; every row must have it.
    check_content : bool
        Compare the whole table with its SHA-256, not only size and layout.
    progress : callable
        Told how a conversion goes; see `benchmarks_data.files.Progress`.
    """
    entry = _entry(name)
    if check_content:
        ensure(name, progress=progress)
    header = _opened(entry, name, held_out=False, progress=progress)
    if objectives is None and not header.meaning.validation:
        known = ", ".join(f"'{entry.name}{protocol.MARK}{key}'" for key in entry.protocols) or "none is known"
        raise HarnessError(
            f"the table {entry.name} has no validation column to search by; open it under a protocol: {known}"
        )
    return TableBenchmark(
        header,
        recorded.space_of(header),
        objectives=objectives,
        constraints=constraints,
        training=training,
        seed=seed,
    )


def open_oracle(name: str, *, progress: Progress = on_terminal) -> Oracle:
    """Open a table with its held-out columns, converting it first where that was not done yet."""
    header = _opened(_entry(name), name, held_out=True, progress=progress)
    return TableOracle(header, recorded.space_of(header))


def ensure(name: str, *, progress: Progress = on_terminal) -> Path:
    """Convert a table if needed, check the SHA-256 of all its content, and return where it lies.

    Raises
    ------
    TableError
        If it must be converted and cannot be: the source is not installed, or is not what it should be.
    """
    entry = _entry(name)
    path = files.table_path(entry.name)
    try:
        conversion.read(entry, path)
        layout.check_content(path)
    except TableError as error:
        conversion.convert(entry, path, progress, because=error)
        layout.check_content(path)
    return path


def _opened(entry: Entry, name: str, *, held_out: bool, progress: Progress) -> layout.Header:
    """Open the cache file of a table, under the protocol that the name asks for."""
    chosen = _protocol(entry, name)
    path = files.table_path(entry.name)
    known = held_out or chosen is not None
    try:
        header = conversion.read(entry, path, held_out=known)
    except TableError as error:
        conversion.convert(entry, path, progress, because=error)
        header = conversion.read(entry, path, held_out=known)
    return header if chosen is None else protocol.under(chosen, name, header, held_out=held_out)


def import_table(name: str, paths: Sequence[Path], *, progress: Progress = on_terminal) -> Path:
    """Convert files of the user's into the cache as the table of a name; see `import_tables`."""
    return import_tables([name], paths, progress=progress)[name]


def import_tables(names: Sequence[str], paths: Sequence[Path], *, progress: Progress = on_terminal) -> dict[str, Path]:
    """Convert files of the user's into the cache, several tables in one pass over them.

    Parameters
    ----------
    names : sequence of str
        Tables made from the same files; see `made_together`.  That of a protocol is the table itself.
    paths : sequence of Path
        The files or folders, in the order of the catalogue's; their own names do not matter.
    progress : callable

    Returns
    -------
    dict of str to Path
        Where each table lies, by the names given.

    Raises
    ------
    HarnessError
        If a name is unknown, or its protocol.
    TableError
        If files are missing or are not what they should be; tables that were there before stay as they were.
    """
    asked = {name: _entry(name) for name in names}
    for name, entry in asked.items():
        _protocol(entry, name)
    wanted = {entry.name: entry for entry in asked.values()}
    lying = conversion.import_tables(list(wanted.values()), [Path(path) for path in paths], progress)
    return {name: lying[entry.name] for name, entry in asked.items()}


def made_together(name: str) -> tuple[str, ...]:
    """Return the names of all tables that are made from the same files as one, itself included."""
    asked = _entry(name)
    return tuple(key for key, entry in entries().items() if (entry.source, entry.files) == (asked.source, asked.files))


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
        Of a table or of a space: ``"nb201"``, ``"graph"``.  "graph-proteins" names both, and is described as the
        benchmark, which tells of its space.

    Returns
    -------
    dict
        Of a benchmark: kind, name, title, dataset, rows, runs (how many rows have how many training runs), replicates,
        columns (name, unit, direction, split, trained_on, held_out, best, measured_at, runs, coverage, description),
        fidelities, has_seconds, validation, test, licence, citation, source, source_sha256, source_as_checked, partial,
        protocol, protocols, sha256, path, bytes, space.  Of a table whose files nobody imported yet: what the catalogue
        says of it, ``imported`` (False) and ``to_get``.  Of a space: kind, name, description, benchmarks and its facts.
    """
    if name in named.SPACES and name not in entries():
        return _describe_space(named.space(name))
    entry = _entry(name)
    if entry.imported and not files.table_path(entry.name).exists():
        return _describe_entry(entry, name)
    header = _opened(entry, name, held_out=True, progress=on_terminal)
    about = layout.read_about(header.path)
    under = _protocol(entry, name)
    return {
        "kind": "benchmark",
        "name": name,
        **{key: about[key] for key in ("title", "dataset")},
        "rows": len(header.array("archs")),
        "runs": recorded.run_counts(header),
        "replicates": about["replicates"],
        "columns": [_describe_column(header, column) for column in header.columns],
        "fidelities": [fidelity.label for fidelity in header.meaning.fidelities],
        "has_seconds": header.meaning.seconds is not None,
        "validation": header.meaning.validation or None,
        "test": header.meaning.test,
        **{key: about[key] for key in ("licence", "citation", "source", "source_sha256")},
        "training": json.loads(about["training"]) if "training" in about else entry.facts.get("training"),
        "source_as_checked": set(about["source_sha256"].split()) == set(entry.sha256) if entry.sha256 else None,
        "partial": header.meaning.partial,
        "protocol": None if under is None else under.text,
        "protocols": {f"{entry.name}{protocol.MARK}{key}": known.text for key, known in entry.protocols.items()},
        "sha256": header.digest,
        "path": str(header.path),
        "bytes": header.path.stat().st_size,
        "space": _describe_space(recorded.whole_space_of(header)),
    }


def _describe_entry(entry: Entry, name: str) -> dict[str, Any]:
    """Say what the catalogue knows of a table that is not there."""
    under = _protocol(entry, name)
    by_hand = f"{entry.manual or entry.source.url}; then `{entry.import_command}`"
    return {
        "kind": "benchmark",
        "name": name,
        "title": entry.title,
        "dataset": entry.dataset,
        "imported": False,
        "to_get": f"`nas-harness data get {entry.name}`" if entry.downloads else f"by hand: {by_hand}",
        "rows": entry.rows or None,
        "replicates": entry.source.replicates,
        "licence": entry.source.licence,
        "citation": entry.source.citation,
        "source": f"{', '.join(entry.files)} ({entry.source.url})",
        "protocol": None if under is None else under.text,
        "protocols": {f"{entry.name}{protocol.MARK}{key}": known.text for key, known in entry.protocols.items()},
        "space": entry.space,
    }


def _describe_column(header: layout.Header, name: str) -> dict[str, Any]:
    values = header.values(name)
    coverage = float(np.count_nonzero(~np.isnan(values)) / values.size)
    told = recorded.described_column(header, name)
    description = told.pop("description")
    return told | {"runs": values.shape[1], "coverage": coverage, "description": description}


def _describe_space(described: SearchSpace) -> dict[str, Any]:
    return {
        "kind": "space",
        "name": described.name,
        "description": described.description,
        "benchmarks": [entry.name for entry in entries().values() if entry.space == described.name],
        **described.facts(),
    }
