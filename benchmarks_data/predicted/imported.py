"""Files of what predicts, kept: copied whole into a folder of the cache, and compared with what was copied."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks_data import checked, files
from harness.digests import sha256_of
from harness.errors import TableError, reason
from harness.files.reading import read_json
from harness.files.whole import locked, remove_unfinished, replacing

_ABOUT = "about.json"


def keep(name: str, sources: Mapping[str, Path], folder: Path, *, pinned: Mapping[str, str]) -> Path:
    """Copy files into `folder`, and record what they were called and their SHA-256.

    A file that is not the one on which the known answers were checked is taken with a warning.

    Parameters
    ----------
    name : str
        Of the benchmark.
    sources : mapping of str to Path
        By the names that they get.
    folder : Path
        Made if needed; what it held before stays until all are copied.
    pinned : mapping of str to str
        SHA-256 of files that were checked, by those names; none is known of others.

    Raises
    ------
    TableError
        If the folder cannot be written.
    """
    try:
        digests = {key: files.sha256(path) for key, path in sources.items()}
        for key, digest in digests.items():
            if digest != pinned.get(key):
                warnings.warn(
                    f"{sources[key]} is not the {key} that was checked (sha256 {digest[:12]}…)"
                    if key in pinned
                    else f"{sources[key]} was not checked: nobody recorded a sha256 of {key}; this is {digest[:12]}…",
                    stacklevel=3,
                )
        with locked(folder / ".lock"):
            remove_unfinished(folder)
            _swap(sources, digests, folder)
    except OSError as error:
        raise TableError(f"cannot import {name} to {folder} ({reason(error)}): set {files.HOME_VARIABLE}") from error
    return folder


def _swap(sources: Mapping[str, Path], digests: Mapping[str, str], folder: Path) -> None:
    """Copy everything beside what is there, and only then put it in its place; what tells of it comes last."""
    about = {"files": {key: path.name for key, path in sources.items()}, "sha256": digests}
    with ExitStack() as copies:  # renames in the reverse order
        note = copies.enter_context(replacing(folder / _ABOUT))
        note.write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        for key, path in sources.items():
            shutil.copyfile(path, copies.enter_context(replacing(folder / key)))
        (folder / _ABOUT).unlink(missing_ok=True)  # without it the folder holds no import, not half of one


def official(path: Path, names: Sequence[str]) -> list[Path]:
    """Return the files of a folder: those of the official names where it has them all; else the path itself."""
    if not path.is_dir():
        return [path]
    found = [path / name for name in names]
    return found if all(file.is_file() for file in found) else sorted(filter(Path.is_file, path.iterdir()))


@dataclass(frozen=True)
class Kept:
    """A folder that `keep` filled.

    Attributes
    ----------
    name : str
        Of the benchmark.
    folder : Path
    about : mapping
        ``files``: the names they had; ``sha256``: of each.
    """

    name: str
    folder: Path
    about: Mapping[str, Any]

    @staticmethod
    def exists(folder: Path) -> bool:
        """Say whether `folder` holds a whole import."""
        return (folder / _ABOUT).is_file()

    @property
    def digest(self) -> str:
        """SHA-256 of what was imported, hexadecimal."""
        return sha256_of({"benchmark": self.name, "sha256": self.about["sha256"]})


def opened(name: str, keys: Sequence[str], folder: Path, *, remedy: str, check_content: bool) -> Mapping[str, Any]:
    """Compare every file of an import with the SHA-256 that was recorded, and return what was recorded.

    Parameters
    ----------
    name : str
        Of the benchmark.
    keys : sequence of str
        The files that it needs.
    folder : Path
    remedy : str
        The command that imports them.
    check_content : bool
        Hash all again, whatever is remembered of a file; JSON always is.

    Raises
    ------
    TableError
        If the folder holds none, or a file is not what was imported.
    """
    if not Kept.exists(folder):
        raise TableError(f"the files of {name} were not imported into {folder}: {remedy}")
    try:
        about: Mapping[str, Any] = read_json(folder / _ABOUT)
        recorded = {key: str(about["sha256"][key]) for key in keys}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TableError(f"{folder / _ABOUT} is damaged ({reason(error)}): {remedy}") from error
    for key in keys:
        sum_of = files.sha256 if check_content or key.endswith(".json") else checked.sha256
        if not (folder / key).is_file() or sum_of(folder / key) != recorded[key]:
            raise TableError(f"{folder / key} is not the file that was imported; import it again: {remedy}")
    return about
