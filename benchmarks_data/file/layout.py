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

``sha256`` covers every dataset and what gives the numbers their meaning; the text for people is not part of it.  Before
the HDF5 stands a block with the SHA-256 of every byte after it (`harness.files.sealed`), which is compared before HDF5
sees them; files of earlier versions have none, and a child process compares their ``sha256`` once.
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
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks_data import checked
from benchmarks_data.file.content import CHANGED, SEAL, Content, opened_content
from benchmarks_data.file.meaning import Meaning, check_held_out, column_attributes, column_of
from harness.benchmark import Column
from harness.digests import identity
from harness.errors import TableError, reason
from harness.files import sealed
from harness.files.confined import Answer, Confined, ConfinedError
from harness.guard import refuse

FORMAT = "nas-harness table"
SCHEMA = 2
"""Bump when the layout changes, or what a converter writes: files of another number are made again."""
AnyArray = npt.NDArray[Any]
Columns = Mapping[str, tuple[Column, AnyArray]]
"""What each column is, and its values (N, R, A), by name."""
_INDICES = (("rows",), ("keys", "key_rows"))
_REMEMBERED = 8
"""Tables that this process last opened, whose headers and bytes it keeps."""
_CHILD = "benchmarks_data.file.layout:sums_of"


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
    settings: dict[str, Any] = {"alignment_threshold": 1, "alignment_interval": 64}
    with h5py.File(path, "w", libver=("v110", "v110"), userblock_size=sealed.BLOCK, **settings) as file:
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
    sealed.seal(path, SEAL)


def _digest(meaning: Meaning, columns: list[Column], datasets: Mapping[str, AnyArray]) -> str:
    # what is for people, device and batch too, moves no digest
    said = [
        identity(replace(column, description="", device="", batch=0))
        for column in sorted(columns, key=lambda column: column.name)
    ]
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
    content : Content
        The bytes of the file.
    derived : mapping of str to array
        Columns, (N, R, A) float64, and ``index/runs`` that are made from stored ones; see
        `benchmarks_data.file.protocol`.
    """

    path: Path
    meaning: Meaning
    digest: str
    columns: Mapping[str, Column]
    places: Mapping[str, _Place]
    content: Content = field(repr=False)
    derived: Mapping[str, AnyArray] = field(default_factory=dict)

    def array(self, name: str) -> AnyArray:
        """Return ``archs`` or what lies in ``index``; read-only."""
        if name in self.derived:
            return self.derived[name]
        place = self.places[name]
        return self.content.view(place.offset, place.shape, place.dtype)

    def values(self, column: str) -> AnyArray:
        """Return a column: (N, R, A) float64, read-only."""
        if column in self.derived:
            return self.derived[column]
        return self.array(f"{_group(self.columns[column])}/{column}")


def read_header(path: Path, *, held_out: bool = False) -> Header:
    """Open a table: check all its content, format, schema and layout, and read what its columns are.

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
    known = checked.settled(path)
    return _read(path, held_out) if known is None else _remembered(path, held_out, known)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(path: Path, held_out: bool, status: tuple[int, ...]) -> Header:
    """Read a table once while its file has one status: the shards of an experiment open it one after the other."""
    return _read(path, held_out)


def _read(path: Path, held_out: bool) -> Header:
    with _opened(path) as (content, file):
        header = _header_of(content, file, held_out)
        if content.is_sealed:
            _check_sealed(content, file, header, held_out)
        return header


def _header_of(content: Content, file: h5py.File, held_out: bool) -> Header:
    attributes = dict(file.attrs)
    if attributes.get("format") != FORMAT:
        raise TableError(f"no table of this program (format {attributes.get('format')!r})")
    if attributes["schema"] != SCHEMA:
        raise TableError(f"of schema {attributes['schema']}, this program reads schema {SCHEMA}")
    if attributes["file_bytes"] != content.size:
        raise TableError(f"damaged: {content.size} bytes instead of {attributes['file_bytes']}")
    groups = {group: list(sealed.names(file[group])) for group in ("index", "columns", "held_out")}
    places = {
        name: _place(file, name, content.size) for name in ("archs", *(f"index/{key}" for key in groups["index"]))
    }
    columns = {}
    for group in ("columns", "held_out") if held_out else ("columns",):
        for name in groups[group]:
            places[f"{group}/{name}"] = _place(file, f"{group}/{name}", content.size)
            columns[name] = column_of(name, group == "held_out", dict(file[f"{group}/{name}"].attrs))
            check_held_out(columns[name])
    meaning = Meaning.from_attributes(attributes)
    header = Header(content.path, meaning, str(attributes["sha256"]), columns, places, content)
    _check_layout(header)
    return header


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Content, h5py.File]]:
    """Open a table file and check its content; whatever is found wrong with it becomes a TableError that names it."""
    content = opened_content(path)
    if not content.is_sealed:
        _check_unsealed(content)
    with _named(path), content.hdf5() as file:
        list(sealed.names(file))
        yield content, file
        content.check_unchanged()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever is found wrong with a table into a TableError that names it."""
    try:
        yield
    except TableError as error:
        raise TableError(str(error) if str(path) in str(error) else f"the table {path} is {reason(error)}") from None
    except sealed.SealError as error:
        raise TableError(f"the table {path} is damaged: {reason(error)}") from None
    except Exception as error:  # noqa: BLE001  # damaged bytes can raise nearly anything from HDF5
        raise TableError(f"the table {path} is damaged: {type(error).__name__}: {reason(error)}") from None


def _check_sealed(content: Content, file: h5py.File, header: Header, held_out: bool) -> None:
    """Compare the content of a sealed file with its sha256 when it is first seen: a seal can be made anew."""
    name = f"sealed table {content.sha256}"
    if checked.recall(name) == header.digest:
        return
    whole = header if held_out else _header_of(content, file, held_out=True)
    if _computed(whole) != header.digest:
        raise TableError(f"damaged: {CHANGED}")
    checked.record(name, header.digest)


def _check_unsealed(content: Content) -> None:
    """Compare the content of a file without a seal with its sha256, in a child process: HDF5 is its only reader."""
    name = f"unsealed table {content.sha256}"
    if checked.recall(name) is not None:
        return
    try:
        with Confined([content.descriptor]) as confined:
            sums = confined.call(_CHILD, size=content.size, path=str(content.path), descriptor=content.descriptor)[0]
    except ConfinedError as error:
        said = str(error)
        is_named = said.startswith(f"the table {content.path}")
        raise TableError(said if is_named else f"the table {content.path} is damaged: {said}") from None
    content.check_unchanged()
    if sums["recorded"] != sums["computed"]:
        raise TableError(f"the table {content.path} is damaged: {CHANGED}")
    checked.record(name, sums["recorded"])


def sums_of(_: bytes, path: str, descriptor: int) -> Answer:
    """Return the recorded and the computed sha256 of an open table; for a child process, as damage may end it."""
    content = Content(Path(path), descriptor)
    with _named(content.path), content.hdf5() as file:
        list(sealed.names(file))
        header = _header_of(content, file, held_out=True)
    return {"recorded": header.digest, "computed": _computed(header)}, {}


def read_about(path: Path) -> dict[str, str]:
    """Return what a table says of itself for people: title, dataset, replicates, licence, citation, source.

    Raises
    ------
    TableError
        If the file is missing or damaged.
    """
    with _opened(path) as (_, file):
        return {key: str(text) for key, text in file["about"].attrs.items()}


def _place(file: h5py.File, name: str, size: int) -> _Place:
    dataset = sealed.dataset(file, name, size)
    offset = dataset.id.get_offset()
    if dataset.nbytes and (offset is None or offset + dataset.nbytes > size):
        raise sealed.SealError(f"the dataset {name} does not lie in the file as one piece")
    return _Place(offset or 0, dataset.shape, dataset.dtype)


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
    """Compare all numbers of a table, and what they mean, with its SHA-256, whatever is remembered of the file.

    Raises
    ------
    TableError
        If the file is not what was written.
    """
    header = read_header(path, held_out=True)
    if _computed(header) != header.digest:
        raise TableError(f"the table {path} is damaged: {CHANGED}")
    header.content.check_unchanged()


def _computed(header: Header) -> str:
    return _digest(header.meaning, list(header.columns.values()), {name: header.array(name) for name in header.places})
