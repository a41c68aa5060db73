"""The bytes of a table file: opened once, checked whole before HDF5 sees them, and what all its arrays are views of.

A small file is read into memory, and the very bytes that were hashed give the numbers.  A large one is mapped, so that
processes share its pages; its sum is remembered (`benchmarks_data.checked`), and whoever takes numbers asks afterwards
whether the file is still the one that was checked (`Content.check_unchanged`).
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks_data import checked
from harness.errors import IrregularError, TableError, reason
from harness.files import sealed
from harness.files.whole import opened

SEAL = "nas-harness sealed table 1"
"""The first line of a table file."""
SMALL = 2**22
"""Bytes of the largest file that is read whole."""
CHANGED = "its content does not have the recorded sha256"


class Content:
    """The bytes of a table.

    Attributes
    ----------
    path : Path
    size : int
        In bytes.
    sha256 : str
        Of all bytes after the first block; of the whole file where there is none, as in files of earlier versions.
    is_sealed : bool
        Whether there is a first block.
    is_mapped : bool
        Whether a change of the file would change the numbers.
    """

    def __init__(self, path: Path, descriptor: int, seal: str = SEAL) -> None:
        """Take over an open descriptor; see `opened_content`."""
        self.path = path
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._status = checked.status(descriptor)
        self.size = self._status[2]
        self.is_mapped = self.size > SMALL
        if self.is_mapped:
            self._bytes: bytes | mmap.mmap = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        else:
            self._bytes = _whole(descriptor, self.size)
        expected = sealed.expected(bytes(self._bytes[: sealed.BLOCK]), self.size, seal)
        self.is_sealed = expected is not None
        self._start = sealed.BLOCK if self.is_sealed else 0
        self.sha256 = self._hashed()
        if expected not in (None, self.sha256):
            raise sealed.SealError(CHANGED)

    def _hashed(self) -> str:
        if not self.is_mapped:
            return hashlib.sha256(memoryview(self._bytes)[self._start :]).hexdigest()
        is_settled, name = checked.settle(self._status), checked.name_of(self._status, "table")
        known = checked.recall(name) if is_settled else None
        if known is None:
            known = self._hashed_now()
            if checked.status(self.descriptor) != self._status:
                raise sealed.SealError("it was changed while it was read")
            if is_settled:
                checked.record(name, known)
        return known

    def _hashed_now(self) -> str:
        with os.fdopen(self.descriptor, "rb", buffering=0, closefd=False) as file:
            return sealed.sha256(file, self._start)

    @contextmanager
    def hdf5(self) -> Iterator[h5py.File]:
        """Open it as HDF5."""
        raw = (
            os.fdopen(self.descriptor, "rb", buffering=0, closefd=False) if self.is_mapped else io.BytesIO(self._bytes)
        )
        with raw, h5py.File(raw, "r") as file:
            yield file

    def view(self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the array that lies at an offset; read-only."""
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._bytes, dtype, count, offset).reshape(shape) if count else np.empty(shape, dtype)

    def check_unchanged(self) -> None:
        """Refuse numbers that were taken from a file whose content has changed since it was checked.

        Raises
        ------
        TableError
        """
        if not self.is_mapped or (now := checked.status(self.descriptor)) == self._status:
            return
        checked.settle(now)  # it may only have been renamed, or replaced: then its content is what it was
        if self._hashed_now() != self.sha256 or checked.status(self.descriptor) != now:
            raise TableError(f"the table {self.path} was changed while it was open; run the same command again")
        self._status = now


def _whole(descriptor: int, size: int) -> bytes:
    with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        content: bytes = file.read(size)  # all of it, as a rule
        while len(content) < size and (more := file.read(size - len(content))):
            content += more
    if len(content) < size:
        raise sealed.SealError("it became shorter while it was read")
    return content


def opened_content(path: Path, *, seal: str = SEAL, what: str = "the table") -> Content:
    """Open a table file and check its bytes; those of earlier versions, which tell no sum of their bytes, later.

    Parameters
    ----------
    path : Path
    seal : str
        The first line that it must have.
    what : str
        What errors call the file.

    Raises
    ------
    TableError
        If there is no such file, it is none, or it is not what was written.
    """
    try:
        with opened(path) as file:
            return Content(path, os.dup(file.fileno()), seal)
    except FileNotFoundError:
        raise TableError(f"{what} {path} is missing: there is no such file") from None
    except IrregularError as error:
        raise TableError(f"{what} {path} is damaged: it is {str(error).removeprefix(f'{path} is ')}") from None
    except sealed.SealError as error:
        raise TableError(f"{what} {path} is damaged: {reason(error)}") from None
    except OSError as error:
        raise TableError(f"{what} {path} cannot be read: {error.strerror or error}") from None


def is_table(path: Path) -> bool:
    """Say whether a file begins like a table; what else is wrong with it is told when it is opened."""
    return sealed.is_hdf5(head_of(path), SEAL)


def head_of(path: Path) -> bytes:
    """Return the first block of a regular file, b"" where there is none."""
    try:
        with opened(path) as file:
            return file.read(sealed.BLOCK)
    except (OSError, IrregularError):
        return b""
