"""Arrays in one ``.npz`` file, read without trusting what it claims: damage is one error, whatever it hits."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError, IrregularError
from harness.files.whole import opened

_LARGEST_RATIO = 1100
"""Bytes that one compressed byte can stand for, and some more: deflate's limit is 1032."""
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArraysError(HarnessError):
    """A file that is no ``.npz``, or a damaged one; says why, and whoever knows the file names it."""


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file that `numpy.savez` or `savez_compressed` wrote, by name.

    No array is allocated that is larger than the file can hold, and every byte is compared with the checksums of the
    archive.

    Raises
    ------
    ArraysError
        If it is damaged, or holds objects.
    OSError
        If it is missing or may not be read.
    """
    try:
        with opened(path) as raw:
            return _arrays(raw)
    except IrregularError as error:
        raise ArraysError(str(error)) from None


def _arrays(raw: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    size = raw.seek(0, 2)
    raw.seek(0)
    try:
        with zipfile.ZipFile(raw) as archive:
            members = archive.infolist()
            if sum(member.compress_size for member in members) > size:
                raise ArraysError(f"its parts claim more bytes than the whole file has ({size})")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except ArraysError:
        raise
    except Exception as error:  # noqa: BLE001  # what zipfile, zlib and numpy raise on damaged bytes can be nearly anything
        raise ArraysError(f"{type(error).__name__}: {error}") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    if member.compress_type not in _KNOWN or member.file_size > _LARGEST_RATIO * (member.compress_size + 1):
        raise ArraysError(f"{member.filename} claims {member.file_size} bytes in {member.compress_size}")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise ArraysError(f"{member.filename} holds objects, not numbers or text")
        content = bytearray(file.read())
    if any(side < 0 for side in shape):
        raise ArraysError(f"{member.filename} has the shape {shape}")
    array = np.frombuffer(content, dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")
