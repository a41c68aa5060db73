"""The file of a table: one HDF5 of contiguous datasets, so that it is memory-mapped, never loaded.

Layout of schema 1; N rows, L genes, R runs, F fidelities::

    /                  attributes: format, schema, name, space, validation, test, seconds (names of columns; "" = none),
                       fidelities (JSON), sha256, file_bytes
    /about             attributes for people: title, dataset, replicates, licence, citation, source, source_sha256
    /archs             (N, L) unsigned integers: the coding of each row
    /index/rows        (codings,) int32: the row of each coding by its mixed-radix number; -1 = not in the table
    /index/runs        (N,) uint8: training runs present; they come first along R, the rest is NaN
    /columns/<name>    (N, R, F) float64; attributes unit, direction, description and, where they apply, split,
                       trained_on, best.  R is 1 for what does not differ between runs, F for what does not change in
                       training or was measured at its end only
    /held_out/<name>   the same, for columns that hold test results; only an Oracle opens them

``sha256`` covers every dataset and what gives the numbers their meaning; the text for people is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from harness.benchmark import Column
from harness.errors import TableError
from harness.problem import Fidelity

FORMAT = "nas-harness table"
SCHEMA = 1
"""Bump when the layout changes, or what a converter writes: files of another number are made again."""
Dataset = npt.NDArray[Any]


@dataclass(frozen=True)
class Meaning:
    """What gives the numbers of a table their meaning; part of its digest.

    Attributes
    ----------
    name, space : str
        Of the benchmark and of its search space.
    fidelities : tuple of Fidelity
        F of them.
    validation : str
        Column of the default objective.
    test : str or None
        Held-out column that reports judge by.
    seconds : str or None
        Column of what an evaluation costs, from scratch.
    """

    name: str
    space: str
    fidelities: tuple[Fidelity, ...]
    validation: str
    test: str | None = None
    seconds: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A table in memory, as a converter makes it.

    Attributes
    ----------
    meaning : Meaning
    archs : (N, L) unsigned integers
    rows : (codings,) int32
        Row of each coding, -1 where the table has none.
    runs : (N,) uint8
        Training runs present in each row; they come first.
    columns : mapping of str to (Column, (N, R, F) float64)
    about : mapping of str to str
        For people: title, dataset, replicates, licence, citation, source, source_sha256.
    """

    meaning: Meaning
    archs: Dataset
    rows: Dataset
    runs: Dataset
    columns: Mapping[str, tuple[Column, Dataset]]
    about: Mapping[str, str] = field(default_factory=dict)

    def datasets(self) -> Iterator[tuple[str, Dataset]]:
        """Yield every dataset with its path in the file."""
        yield "archs", self.archs
        yield "index/rows", self.rows
        yield "index/runs", self.runs
        for name, (column, values) in sorted(self.columns.items()):
            yield f"{_group(column)}/{name}", values


def _group(column: Column) -> str:
    return "held_out" if column.held_out else "columns"


def write(path: Path, table: Table) -> None:
    """Write a table to a new file."""
    digest = _digest(table.meaning, [column for column, _ in table.columns.values()], dict(table.datasets()))
    # aligned, so that mapped arrays are; version 110 keeps checksums over all metadata
    with h5py.File(path, "w", libver=("v110", "v110"), alignment_threshold=1, alignment_interval=64) as file:
        for name, values in table.datasets():
            file.create_dataset(name, data=np.ascontiguousarray(values))
        for name, (column, _) in table.columns.items():
            told = {key: value for key, value in asdict(column).items() if key not in ("name", "held_out")}
            attributes = file[f"{_group(column)}/{name}"].attrs
            attributes.update({key: value for key, value in told.items() if value not in ("", None)})
        file.attrs.update(_meaning_attributes(table.meaning))
        file.require_group("held_out")
        file.create_group("about").attrs.update(table.about)
        file.attrs.update({"format": FORMAT, "schema": SCHEMA, "sha256": digest, "file_bytes": 0})
    with h5py.File(path, "r+") as file:
        file.attrs.modify("file_bytes", path.stat().st_size)


def _meaning_attributes(meaning: Meaning) -> dict[str, str]:
    fields = {key: getattr(meaning, key) or "" for key in ("name", "space", "validation", "test", "seconds")}
    return fields | {"fidelities": json.dumps([asdict(fidelity) for fidelity in meaning.fidelities])}


def _digest(meaning: Meaning, columns: list[Column], datasets: Mapping[str, Dataset]) -> str:
    said = [asdict(replace(column, description="")) for column in sorted(columns, key=lambda column: column.name)]
    identity = {"schema": SCHEMA, "columns": said} | _meaning_attributes(meaning)
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
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
    """

    path: Path
    meaning: Meaning
    digest: str
    columns: Mapping[str, Column]
    places: Mapping[str, _Place]

    def array(self, name: str) -> Dataset:
        """Map ``archs``, ``index/rows`` or ``index/runs``; read-only."""
        place = self.places[name]
        mapped = np.memmap(self.path, dtype=place.dtype, mode="r", offset=place.offset, shape=place.shape)
        return mapped.view(np.ndarray)  # a plain array: the subclass makes every operation on it slower

    def values(self, column: str) -> Dataset:
        """Map a column: (N, R, F) float64, read-only."""
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
    with _opened(path) as file:
        return _header(path, file, held_out)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a table file; whatever is found wrong with it becomes a TableError that names it."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise TableError(f"the table {path} is {'damaged' if path.exists() else 'missing'}: {error}") from None
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


def _header(path: Path, file: h5py.File, held_out: bool) -> Header:
    attributes = dict(file.attrs)
    if attributes.get("format") != FORMAT:
        raise TableError(f"no table of this program (format {attributes.get('format')!r})")
    if attributes["schema"] != SCHEMA:
        raise TableError(f"of schema {attributes['schema']}, this program reads schema {SCHEMA}")
    size = path.stat().st_size
    if attributes["file_bytes"] != size:
        raise TableError(f"damaged: {size} bytes instead of {attributes['file_bytes']}")
    places = {name: _place(file[name], size) for name in ("archs", "index/rows", "index/runs")}
    columns = {}
    for group in ("columns", "held_out") if held_out else ("columns",):
        for name, dataset in file[group].items():
            columns[name] = Column(name, held_out=group == "held_out", **dict(dataset.attrs))
            places[f"{group}/{name}"] = _place(dataset, size)
    header = Header(path, _read_meaning(attributes), str(attributes["sha256"]), columns, places)
    _check_layout(header)
    return header


def _read_meaning(attributes: Mapping[str, Any]) -> Meaning:
    return Meaning(
        name=attributes["name"],
        space=attributes["space"],
        fidelities=tuple(Fidelity(**fields) for fields in json.loads(attributes["fidelities"])),
        validation=attributes["validation"],
        test=attributes["test"] or None,
        seconds=attributes["seconds"] or None,
    )


def _place(dataset: h5py.Dataset, size: int) -> _Place:
    offset = dataset.id.get_offset()
    if offset is None or offset + dataset.nbytes > size:
        raise TableError(f"damaged: the dataset {dataset.name} does not lie in the file as one piece")
    return _Place(offset, dataset.shape, dataset.dtype)


def _check_layout(header: Header) -> None:
    rows, fidelities = header.places["archs"].shape[0], len(header.meaning.fidelities)
    if header.places["index/runs"].shape != (rows,):
        raise TableError(f"damaged: it counts runs for {header.places['index/runs'].shape} rows, not ({rows},)")
    for name, column in header.columns.items():
        shape = header.places[f"{_group(column)}/{name}"].shape
        if len(shape) != 3 or shape[0] != rows or shape[2] not in (1, fidelities):
            raise TableError(f"damaged: the column {name} has shape {shape}, not ({rows}, runs, {fidelities} or 1)")


def verify(path: Path) -> None:
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
