"""Many small JSON files, in a folder, a zip or a tar archive, read without unpacking it."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import TableError

MAX_BYTES = 2**24
"""Of one JSON file: published ones have some kilobytes, and an archive can claim anything."""
_DAMAGE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


def documents(paths: Sequence[Path], form: re.Pattern[str]) -> Iterator[tuple[re.Match[str], Any]]:
    """Yield every JSON file whose name has a form, with the match.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files, folders of files, zip and tar archives, in any mixture.
    form : re.Pattern
        Of the whole name without folders; others are left out.

    Raises
    ------
    TableError
        If a file is damaged, cut or no JSON, or two have the same name.
    """
    seen = set()
    for path in paths:
        for name, content in _contents(path, form):
            match = form.fullmatch(name)
            if match is None:
                continue
            if name in seen:
                raise TableError(f"{path} must not repeat a file, got {name} twice")
            seen.add(name)
            yield match, parse(content, f"{path}: {name}")


def parse(content: bytes, where: str) -> Any:
    """Read JSON of which no object may repeat a key.

    Raises
    ------
    TableError
        Names `where`, and the byte where reading stopped.
    """
    try:
        return json.loads(content, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise TableError(f"{where} is not whole JSON: {error}") from None
    except (TableError, UnicodeDecodeError, RecursionError) as error:
        raise TableError(f"{where} is not JSON of this format: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise TableError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


def _contents(path: Path, form: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of the files in a folder or an archive, or of the file itself."""
    try:
        if path.is_dir():
            yield from ((each.name, each.read_bytes()) for each in sorted(path.rglob("*.json")))
        elif form.fullmatch(path.name):
            yield path.name, path.read_bytes()
        elif zipfile.is_zipfile(path):
            yield from _zipped(path, form)
        else:
            yield from _tarred(path, form)
    except _DAMAGE as error:
        raise TableError(f"{path} is not a whole folder, zip or tar of JSON files: {error}") from None


def _zipped(path: Path, form: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if form.fullmatch(name):
                _check_size(path, member.file_size)
                yield name, archive.read(member)


def _tarred(path: Path, form: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if not form.fullmatch(name) or not member.isfile():
                continue
            _check_size(path, member.size)
            if file := archive.extractfile(member):
                yield name, file.read()


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise TableError(f"{path} must hold JSON files of at most {MAX_BYTES} bytes, one claims {size}")
