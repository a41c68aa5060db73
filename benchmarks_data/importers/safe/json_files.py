"""Many small JSON files, in a folder, a zip or a tar archive, read without unpacking it."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks_data.importers.safe import archives
from harness.errors import TableError, reason, shown

MAX_BYTES = 2**24
"""Of one JSON file: published ones have some kilobytes, and an archive can claim anything."""


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
        for inside, content in contents(path, form):
            if (match := form.fullmatch(PurePosixPath(inside).name)) is None:
                continue
            if match[0] in seen:
                raise TableError(f"{path} must not repeat a file, got {match[0]} twice")
            seen.add(match[0])
            yield match, parse(content, f"{path}: {match[0]}")


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
        raise TableError(f"{where} is not whole JSON: {reason(error)}") from None
    except (ValueError, RecursionError) as error:  # also an integer of more digits than Python reads
        raise TableError(f"{where} is not JSON of this format: {reason(error)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise TableError(f"the key {shown(twice)} is there twice")
    return content


def contents(path: Path, form: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a form: where each lies in a folder or an archive, or the path of the one file, and its bytes.

    Those of a folder and of a zip are sorted; those of a tar come as they lie in it.

    Raises
    ------
    TableError
        If the path, the archive or a part of it is missing, damaged or too large to be meant.
    """

    def wanted(name: str) -> bool:
        return form.fullmatch(PurePosixPath(name).name) is not None

    try:
        if path.is_dir():
            for each in sorted(path.rglob("*.json")):
                if form.fullmatch(each.name):
                    yield str(each.relative_to(path)), _bytes(each)
        elif form.fullmatch(path.name):
            yield path.name, _bytes(path)
        elif zipfile.is_zipfile(path):
            yield from archives.zip_members(path, wanted, MAX_BYTES)
        else:
            yield from archives.tar_members(path, wanted, MAX_BYTES)
    except TableError:
        raise
    except archives.DAMAGE as error:
        raise TableError(f"{path} is not a whole folder, zip or tar of JSON files: {reason(error)}") from None


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise TableError(f"{path} must be a file, it is a folder, a device or a pipe")
    size = path.stat().st_size
    archives.check_size(path, path.name, size, MAX_BYTES, 0)
    return path.read_bytes()
