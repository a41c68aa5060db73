"""The file of a table: one HDF5 of contiguous datasets, so that it is memory-mapped, never loaded.

Layout of schema 2; N rows, L genes, R trainings, F fidelities, S schedules, A fidelities of a column::

    /                  attributes: format, schema, those of `Meaning` ("" = none), sha256, file_bytes
    /about             attributes for people: title, dataset, replicates, licence, citation, source, source_sha256,
                       source_files
    /archs             (N, L) unsigned integers: the coding of each row
    /index/rows        (codings,) int32: the row of each coding by its mixed-radix number; -1 = not in the table.
                       Only for spaces of at most 2**20 codings; all others have in its place:
    /index/keys        (K,) uint64, rising: `SearchSpace.key` of the table's identity
    /index/key_rows    (K,) int32: the row of each key
    /index/runs        (N, S) uint8: trainings made in each schedule; they come first along R, the rest is NaN
    /index/seeds       (N, S, R) int32, where labelled: the seed of each training, -1 where absent or unlabelled
    /columns/<name>    (N, R, A) float64; attributes unit, direction, description and, where they apply, split,
                       trained_on, best, at.  R is 1 for what does not differ between them.  ``at`` lists the A
                       fidelities at which it was measured; without it A is F, or 1 for what does not change in training
    /held_out/<name>   the same, for columns that hold test results; only an Oracle opens them

``sha256`` covers every dataset and what gives the numbers their meaning; the text for people is not part of it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks_data.file.meaning import Meaning, check_held_out, column_attributes, column_of
from harness.benchmark import Column
from harness.digests import identity
from harness.errors import TableError
from harness.guard import refuse

FORMAT = "nas-harness table"
SCHEMA = 2
"""Bump when the layout changes, or what a converter writes: files of another number are made again."""
AnyArray = npt.NDArray[Any]
Columns = Mapping[str, tuple[Column, AnyArray]]
"""What each column is, and its values (N, R, A), by name."""
_INDICES = (("rows",), ("keys", "key_rows"))


@dataclass(frozen=True, eq=False)
class Table:
    """A table in memory, as `benchmarks_data.file.assemble` makes it.

    Attributes
    ----------
    meaning : Meaning
    archs : (N, L) unsigned integers
    index : mapping of str to array
        How a row is found: ``rows``, or ``keys`` and ``key_rows``; see the module.
    trainings : (N, S) uint8
        How many trainings there are in each row and schedule; they come first.
    columns : mapping of str to (Column, (N, R, A) float64)
    about : mapping of str to str
        For people: title, dataset, replicates, licence, citation, source, source_sha256, source_files.
    seeds : (N, S, R) int32 or None
        Seed of each training, -1 where absent or unlabelled.
    """

    meaning: Meaning
    archs: AnyArray
    index: Mapping[str, AnyArray]
    trainings: AnyArray
    columns: Columns
    about: Mapping[str, str] = field(default_factory=dict)
    seeds: AnyArray | None = None

    def datasets(self) -> Iterator[tuple[str, AnyArray]]:
        """Yield every dataset with its path in the file."""
        yield "archs", self.archs
        for name, values in sorted(self.index.items()):
            yield f"index/{name}", values
        yield "index/runs", self.trainings
        if self.seeds is not None:
            yield "index/seeds", self.seeds
        for name, (column, values) in sorted(self.columns.items()):
            yield f"{_group(column)}/{name}", values


def _group(column: Column) -> str:
    return "held_out" if column.held_out else "columns"


def write(path: Path, table: Table) -> None:
    """Write a table to a new file; raises OSError if it cannot be written whole, TableError if it could tell a test."""
    for column, _ in table.columns.values():
        check_held_out(column)
    needed, free = sum(values.nbytes for _, values in table.datasets()), shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"the table needs {needed:,} bytes, {free:,} are left", str(path))
    try:
        _write(path, table)
    except RuntimeError as error:  # so HDF5 tells, on closing a file, that the disk is full
        reason = re.search(r"error message = '([^']*)'", str(error))
        raise OSError(errno.ENOSPC, reason[1] if reason else str(error), str(path)) from None


def _write(path: Path, table: Table) -> None:
    digest = _digest(table.meaning, [column for column, _ in table.columns.values()], dict(table.datasets()))
    # aligned, so that mapped arrays are; version 110 keeps checksums over all metadata
    with h5py.File(path, "w", libver=("v110", "v110"), alignment_threshold=1, alignment_interval=64) as file:
        for name, values in table.datasets():
            file.create_dataset(name, data=np.ascontiguousarray(values))
        for name, (column, _) in table.columns.items():
            file[f"{_group(column)}/{name}"].attrs.update(column_attributes(column))
        file.attrs.update(table.meaning.to_attributes())
        for group in ("columns", "held_out"):
            file.require_group(group)
        file.create_group("about").attrs.update(table.about)
        file.attrs.update({"format": FORMAT, "schema": SCHEMA, "sha256": digest, "file_bytes": 0})
    with h5py.File(path, "r+") as file:
        file.attrs.modify("file_bytes", path.stat().st_size)


def _digest(meaning: Meaning, columns: list[Column], datasets: Mapping[str, AnyArray]) -> str:
    said = [identity(replace(column, description="")) for column in sorted(columns, key=lambda column: column.name)]
    covered = {"schema": SCHEMA, "columns": said} | meaning.to_attributes()
    digest = hashlib.sha256(json.dumps(covered, sort_keys=True).encode())
    for name in sorted(datasets):
        values = np.ascontiguousarray(datasets[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Place:
    """Where a contiguous dataset lies in the file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Header:
    """What is known of a table without reading its numbers.

    Attributes
    ----------
    path : pathlib.Path
    meaning : Meaning
    digest : str
        SHA-256 of the content, as recorded.
    columns : mapping of str to Column
        Held-out columns only if they were asked for.
    places : mapping
        Where each dataset lies in the file.
    derived : mapping of str to array
        Columns, (N, R, A) float64, and ``index/runs`` that are made from stored ones; see
        `benchmarks_data.file.protocol`.
    """

    path: Path
    meaning: Meaning
    digest: str
    columns: Mapping[str, Column]
    places: Mapping[str, _Place]
    derived: Mapping[str, AnyArray] = field(default_factory=dict)

    def array(self, name: str) -> AnyArray:
        """Map ``archs`` or what lies in ``index``; read-only."""
        if name in self.derived:
            return self.derived[name]
        place = self.places[name]
        mapped = np.memmap(self.path, dtype=place.dtype, mode="r", offset=place.offset, shape=place.shape)
        return mapped.view(np.ndarray)  # a plain array: the subclass makes every operation on it slower

    def values(self, column: str) -> AnyArray:
        """Map a column: (N, R, A) float64, read-only."""
        if column in self.derived:
            return self.derived[column]
        return self.array(f"{_group(self.columns[column])}/{column}")


def read_header(path: Path, *, held_out: bool = False) -> Header:
    """Open a table: check format, schema, size and layout, and read what its columns are.

    Parameters
    ----------
    path : pathlib.Path
    held_out : bool
        Whether to know the held-out columns; for an Oracle.

    Raises
    ------
    TableError
        If the file is missing, of another schema, cut short or otherwise not what was written.
    """
    refuse(str(path))
    with _opened(path) as file:
        attributes = dict(file.attrs)
        if attributes.get("format") != FORMAT:
            raise TableError(f"no table of this program (format {attributes.get('format')!r})")
        if attributes["schema"] != SCHEMA:
            raise TableError(f"of schema {attributes['schema']}, this program reads schema {SCHEMA}")
        size = path.stat().st_size
        if attributes["file_bytes"] != size:
            raise TableError(f"damaged: {size} bytes instead of {attributes['file_bytes']}")
        _check_links(file)
        places = {name: _place(file[name], size) for name in ("archs", *(f"index/{key}" for key in file["index"]))}
        columns = {}
        for group in ("columns", "held_out") if held_out else ("columns",):
            for name, dataset in file[group].items():
                columns[name] = column_of(name, group == "held_out", dict(dataset.attrs))
                check_held_out(columns[name])
                places[f"{group}/{name}"] = _place(dataset, size)
        header = Header(path, Meaning.from_attributes(attributes), str(attributes["sha256"]), columns, places)
        _check_layout(header)
        return header


_DAMAGE = {
    "truncated file": "it is cut short",
    "file signature not found": "it is no HDF5 file, or its beginning is lost",
    "Is a directory": "it is a folder",
}
"""What HDF5 says of a file that it cannot open, in our words."""


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a table file; whatever is found wrong with it becomes a TableError that names it."""
    if not path.exists():
        raise TableError(f"the table {path} is missing: there is no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        why = next((reason for words, reason in _DAMAGE.items() if words in str(error)), str(error))
        raise TableError(f"the table {path} is damaged: {why}") from None
    with file:
        try:
            yield file
        except TableError as error:
            raise TableError(f"the table {path} is {error}") from None
        except Exception as error:  # noqa: BLE001  # damaged bytes can raise nearly anything from HDF5
            raise TableError(f"the table {path} is damaged: {type(error).__name__}: {error}") from None


def read_about(path: Path) -> dict[str, str]:
    """Return what a table says of itself for people: title, dataset, replicates, licence, citation, source.

    Raises
    ------
    TableError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        return {key: str(text) for key, text in file["about"].attrs.items()}


def _check_links(file: h5py.File) -> None:
    """Refuse links: what a name in one group stands for could lie in another, or in another file."""
    for group in (file, *(file[name] for name in ("index", "columns", "held_out"))):
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise TableError(f"damaged: {group.name.rstrip('/')}/{name} is a link; a table keeps its own numbers")


def _place(dataset: h5py.Dataset, size: int) -> _Place:
    offset = dataset.id.get_offset()  # None as well where the numbers lie in another file
    if offset is None or offset + dataset.nbytes > size:
        raise TableError(f"damaged: the dataset {dataset.name} does not lie in the file as one piece")
    return _Place(offset, dataset.shape, dataset.dtype)


def _check_layout(header: Header) -> None:
    meaning, shapes = header.meaning, {name: place.shape for name, place in header.places.items()}
    rows, fidelities, schedules = shapes["archs"][0], len(meaning.fidelities), len(meaning.schedules)
    if shapes["index/runs"] != (rows, schedules):
        raise TableError(f"damaged: it counts runs as {shapes['index/runs']}, not ({rows}, {schedules})")
    if not any(all(f"index/{part}" in shapes for part in parts) for parts in _INDICES):
        raise TableError("damaged: it has no index of its rows")
    trainings = {1}
    for name, column in header.columns.items():
        shape = shapes[f"{_group(column)}/{name}"]
        widths = (len(column.at),) if column.at else (1, fidelities)
        if (
            len(shape) != 3
            or shape[0] != rows
            or shape[2] not in widths
            or not set(column.at) <= set(range(fidelities))
        ):
            allowed = " or ".join(map(str, widths))
            raise TableError(f"damaged: the column {name} has shape {shape}, not ({rows}, runs, {allowed})")
        trainings.add(shape[1])
    if len(trainings) > 2:
        raise TableError(f"damaged: its columns disagree about the number of runs: {sorted(trainings)}")
    if "index/seeds" in shapes and shapes["index/seeds"][:2] != (rows, schedules):
        raise TableError(f"damaged: it has seeds of shape {shapes['index/seeds']}")


def check_content(path: Path) -> None:
    """Compare the whole content of a table with its SHA-256.

    Raises
    ------
    TableError
        If the file is not what was written.
    """
    header = read_header(path, held_out=True)
    datasets = {name: header.array(name) for name in header.places}
    if _digest(header.meaning, list(header.columns.values()), datasets) != header.digest:
        raise TableError(f"the table {path} is damaged: its content does not have the recorded sha256")
