"""The content of a file by its first bytes: text, perhaps compressed, a workbook, or what is no table and what to do.

Everything is read in blocks and counted, so that a small file that unpacks to a huge one is refused in time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks_data.importers.safe.archives import DAMAGE, RATIO
from harness.errors import TableError, must

MAX_UNPACKED = 2**32
"""Bytes of a table; today's largest have some hundreds of millions."""
FREE = 2**26
HEAD = 2**16
_BLOCK = 2**18


@dataclass(frozen=True)
class Content:
    """What a file is.

    Attributes
    ----------
    path : Path
    kind : {"text", "workbook", "parquet"}
    packing : str
        How it is compressed, for people; "" where it is not.
    head : bytes
        The first bytes, unpacked.
    open : callable
        Opens it, unpacked; the bytes read are counted against the limits.
    """

    path: Path
    kind: str
    packing: str
    head: bytes
    open: Callable[[], IO[bytes]]


_UNPACKERS: dict[bytes, tuple[str, Callable[[Path], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
}
_TO_CSV = "save it there as CSV, or as a workbook (.xlsx)"
_REFUSED: dict[bytes, tuple[str, str]] = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old workbook of Excel (.xls)", "save it as .xlsx or CSV"),
    b"\x89HDF\r\n\x1a\n": (
        "an HDF5 file",
        "a table of this program is opened by its path, without an import; of any other, write the columns as CSV",
    ),
    b"version https://git-lfs": (
        "the pointer that git-lfs keeps in place of the file, not the file",
        "fetch it with `git lfs pull`",
    ),
    b"/annex/objects/": ("the pointer of git-annex, not the file", "fetch it with `git annex get`"),
    b"%PDF": ("a PDF", _TO_CSV),
    b"SQLite format 3\x00": ("an SQLite database", "export one table of it as CSV"),
    b"\x93NUMPY": ("an array of numpy (.npy)", "write it as CSV with names of columns"),
    b"ARROW1": ("an Arrow (feather) file", "write it as CSV, or as Parquet"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it, `unzstd FILE`"),
    b"\x89PNG": ("a picture", "give the numbers behind it as CSV"),
    b"MATLAB": ("a file of MATLAB", "write the table there as CSV, `writetable`"),
    b"RDX": ("a file of R", "write it there as CSV, `write.csv(…, row.names = FALSE)`"),
}
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<!doctype", b"<?xml", b"<svg", b"<table", b"<body")


def content(path: Path) -> Content:
    """Say what a file is.

    Raises
    ------
    TableError
        If it is missing, damaged, too large to be meant, or no table; says what it is and what to do.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise TableError(f"{path} must be a file, it is {'a folder' if stat.S_ISDIR(mode) else 'none'}")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if not head.strip():
        raise TableError(f"{path} must begin with a line of column names, it is empty")
    for magic, (packing, unpacker) in _UNPACKERS.items():
        if head.startswith(magic):
            return _unpacked(path, packing, partial(unpacker, path))
    if head.startswith(b"PK"):
        return _zipped(path)
    return _plain(path, head, "", lambda: path.open("rb"))


def _zipped(path: Path) -> Content:
    with unpacking(path), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        size = sum(member.file_size for member in members)
        _check_size(path, size, path.stat().st_size)
        if not any(name.startswith("xl/") for name in names):
            raise _refusal(path, "a document of an office program, no workbook", _TO_CSV)
        return Content(path, "workbook", "", b"", lambda: path.open("rb"))
    if "mimetype" in names:
        raise _refusal(path, "an OpenDocument file (.ods)", _TO_CSV)
    if names and all(name.endswith(".npy") for name in names):
        raise _refusal(path, "a file of arrays of numpy (.npz)", "write them as CSV with names of columns")
    if any(name.endswith("data.pkl") for name in names):
        raise _refusal(path, "a file of torch", "load it where you trust it, and write the numbers as CSV")
    if len(names) != 1:
        shown = ", ".join(f"{name:.60}" for name in names[:3]) + (", …" if len(names) > 3 else "")
        raise _refusal(path, f"an archive of {len(names)} files ({shown})", "unpack it, and give the one that is meant")
    return _unpacked(path, f"zip ({names[0]:.60})", lambda: _Member(path, names[0]))


class _Member(io.BufferedReader):
    """The one file of a zip archive; closing it closes the archive."""

    def __init__(self, path: Path, name: str) -> None:
        self._archive = zipfile.ZipFile(path)
        try:
            super().__init__(self._archive.open(name))  # type: ignore[arg-type]  # a raw reader in all but its type
        except BaseException:
            self._archive.close()
            raise

    def close(self) -> None:
        super().close()
        self._archive.close()


def _unpacked(path: Path, packing: str, opener: Callable[[], IO[bytes]]) -> Content:
    packed = path.stat().st_size
    with unpacking(path), opener() as file:
        head = file.read(HEAD)
    if not head.strip():
        raise TableError(f"{path} must begin with a line of column names, it is empty once it is unpacked ({packing})")
    if head.startswith((*_UNPACKERS, b"PK")):
        raise _refusal(path, f"compressed twice ({packing} around another)", "unpack it once")
    if head[257:262] == b"ustar":
        raise _refusal(path, "a tar archive", "unpack it, and give the file that is meant")
    return _plain(path, head, packing, lambda: io.BufferedReader(_Counted(opener(), path, packed), _BLOCK))


def _plain(path: Path, head: bytes, packing: str, opener: Callable[[], IO[bytes]]) -> Content:
    if head.startswith((b"PAR1",)):
        if packing:
            raise _refusal(path, "a Parquet file inside another", "unpack it once")
        return Content(path, "parquet", "", head, opener)
    for magic, (what, remedy) in _REFUSED.items():
        if head.startswith(magic):
            raise _refusal(path, what, remedy)
    if head.startswith(_PICKLES) or (head.endswith(b".") and head[:1] in b"(cI}]" and b"\n" not in head[:2]):
        remedy = "load it where you trust it, and write the table as CSV, for example `frame.to_csv(…, index=False)`"
        raise _refusal(path, "a pickle, which could run code and is not read", remedy)
    if head[257:262] == b"ustar":
        raise _refusal(path, "a tar archive", "unpack it, and give the file that is meant")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith(_PAGES):
        what = "XML" if start.startswith((b"<?xml", b"<svg")) and b"html" not in start else "a web page"
        raise _refusal(path, f"{what}, not the table", "fetch the file itself, by the link for the raw file")
    return Content(path, "text", packing, head, opener)


def _refusal(path: Path, what: str, remedy: str) -> TableError:
    return TableError(f"{path} is {what}: {remedy}")


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Let what a damaged file raises become a TableError."""
    try:
        yield
    except (TableError, UnicodeError):  # of what was unpacked well
        raise
    except DAMAGE as error:
        if isinstance(error, EOFError):
            why = "it is cut, its end is missing"
        else:
            why = (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
        raise TableError(f"{path} is damaged: {why}. Fetch or write it again") from None


def _check_size(path: Path, unpacked: int, packed: int) -> None:
    if unpacked > MAX_UNPACKED or (unpacked > FREE and unpacked > RATIO * packed):
        rule = f"unpack to at most {MAX_UNPACKED:,} bytes, and {RATIO} for each packed one"
        raise TableError(f"{path}: " + must("file", rule + "; unpack it yourself if it is meant", unpacked))


class _Counted(io.RawIOBase):
    """A file that is unpacked block by block, and refused once it is too large.

    Parameters
    ----------
    file : binary file
    path : Path
    packed : int
        Its bytes before it is unpacked.
    """

    def __init__(self, file: IO[bytes], path: Path, packed: int) -> None:
        self._file, self._path, self._packed, self._count = file, path, packed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # any writable buffer
        with unpacking(self._path):
            block = self._file.read(min(len(view), _BLOCK))
        view[: len(block)] = block
        self._count += len(block)
        _check_size(self._path, self._count, self._packed)
        return len(block)

    def close(self) -> None:
        self._file.close()
        super().close()
