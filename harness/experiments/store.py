"""Result files: one write-once HDF5 file per unit of work.

Files are written under a temporary name, synced and renamed, so a killed run leaves only whole files.  A result file is
sealed (`harness.files.sealed`): its bytes are read once and hashed, and HDF5 reads those that were hashed.  Files of
format 1 have no seal, and a child process reads them, which damage may end.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from harness.errors import DamagedError, HarnessError, IrregularError
from harness.experiments.kind import Kind, Output, UnitT
from harness.experiments.manifest import FORMAT, Entry, Manifest
from harness.files import sealed
from harness.files.confined import Answer, Confined
from harness.files.reserved import Reserved
from harness.files.spool import Column, Pieces, chunks_of
from harness.files.whole import opened, replacing

SEAL = "nas-harness sealed result 2"
"""The first line of a result file, since format 2."""
_OPTIONS: dict[str, Any] = {"libver": ("v110", "v110"), "userblock_size": sealed.BLOCK}
_CHILD = "harness.experiments.store:content_of"


def unit_path(folder: Path, digest: str) -> Path:
    """Return where the result of a unit lies."""
    return folder / f"{digest}.h5"


def part_path(folder: Path, digest: str) -> Path:
    """Return where it is kept how far a unit is, by kinds of work that keep it."""
    return folder / f".{digest}.part"


def write_unit(folder: Path, kind: Kind[UnitT], unit: UnitT, output: Output) -> Path:
    """Write the result of a unit, whole or not at all.

    Raises
    ------
    HarnessError
        If it does not hold what results of its kind hold, or not in the form in which they hold it.
    """
    for what, names, values in (("columns", kind.columns, output.columns), ("texts", kind.texts, output.texts)):
        missing, unknown = sorted(set(names) - set(values)), sorted(set(values) - {*names, *kind.optional})
        if missing or unknown:
            made = f"a result of the kind {type(kind).__name__}"
            raise HarnessError(f"{made} must have the {what} that the kind names: missing {missing}, unknown {unknown}")
    path = unit_path(folder, unit.digest)
    if texts := sorted(name for name, column in output.columns.items() if _dtype(column).hasobject):
        raise HarnessError(f"columns of a result must be plain numbers, got objects in {', '.join(texts)}")
    kind.check_output(unit, output)
    attributes = {"format": FORMAT, "digest": unit.digest, "cell": json.dumps(unit.as_dict(), sort_keys=True)}
    attributes |= {**output.texts, "sha256": content_sha256(output)}
    with replacing(path) as temporary:
        with (
            closing(Reserved(temporary, _most(attributes, output))) as place,
            h5py.File(place, "w", **_OPTIONS) as file,
        ):
            for name, text in attributes.items():
                file.attrs[name] = text
            for name, column in output.columns.items():
                _add(file, name, column)
        sealed.seal(temporary, SEAL)
    return path


def _most(attributes: Mapping[str, str], output: Output) -> int:
    """Return how many bytes a result file has at most: numbers, texts, and what HDF5 says about each."""
    numbers = sum(math.prod(np.shape(column)) * _dtype(column).itemsize for column in output.columns.values())
    return int(numbers) + sum(2 * len(text.encode()) for text in attributes.values()) + 4096 * (len(output.columns) + 8)


def _dtype(column: Column) -> np.dtype[Any]:
    return column.dtype if isinstance(column, Pieces) else np.asarray(column).dtype


def _add(file: h5py.File, name: str, column: Column) -> None:
    """Write a column, some of its rows at a time."""
    chunks = chunks_of(column)
    chunk = next(chunks, None)
    if chunk is None or np.shape(chunk) == np.shape(column):
        file[name] = np.empty(np.shape(column), _dtype(column)) if chunk is None else chunk
        return
    dataset = file.create_dataset(name, np.shape(column), _dtype(column))
    first = 0
    for rows in chain([chunk], chunks):
        dataset[first : first + len(rows)] = rows
        first += len(rows)


def read_unit(path: Path, kind: Kind[UnitT], confined: Confined | None = None) -> tuple[UnitT, Output]:
    """Read a unit and its result.

    Parameters
    ----------
    path : Path
    kind : Kind
        The kind of work that the file was written for.
    confined : Confined, optional
        Reads files of format 1; give one to read several.

    Raises
    ------
    DamagedError
        If the file is damaged, of another format or not what its name says.
    IrregularError
        If it is no file but a link, a folder, a pipe or a device.
    OSError
        If it cannot be opened at all.
    """
    with opened(path, links=False) as source:
        content = _bytes_of(path, source)
    try:
        attributes, columns = _content(content, kind, confined)
        if attributes["format"] != FORMAT:
            raise DamagedError(f"{path}: not a result file of this version ('{FORMAT}')")
        output = Output(columns, {name: attributes[name] for name in kind.texts})
        if attributes["sha256"] != content_sha256(output):
            raise DamagedError(f"{path}: damaged result file (its numbers changed); delete it and run again")
        unit = kind.unit(json.loads(attributes["cell"]))
        if not attributes["digest"] == unit.digest == path.stem:
            raise DamagedError(f"{path}: the file is not the result its name says; delete it and run again")
        kind.check_output(unit, output)
    except DamagedError:
        raise
    except Exception as error:  # damaged bytes can raise nearly anything
        raise DamagedError(f"{path}: damaged result file ({_short(error)}); delete it and run again") from error
    return unit, output


def _short(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"


def written_seconds(path: Path) -> float | None:
    """Return when a result was written, in seconds since the epoch; None where no file has the length that it says.

    Its content is not read, see `read_unit`.

    Raises
    ------
    OSError
        If it may not be read.
    """
    try:
        with opened(path) as file:
            state = os.fstat(file.fileno())
            sealed.expected(file.read(sealed.BLOCK), state.st_size, SEAL)
    except (FileNotFoundError, IrregularError, sealed.SealError):
        return None
    return state.st_mtime


def _bytes_of(path: Path, source: BinaryIO) -> bytes:
    """Read a result file once, if it is as long as it says that it is; raises DamagedError if not."""
    size = os.fstat(source.fileno()).st_size
    try:
        head = source.read(sealed.BLOCK)
        digest = sealed.expected(head, size, SEAL)
        source.seek(0)
        content = source.read(size)
        while len(content) < size and (more := source.read(size - len(content))):
            content += more
        if len(content) < size or not content.startswith(head):
            raise sealed.SealError("it was changed while it was read")
        if digest is not None and hashlib.sha256(memoryview(content)[sealed.BLOCK :]).hexdigest() != digest:
            raise sealed.SealError("its bytes are not those that were written: its numbers changed, or what they mean")
    except sealed.SealError as error:
        raise DamagedError(f"{path}: damaged result file ({error}); delete it and run again") from None
    return content


def _content(content: bytes, kind: Kind[Any], confined: Confined | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes and columns of a result file, read by a child process where nothing vouches for it."""
    texts = ["format", "digest", "cell", "sha256", *kind.texts]
    if content.startswith(SEAL.encode()):
        return content_of(content, texts, kind.columns, kind.optional)
    if confined is not None:
        return confined.call(_CHILD, content, texts=texts, columns=list(kind.columns))
    with Confined() as own:
        return own.call(_CHILD, content, texts=texts, columns=list(kind.columns))


def content_of(content: bytes, texts: Sequence[str], columns: Sequence[str], optional: Sequence[str] = ()) -> Answer:
    """Return attributes that are texts, and columns, of the bytes of a result file, all by name."""
    with h5py.File(io.BytesIO(content), "r") as file:
        attributes = {name: str(file.attrs[name]) for name in texts}
        held = [*columns, *(name for name in optional if name in file)]
        return attributes, {name: sealed.dataset(file, name, len(content))[()] for name in held}


def content_sha256(output: Output) -> str:
    """Return the SHA-256 of all texts, and of all columns with their types and shapes, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(output.texts):
        digest.update(output.texts[name].encode())
    for name in sorted(output.columns):
        column = output.columns[name]
        digest.update(f"{name} {_dtype(column).str} {np.shape(column)}".encode())
        for chunk in chunks_of(column):
            digest.update(chunk.data)
    return digest.hexdigest()


def read_units(
    folder: Path, manifest: Manifest, kind: Kind[UnitT]
) -> Iterator[tuple[Entry, tuple[UnitT, Output] | None]]:
    """Yield every entry of a manifest with its unit and result, None where there is none; a damaged one is told."""
    with Confined() as confined:
        for entry in manifest.entries:
            result = None
            try:
                result = read_unit(unit_path(folder, entry.digest), kind, confined)
            except FileNotFoundError:
                pass  # the same spec computes it
            except (DamagedError, IrregularError) as error:
                warnings.warn(str(error), stacklevel=3)
            yield entry, result
