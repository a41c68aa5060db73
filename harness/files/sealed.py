"""Files sealed against damage: HDF5 behind a first block that tells the SHA-256 of every byte after it.

HDF5 can crash, hang or answer other numbers on damaged bytes, so they are hashed before HDF5 sees them.  The block is
what HDF5 calls a user block: its tools pass over it.  `seal` makes it, `expected` reads it.

Behind the block lie datasets of plain numbers, each in one piece; `dataset` takes nothing else, so that a declared size
is compared with that of the file before anything is allocated.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import h5py

from harness.errors import HarnessError

BLOCK = 512
"""Bytes of the first block; also the smallest that HDF5 knows."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_CHUNK = 2**20


class SealError(HarnessError):
    """Bytes that are not those that were written; says why, and whoever knows the file names it."""


def _block(what: str, length: int, sha256: str) -> bytes:
    text = f"{what}\nlength {length}\nsha256 {sha256}\n".encode()
    return text + b"\n" * (BLOCK - len(text))


def seal(path: Path, what: str) -> None:
    """Seal a file whose first block was kept free.

    Parameters
    ----------
    path : Path
        Written with ``h5py.File(..., userblock_size=BLOCK)``.
    what : str
        What the file is, with the version of its format; its first line.
    """
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END) - BLOCK
        digest = sha256(file)
        file.seek(0)
        file.write(_block(what, length, digest))


def sha256(file: BinaryIO, start: int = BLOCK) -> str:
    """Return the SHA-256 of what a file holds from a byte on, by default after its first block, hexadecimal."""
    digest = hashlib.sha256()
    file.seek(start)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def is_hdf5(head: bytes, what: str) -> bool:
    """Say whether a file begins like one that was sealed, or like HDF5 without a seal."""
    return head.startswith((_HDF5, what.encode() + b"\n"))


def expected(head: bytes, size: int, what: str) -> str | None:
    """Read the first block of a file.

    Parameters
    ----------
    head : bytes
        The first `BLOCK` bytes, or all that there are.
    size : int
        Of the file.
    what : str
        See `seal`.

    Returns
    -------
    str or None
        The SHA-256 that the bytes after the block must have; None for HDF5 without a seal, as it was once written.

    Raises
    ------
    SealError
        If it is neither, or of another length.
    """
    if head.startswith(_HDF5):
        _check_length(head, size)
        return None
    if not head.startswith(what.encode() + b"\n"):
        raise SealError("it is no HDF5 file, or its beginning is lost")
    if len(head) < BLOCK:
        raise SealError(f"it is cut short, to {size} bytes")
    words = head.split(b"\n", 3)
    length, digest = words[1].removeprefix(b"length "), words[2].removeprefix(b"sha256 ") if len(words) > 2 else b""
    known = (length.isdigit() and len(length) < 19, len(digest) == 64 and digest.isascii())
    if not all(known) or head != _block(what, int(length), digest.decode()):
        raise SealError("its first block is not what was written")
    if size != BLOCK + int(length):
        raise SealError(f"{_more_or_less(size - BLOCK - int(length))}: {size} bytes instead of {BLOCK + int(length)}")
    return digest.decode()


def _check_length(head: bytes, size: int) -> None:
    """Compare the size of HDF5 without a seal with what its superblock says; see the format specification, II.A."""
    start = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8] if len(head) > 8 else -1)
    length = 0 if start is None else int.from_bytes(head[start : start + 8], "little")
    if length != size:
        raise SealError(f"{_more_or_less(size - length)}: {size} bytes instead of {length}, or its beginning is lost")


def _more_or_less(excess: int) -> str:
    return "it is cut short" if excess < 0 else "more was written to it"


def dataset(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    """Return a dataset of plain numbers that lies in the file as one piece.

    Parameters
    ----------
    file : h5py.File
    name : str
        May hold ``/``.
    size : int
        Of the whole file in bytes: no dataset is larger.

    Raises
    ------
    SealError
        If it is missing, a link, numbers kept elsewhere, filtered, of a type that numpy cannot map, or too large.
    """
    parts = name.encode().split(b"/")
    for place in range(len(parts)):
        path = b"/".join(parts[: place + 1])
        try:
            is_hard = file.id.links.get_info(path).type == h5py.h5l.TYPE_HARD
        except (KeyError, RuntimeError):
            raise SealError(f"it has no dataset {name}") from None
        if not is_hard:
            raise SealError(f"{path.decode()} is a link; a file keeps its own numbers")
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        raise SealError(f"{name} is no dataset")
    plan = item.id.get_create_plist()  # only what lies in chunks, which is refused, can have filters
    if plan.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) or plan.get_external_count():
        raise SealError(f"the dataset {name} does not lie in the file as one piece")
    dtype, shape = item.dtype, item.shape
    if dtype.hasobject or shape is None:
        raise SealError(f"the dataset {name} is not one of plain numbers")
    length = math.prod(shape) * dtype.itemsize
    if length > size:
        raise SealError(f"the dataset {name} claims {length} bytes, more than the whole file has ({size})")
    return item


def names(group: h5py.Group) -> Iterator[str]:
    """Yield the names in a group; raises SealError at one that is a link, to elsewhere in this file or in another."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise SealError(f"{group.name.rstrip('/')}/{name} is a link; a file keeps its own numbers")
        yield name
