"""The inventory: every table of the catalogue, whether it is there, and how it is got where it is not."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks_data import files, provider
from benchmarks_data.cache import conversion
from benchmarks_data.catalogue.entries import Entry, entries, others
from benchmarks_data.file import layout, protocol
from benchmarks_data.files import Progress, on_terminal
from harness.errors import HarnessError, TableError, unknown
from harness.names import read


class State(StrEnum):
    """How near a table is; in the order in which they are listed."""

    READY = "ready"
    COMES = "comes with the program"
    GET = "get"
    IMPORT = "import FILE"


@dataclass(frozen=True)
class Item:
    """A table of the catalogue as it is on this machine.

    Attributes
    ----------
    entry : Entry
    state : State
    rows : int or None
        That it has, or must have; None where that is not known.
    bytes : int or None
        On this disk where it is ready, else to download; None where that is not known.
    size : str
        To download, in words, where `bytes` is not known.
    remark : str
        What is wrong with it.
    """

    entry: Entry
    state: State
    rows: int | None
    bytes: int | None
    size: str = ""
    remark: str = ""


def names() -> tuple[str, ...]:
    """Return the names of all that can be got: tables, and what is imported and is no table."""
    return (*entries(), *others())


def is_known(name: str) -> bool:
    """Say whether a name is one of the catalogue's, a protocol behind it or not."""
    return name.partition(protocol.MARK)[0] in names()


def known(name: str) -> Entry:
    """Return the entry of a name, a protocol behind it or not; raises HarnessError if there is none."""
    path = read(name).path
    if path is not None:
        raise TableError(provider.PROVIDER.refusal(path))
    bare = name.partition(protocol.MARK)[0]
    found = {**entries(), **others()}
    if bare not in found:
        raise HarnessError(unknown("table", bare, found))
    return found[bare]


def item(entry: Entry) -> Item:
    """Say how near a table is; opens it where it is there, and converts nothing."""
    remark = ""
    try:
        found = _there(entry)
    except TableError as error:
        found, remark = None, str(error)
    if found is not None:
        return Item(entry, State.READY, *found)
    rows = entry.rows or None
    if not entry.imported:
        return Item(entry, State.COMES, rows, None, remark=remark)
    lengths = [download.bytes for download in entry.downloads]
    total = sum(lengths) if lengths and all(lengths) else None
    size = entry.downloads[0].size if entry.downloads else ""
    return Item(entry, State.GET if entry.downloads else State.IMPORT, rows, total, size, remark)


def _there(entry: Entry) -> tuple[int | None, int] | None:
    """Return rows and bytes of what is there, None if nothing is; raises TableError if it is damaged."""
    if entry.source.importer:
        folder = files.cache_folder() / entry.name
        told = [provider.PROVIDER.describe(entry.name)] if folder.is_dir() else []
        lengths = [path.stat().st_size for path in folder.iterdir()] if told and told[0]["imported"] else []
        return (entry.rows or None, sum(lengths)) if lengths else None
    if entry.source.answers:
        return None, entry.paths()[0].stat().st_size
    path = files.table_path(entry.name)
    if not path.exists():
        return None
    return len(conversion.read(entry, path).array("archs")), path.stat().st_size


def made_together(name: str) -> tuple[str, ...]:
    """Return the names of all that is made from the same files as one, itself included."""
    entry = known(name)
    return (entry.name,) if entry.source.answers else provider.made_together(entry.name)


def take(names: Sequence[str], paths: Sequence[Path], *, progress: Progress = on_terminal) -> dict[str, Path]:
    """Import files of the user's, as tables or by the importer of their source; see `provider.import_tables`."""
    first = known(names[0])
    if not first.source.importer:
        return provider.import_tables(names, paths, progress=progress)
    module, _, function = first.source.importer.partition(":")
    folder = getattr(importlib.import_module(module), function)(paths, files.cache_folder() / first.name)
    if first.source.requires and importlib.util.find_spec(first.source.requires) is None:
        remedy = f"pip install -e '.[{first.source.extra}]'"
        warnings.warn(f"{first.name} needs {first.source.requires}, which is not installed: {remedy}", stacklevel=2)
    return {first.name: folder}


def searched_as(name: str) -> tuple[str, ...]:
    """Return the names under which a table that is there can be searched: its own, or one for each protocol."""
    entry = known(name)
    if entry.source.answers or layout.read_header(files.table_path(entry.name)).meaning.validation:
        return (entry.name,)
    return tuple(f"{entry.name}{protocol.MARK}{key}" for key in entry.protocols)
