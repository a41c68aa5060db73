"""Claims: rows of a growing table that a process is making now, so that nobody else makes them.

A claim is a file that its owner holds locked; the system releases the lock when the process ends, however it ends, so
that the rows of a killed process are free at once.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks_data.grown.rows import Name
from harness.files.whole import is_locked, make_folder

_NAME = np.dtype([("key", "<u8"), ("fidelity", "<i8"), ("seed", "<i8")])


class Claim:
    """Rows that this process makes until `release`; taken under the lock of the table.

    Parameters
    ----------
    folder : Path
        Of the claims of a table.
    names : sequence of Name
    """

    def __init__(self, folder: Path, names: Sequence[Name]) -> None:
        make_folder(folder)
        handle, path = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=".claim", dir=folder)
        self._path, self._file = Path(path), os.fdopen(handle, "wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(np.array(list(names), dtype=_NAME).tobytes())
        self._file.flush()

    def release(self) -> None:
        """Let go of the rows, made or not."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def held(folder: Path) -> dict[Name, Path]:
    """Return the rows that are being made, each with the file of its claim; only under the lock of the table.

    Claims whose owner is no more are removed.
    """
    found: dict[Name, Path] = {}
    for path in sorted(folder.glob("*.claim")):
        if not is_locked(path):
            path.unlink(missing_ok=True)
            continue
        with suppress(FileNotFoundError):
            names = np.frombuffer(path.read_bytes(), _NAME)
            found |= dict.fromkeys(names.tolist(), path)
    return found


def wait(path: Path) -> None:
    """Wait until the owner of a claim has released it, or is no more."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
