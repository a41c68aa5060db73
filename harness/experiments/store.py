"""Result files: one write-once HDF5 file per unit of work.

Files are written under a temporary name, synced and renamed, so a killed run leaves only whole files.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from harness.errors import DamagedError, HarnessError
from harness.experiments.kind import Kind, Output, UnitT
from harness.experiments.manifest import FORMAT, Entry, Manifest
from harness.files import replacing


def unit_path(folder: Path, digest: str) -> Path:
    """Return where the result of a unit lies."""
    return folder / f"{digest}.h5"


def write_unit(folder: Path, kind: Kind[UnitT], unit: UnitT, output: Output) -> Path:
    """Write the result of a unit, whole or not at all.

    Raises
    ------
    HarnessError
        If it does not hold what results of its kind hold.
    """
    for what, names, values in (("columns", kind.columns, output.columns), ("texts", kind.texts, output.texts)):
        missing, unknown = sorted(set(names) - set(values)), sorted(set(values) - set(names))
        if missing or unknown:
            made = f"a result of the kind {type(kind).__name__}"
            raise HarnessError(f"{made} must have the {what} that the kind names: missing {missing}, unknown {unknown}")
    path = unit_path(folder, unit.digest)
    # Made in memory and written in one piece: HDF5 does not survive a full disk.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["digest"] = unit.digest
        file.attrs["cell"] = json.dumps(unit.as_dict(), sort_keys=True)
        for name, text in output.texts.items():
            file.attrs[name] = text
        file.attrs["sha256"] = _sha256(output)
        for name, column in output.columns.items():
            file[name] = column
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return path


def read_unit(path: Path, kind: Kind[UnitT]) -> tuple[UnitT, Output]:
    """Read a unit and its result.

    Parameters
    ----------
    path : Path
    kind : Kind
        The kind of work that the file was written for.

    Raises
    ------
    DamagedError
        If the file is damaged, of another format or not what its name says.
    OSError
        If it cannot be opened at all.
    """
    with path.open("rb"):
        pass  # a file that may not be read is not a damaged one
    try:
        with h5py.File(path, "r", locking=False) as file:
            attributes = dict(file.attrs)
            if attributes.get("format") != FORMAT:
                raise DamagedError(f"{path}: not a result file of this version ('{FORMAT}')")
            columns = {name: file[name][()] for name in kind.columns}
        output = Output(columns, {name: attributes[name] for name in kind.texts})
        if attributes["sha256"] != _sha256(output):
            raise DamagedError(f"{path}: damaged result file (its numbers changed); delete it and run again")
        unit = kind.unit(json.loads(attributes["cell"]))
        if not attributes["digest"] == unit.digest == path.stem:
            raise DamagedError(f"{path}: the file is not the result its name says; delete it and run again")
    except DamagedError:
        raise
    except Exception as error:  # damaged bytes can raise nearly anything from HDF5
        raise DamagedError(f"{path}: damaged result file ({error}); delete it and run again") from error
    return unit, output


def _sha256(output: Output) -> str:
    """Return the SHA-256 of all texts, and of all columns with their types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(output.texts):
        digest.update(output.texts[name].encode())
    for name in sorted(output.columns):
        column = np.ascontiguousarray(output.columns[name])
        digest.update(f"{name} {column.dtype.str} {column.shape}".encode())
        digest.update(column.data)
    return digest.hexdigest()


def read_units(
    folder: Path, manifest: Manifest, kind: Kind[UnitT]
) -> Iterator[tuple[Entry, tuple[UnitT, Output] | None]]:
    """Yield every entry of a manifest with its unit and result; None where there is none, or a damaged one."""
    for entry in manifest.entries:
        try:
            yield entry, read_unit(unit_path(folder, entry.digest), kind)
        except (FileNotFoundError, DamagedError):  # the same spec computes either again
            yield entry, None
