"""The members of tar and zip archives, read one by one without unpacking: plain files, no more than they can hold.

Links, devices and folders are passed over.  Headers are believed only as far as the archive is long, and what is
compressed unpacks to a bounded multiple of its bytes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from harness.errors import TableError

DAMAGE = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)
"""What the readers of archives raise for damaged ones."""
RATIO, FREE = 200, 2**24
"""Bytes to which one byte may unpack, and which may be unpacked in any case: text of numbers packs to about a tenth."""
_HEADER = 2**16
"""Bytes of a long name or of extended fields of one member."""
_OPENERS: Mapping[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),  # type: ignore[dict-item,return-value]  # a stream in all but its type
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
"""By the first bytes of what is compressed."""


def largest(size: int) -> int:
    """Return the bytes to which an archive of `size` bytes may unpack."""
    return FREE + RATIO * size


def zip_members(path: Path, wanted: Callable[[str], bool], most: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of the files of a zip, sorted by name.

    Parameters
    ----------
    path : pathlib.Path
    wanted : callable
        Says of a member's name whether it is read.
    most : int
        Bytes that a member may have.

    Raises
    ------
    TableError
        If one claims more, or all of them together more than the archive can hold.
    Exception
        One of `DAMAGE`, if the archive is damaged.
    """
    left = largest(path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            if member.is_dir() or not wanted(member.filename):
                continue
            left -= member.file_size
            check_size(path, member.filename, member.file_size, most, left)
            yield member.filename, archive.read(member)


def tar_members(path: Path, wanted: Callable[[str], bool], most: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of the files of a tar, compressed or not, as they lie in it; see `zip_members`."""
    with (
        _unpacked(path) as (file, size),
        tarfile.open(fileobj=_Bounded(file, path, size), mode="r:", tarinfo=_Header) as archive,
    ):
        while (member := archive.next()) is not None:
            vars(archive)["members"] = []  # tarfile keeps what it has met, and needs it for links alone
            if not member.isreg() or not wanted(member.name):
                continue
            check_size(path, member.name, member.size, most, size - member.offset_data - member.size)
            if content := archive.extractfile(member):
                yield member.name, content.read()


def is_tar(path: Path) -> bool:
    """Say whether a file begins as a tar does, compressed or not."""
    try:
        with _unpacked(path) as (file, _):
            tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except DAMAGE:
        return False
    return True


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file, unpacked where it is compressed, and say how many bytes it may have then."""
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(path.open("rb"))
        begin, size = file.read(6), os.fstat(file.fileno()).st_size
        file.seek(0)
        for magic, opener in _OPENERS.items():
            if begin.startswith(magic):
                file, size = opened.enter_context(opener(file)), largest(size)
        yield file, size


def check_size(path: Path, name: str, size: int, most: int, left: int) -> None:
    """Refuse a member that claims more than is read of one, or after which less than nothing would be left."""
    if size > most:
        raise TableError(f"{path} must hold files of at most {most} bytes, {name[:80]} claims {size}")
    if left < 0:
        raise TableError(
            f"{path} must not claim to hold more than its bytes can: {name[:80]} of {size} bytes is beyond"
        )


class _Header(tarfile.TarInfo):
    """A header of a member; the long names and extended fields before it are not longer than any archive has them."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        header = super().frombuf(buf, encoding, errors)
        extended = header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if (extended or header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)) and header.size > _HEADER:
            raise TableError(f"a header of the archive claims {header.size} bytes, at most {_HEADER} are read")
        return header


class _Bounded(io.RawIOBase):
    """A stream of which no more than a number of bytes is read or passed over."""

    def __init__(self, file: IO[bytes], path: Path, size: int) -> None:
        self._file, self._path, self._size = file, path, size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset if whence == io.SEEK_SET else self._file.tell() + offset)
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(0, self._size - self._file.tell())
        begin = self._file.tell()
        read = self._file.read(min(size, max(1, self._size + 1 - begin)))
        self._check(begin + len(read))
        return read

    def _check(self, position: int) -> None:
        if position > self._size:
            raise TableError(f"{self._path} must not claim to hold more than its bytes can: {position} bytes is beyond")
