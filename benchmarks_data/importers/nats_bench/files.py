"""The published files of NATS-Bench: the folder of one file for each architecture, its tar, and the whole file."""

from __future__ import annotations

import bz2
import io
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice, repeat
from pathlib import Path
from typing import IO, Any

from benchmarks_data.importers.nats_bench.opcodes import BLOCK, MAX_PART
from benchmarks_data.importers.nats_bench.stream import split
from benchmarks_data.importers.safe import archives, unpickle
from harness.errors import TableError, must, reason

GLOBALS = unpickle.NUMPY_SCALARS | {"collections.OrderedDict"}
"""All that the official pickles name."""
_ONE = re.compile(r"(\d{1,9})\.pickle\.pbz2")
_AHEAD = 8
"""Files that are decompressed while others are read; it bounds the memory."""


def records(paths: Sequence[Path]) -> Iterator[tuple[str, int, Any]]:
    """Yield file name, official index and record of every architecture.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The folder ``NATS-…-simple``, or its tar, or the whole file ``NATS-….pickle.pbz2``, or the files of the folder.

    Raises
    ------
    TableError
        If a file is missing, cut, no pickle of these tables, or names another global; says which.
    """
    listed = [path for each in paths for path in (sorted(each.iterdir()) if each.is_dir() else [each])]
    single = [path for path in listed if _ONE.fullmatch(path.name)]
    if len(listed) == 1 and not single:
        path = listed[0]
        yield from _tar(path) if archives.is_tar(path) else _whole(path)
        return
    if not single:
        shown = ", ".join(map(str, paths))
        raise TableError(must("paths", "be the folder 'NATS-…-simple', its tar or 'NATS-….pickle.pbz2'", shown))
    for path, data in zip(single, _ahead(_decompressed, single), strict=True):
        yield str(path), _index(path.name), _load(str(path), data)


def _index(name: str) -> int:
    return int(name.partition(".")[0])


def _decompressed(path: Path) -> bytes:
    try:
        with bz2.open(path) as file:
            return _bounded(file, str(path))
    except (OSError, EOFError) as error:
        raise TableError(f"{path} is missing or cut: {reason(error)}") from None


def _bounded(file: IO[bytes], where: str) -> bytes:
    """Read all of one architecture."""
    data = file.read(MAX_PART + 1)
    if len(data) > MAX_PART:
        raise TableError(f"{where} must not unpack to more than {MAX_PART} bytes")
    return data


def _load(name: str, data: bytes) -> Any:
    with unpickle.explained(name):
        return unpickle.Restricted(io.BytesIO(data), GLOBALS).load()


def _ahead(call: Any, items: Iterable[Any]) -> Generator[Any]:
    """Map in order, a few calls ahead in another thread; decompression leaves the interpreter to others."""
    with ThreadPoolExecutor(1) as pool:
        left = iter(items)
        running: deque[Future[Any]] = deque(pool.submit(call, item) for item in islice(left, _AHEAD))
        try:
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(call, item) for item in islice(left, 1))
                yield result
        finally:
            for future in running:
                future.cancel()


def _tar(path: Path) -> Iterator[tuple[str, int, Any]]:
    try:
        for member, packed in archives.tar_members(
            path, lambda name: _ONE.fullmatch(Path(name).name) is not None, MAX_PART
        ):
            where = f"{path}, member {member}"
            with bz2.open(io.BytesIO(packed)) as file:
                data = _bounded(file, where)
            yield where, _index(Path(member).name), _load(where, data)
    except TableError:
        raise
    except archives.DAMAGE as error:
        raise TableError(f"{path} is cut or damaged: {reason(error)}") from None


def _whole(path: Path) -> Iterator[tuple[str, int, Any]]:
    try:
        with bz2.open(path) as file, closing(_ahead(file.read, repeat(BLOCK))) as blocks:
            for index, record in split(lambda size: next(blocks), name=str(path), allowed=GLOBALS):
                yield str(path), index, record
    except (OSError, EOFError) as error:
        raise TableError(f"{path} is missing, cut or no bz2 file: {reason(error)}") from None
