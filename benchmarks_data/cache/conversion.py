"""The conversion of tables to cache files: from installed packages on first use, from the user's files when told to.

A table is written under an inter-process lock to a temporary name and renamed when it is whole; the one that was there
before stays as it is until then, and if anything fails.
"""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from benchmarks_data import checked, files
from benchmarks_data.catalogue import entries as catalogue
from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file import layout
from benchmarks_data.file.content import opened_content
from benchmarks_data.files import Progress
from benchmarks_data.importers.safe.confined import confined
from harness.errors import TableError, must, nearest
from harness.files.whole import locked, remove_unfinished, replacing
from harness.spaces import named

_OURS = "nas-harness"
"""The distribution whose tables may change from one version to the next."""


def read(entry: Entry, path: Path, *, held_out: bool = False) -> layout.Header:
    """Open the cache file of a table; raises TableError if it is not whole, or another table's, or an older one."""
    header = layout.read_header(path, held_out=held_out)
    if header.meaning.name != entry.name:
        raise TableError(f"the table {path} is that of '{header.meaning.name}', not of '{entry.name}'")
    if entry.source.distribution == _OURS and _made_of(path) != set(entry.sha256):
        raise TableError(f"the table {path} was made by another version of this program, of other files")
    return header


def _made_of(path: Path) -> set[str]:
    """Return the SHA-256 of the files that a table was made of."""
    status = checked.settled(path)
    return _read_made_of(path) if status is None else _remembered_made_of(path, status)


@lru_cache(maxsize=64)
def _remembered_made_of(path: Path, status: tuple[int, ...]) -> set[str]:
    """Read it once while the file has one status."""
    return _read_made_of(path)


def _read_made_of(path: Path) -> set[str]:
    return set(layout.read_about(path).get("source_sha256", "").split())


def convert(entry: Entry, path: Path, progress: Progress, because: TableError) -> None:
    """Make the cache file, unless another process did while this one waited for the lock.

    Raises
    ------
    TableError
        If it cannot be made: the source is not installed, is not what it should be, or is the user's to give.
    """
    try:
        if entry.imported and not path.exists():
            entry.paths()  # says where the files come from
        with locked(path.with_suffix(".lock")):
            if _is_whole(entry, path):
                return
            if path.exists() and not entry.imported:
                warnings.warn(f"{because}; it is converted again", stacklevel=4)
            remove_unfinished(path.parent, path.name)
            paths = entry.paths()
            source = f"{entry.source.distribution}: {', '.join(entry.files)} ({entry.source.url})"
            for table in _tables([entry], paths, progress):
                _write(entry, table, path, _about(entry, _sums(entry, paths), source), progress)
    except TableError as error:
        message = f"{because}; it cannot be made again: {error}" if path.exists() else str(error)
        raise TableError(message) from error
    except OSError as error:
        raise TableError(f"cannot write the table {path} ({error}): set {files.HOME_VARIABLE}") from error
    finally:
        progress(entry.name, 1.0)


def import_tables(entries: Sequence[Entry], paths: Sequence[Path], progress: Progress) -> dict[str, Path]:
    """Convert files of the user's into the cache, all tables in one pass where the converter can.

    Parameters
    ----------
    entries : sequence of Entry
        Of one source.
    paths : sequence of Path
        The files or folders named by `Entry.files`, in this order; their own names do not matter.  Where there are
        several, one folder that holds them under their names will do.
    progress : callable

    Returns
    -------
    dict of str to Path
        The cache file of each table.

    Raises
    ------
    TableError
        If files are missing, given twice, or not what they should be.  Tables that are finished by then stay; those
        that were there before stay as they were.
    """
    paths = _check_given(entries, paths)
    made = {entry.name: files.table_path(entry.name) for entry in entries}
    with _all_locked(list(made.values())):
        try:
            sums = _sums(entries[0], paths)
            _compare(entries[0], sums)
            with _told_official(entries[0], sums):
                confined(
                    lambda telling: _convert_given(entries, paths, made, sums, telling),
                    what=", ".join(map(str, paths[:3])),
                    size=sum(map(files.size, paths)),
                    rows=sum(entry.rows or 0 for entry in entries),
                    progress=progress,
                )
        except OSError as error:
            raise TableError(f"cannot import {entries[0].name}: {error}") from error
        finally:
            for path in made.values():  # of a conversion that was ended from outside
                remove_unfinished(path.parent, path.name)
            progress(entries[-1].name, 1.0)
    return made


def _convert_given(
    entries: Sequence[Entry],
    paths: Sequence[Path],
    made: Mapping[str, Path],
    sums: Mapping[str, str],
    telling: Progress,
) -> None:
    """Convert files of the user's and write the table of each entry, in the process that may fail."""
    source = f"{', '.join(path.name for path in paths)} ({entries[0].source.url})"
    for entry, table in zip(entries, _tables(entries, paths, telling), strict=True):
        if not entry.sha256:
            warnings.warn(
                f"{entry.name}: nothing is pinned, these {len(table.archs):,} rows are unchecked: the "
                "sha256 of its files is not known to this program",
                stacklevel=3,
            )
        _write(entry, table, made[entry.name], _about(entry, sums, source), telling)


@contextmanager
def _told_official(entry: Entry, sums: Mapping[str, str]) -> Iterator[None]:
    """Say of files that cannot be read and are not the official ones that they are not, and where those are."""
    try:
        yield
    except TableError as error:
        if not set(sums.values()) - set(entry.sha256):
            raise
        names, official = ", ".join(sums), ", ".join(entry.files)
        doubt = f"{names} is not the official {official}." if entry.sha256 else f"Is {names} the official {official}?"
        where = f"`nas-harness data get {entry.name}` gets that, or says where it is"
        raise TableError(f"{str(error).splitlines()[0].rstrip('.:')}. {doubt} {where}") from error


def _check_given(entries: Sequence[Entry], paths: Sequence[Path]) -> Sequence[Path]:
    """Return the files that tables are made from; raises TableError if they are not as many, or are not there."""
    if not entries:
        raise TableError(must("names", "name at least one table", []))
    first = entries[0]
    for entry in entries:
        if not entry.imported:
            raise TableError(
                f"the table {entry.name} comes with the package '{entry.source.distribution}': nothing is to be "
                "imported, it is converted when it is first opened"
            )
        if (entry.source, entry.files) != (first.source, first.files):
            raise TableError(f"{first.name} and {entry.name} are made from different files: import them one by one")
    if len(paths) == 1 < len(first.files) and paths[0].is_dir():
        paths = [paths[0] / Path(file).name for file in first.files]
    if len(paths) != len(first.files):
        rule = f"name what {first.name} is made from: {', '.join(first.files)}"
        raise TableError(must("files", rule, [str(path) for path in paths]))
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise TableError(must("files", "be files or folders: a device or a pipe is none", str(path)))
        if not path.exists():
            beside = path.parent.iterdir() if path.parent.is_dir() else ()
            raise TableError(f"there is no file '{path}'.{nearest(path.name, (other.name for other in beside))}")
    return paths


def _compare(entry: Entry, sums: Mapping[str, str]) -> None:
    """Warn where the files are not those on which the known answers were checked, or are named as another table's."""
    alike = [each for each in catalogue.entries().values() if each.source == entry.source]
    others = {_word(file) for each in alike for file in each.files} - {_word(file) for file in entry.files}
    for name in sums:
        if _word(name) in others:
            warnings.warn(f"{name} is named as a file of another table than {entry.name}: right?", stacklevel=4)
    unknown = sorted(set(sums.values()) - set(entry.sha256))
    if entry.sha256 and unknown:
        unpinned = ", ".join(f"{name} ({total[:16]}…)" for name, total in sums.items() if total in unknown)
        checked = ", ".join(f"{total[:16]}…" for total in entry.sha256)
        warnings.warn(
            f"{entry.name}: the sha256 of {unpinned} is not that of the files on which this import was checked "
            f"({checked}): cut short, changed, or another release; its numbers are unchecked",
            stacklevel=4,
        )


def _word(name: str) -> str:
    """Return the first word of a file's name."""
    return re.split(r"[^a-z]", Path(name).name.lower(), maxsplit=1)[0]


@contextmanager
def _all_locked(paths: Sequence[Path]) -> Iterator[None]:
    """Hold the locks of several cache files, always taken in the same order."""
    try:
        with ExitStack() as held:
            for path in sorted(paths):
                held.enter_context(locked(path.with_suffix(".lock")))
                remove_unfinished(path.parent, path.name)
            yield
    except OSError as error:
        raise TableError(f"cannot write to {files.cache_folder()} ({error}): set {files.HOME_VARIABLE}") from error


def _is_whole(entry: Entry, path: Path) -> bool:
    try:
        read(entry, path)
        layout.check_content(path)
    except TableError:
        return False
    return True


def _tables(entries: Sequence[Entry], paths: Sequence[Path], progress: Progress) -> Iterator[layout.Table]:
    """Run the converter of a source: one table for each entry, in their order.

    A converter that defines the space itself is given None for it.
    """
    converter = importlib.import_module(f"benchmarks_data.{entries[0].source.converter}")
    spaces = [None if entry.space in named.DEFINED else named.space(entry.space) for entry in entries]
    if hasattr(converter, "convert_all"):
        yield from converter.convert_all(entries, paths, spaces, _telling(entries, progress))
        return
    for entry, space in zip(entries, spaces, strict=True):
        yield converter.convert(entry, paths, space, _telling([entry], progress))


def _telling(entries: Sequence[Entry], progress: Progress) -> Callable[[str, float], None]:
    names = ", ".join(entry.name for entry in entries)
    return lambda what, fraction: progress(f"converting {names}: {what}", fraction)


def _write(entry: Entry, table: layout.Table, path: Path, about: Mapping[str, str], progress: Progress) -> None:
    if table.meaning.name != entry.name:
        raise TableError(f"the converter {entry.source.converter} made '{table.meaning.name}', not '{entry.name}'")
    if entry.rows and len(table.archs) != entry.rows:
        raise TableError(f"the table {entry.name} must have {entry.rows} rows, got {len(table.archs)}")
    partial = table.meaning.partial or bool(entry.facts.get("partial", False))
    progress(f"converting {entry.name}: writing", 0.8)
    whole = replace(table, meaning=replace(table.meaning, partial=partial), about={**table.about, **about})
    with replacing(path) as temporary:
        layout.write(temporary, whole)
    opened_content(path)  # that it is sound is remembered


def _sums(entry: Entry, paths: Sequence[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by its name; raises TableError if two are the same."""
    same = len({path.name for path in paths}) < len(paths)
    sums: dict[str, str] = {}
    for path in paths:
        name, total = "/".join(path.parts[-2:]) if same else path.name, files.sha256(path)
        if total in sums.values():
            first = next(other for other, known in sums.items() if known == total)
            raise TableError(f"{entry.name} is made from different files, and {first} and {name} are the same")
        sums[str(path) if name in sums else name] = total
    return sums


def _about(entry: Entry, sums: Mapping[str, str], source: str) -> dict[str, str]:
    """Return the texts of the catalogue, and what the table was made from."""
    return {
        "title": entry.title,
        "dataset": entry.dataset,
        "replicates": entry.source.replicates,
        "licence": entry.source.licence,
        "citation": entry.source.citation,
        "source": source,
        "source_sha256": " ".join(sums.values()),
        "source_files": json.dumps(sums),
    }
