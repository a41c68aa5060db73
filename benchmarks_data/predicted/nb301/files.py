"""The files of NAS-Bench-301's YAHPO surrogate: imported by copy, recorded with their SHA-256."""

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
from harness.errors import HarnessError, TableError, reason
from harness.files.reading import read_json
from harness.files.whole import locked, remove_unfinished, replacing

NAME = "nb301-surrogate"
PINNED = {
    "model.onnx": "e7168d495cf7fe6419b69234a052571536c2a5f6d7a8a2aead4e9d04dffac1d6",
    "encoding.json": "b16bb8db9aa5a9b688cd97e782643abe96bd166baa445675f57cbcf5e6128a98",
    "config_space.json": "3135c6f8347f491fd31e8fa7a5e9607ea926c9a8558a6a21a1419d55a01884f2",
}
"""Of slds-lmu/yahpo_data, commit 0e28806, nb301/{model,encoding,config_space}_v2, on which the known answers hold."""
OFFICIAL = {name: name.replace(".", "_v2.") for name in PINNED}
"""How they are called where they are published."""
_MOST_BYTES = 2**22
"""Of the two small files; the larger has 19 kB."""
_ABOUT = "about.json"
_REMEDY = f"`nas-harness data import {NAME} {' '.join(OFFICIAL.values())}`"


def import_files(paths: Sequence[Path], folder: Path) -> Path:
    """Copy the model, its encoding and its configuration space into `folder`, and record where they came from.

    Files are told apart by what they hold, not by their names; others, such as the licence, are passed over.  A file
    that is not the one on which the known answers were checked is taken with a warning.

    Parameters
    ----------
    paths : sequence of Path
        The three files, in any order, or the folder that they lie in.
    folder : Path
        Made if needed; what it held before stays until all three are copied.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    TableError
        If a file is missing, unknown or given twice, or the folder cannot be written.
    """
    try:
        sources = _given(paths)
        digests = {name: files.sha256(path) for name, path in sources.items()}
        for name, digest in digests.items():
            if digest != PINNED[name]:
                warnings.warn(
                    f"{sources[name]} is not the {name} that was checked (sha256 {digest[:12]}…)", stacklevel=2
                )
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            remove_unfinished(folder)
            _swap(sources, digests, folder)
    except OSError as error:
        raise TableError(f"cannot import {NAME} to {folder} ({reason(error)}): set {files.HOME_VARIABLE}") from error
    return folder


def _swap(sources: Mapping[str, Path], digests: Mapping[str, str], folder: Path) -> None:
    """Copy everything beside what is there, and only then put it in its place; what tells of it comes last."""
    about = {"files": {name: path.name for name, path in sources.items()}, "sha256": digests}
    with ExitStack() as copies:  # renames in the reverse order
        note = copies.enter_context(replacing(folder / _ABOUT))
        note.write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        for name, path in sources.items():
            shutil.copyfile(path, copies.enter_context(replacing(folder / name)))
        (folder / _ABOUT).unlink(missing_ok=True)  # without it the folder holds no import, not half of one


def _given(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the three files by what they are."""
    sources: dict[str, Path] = {}
    others = []
    for path in (file for each in paths for file in _files_of(Path(each))):
        name = _kind(path)
        if name is None:
            others.append(str(path))
        elif name in sources:
            raise TableError(f"{path} and {sources[name]} both are {OFFICIAL[name]}; give one")
        else:
            sources[name] = path
    missing = [OFFICIAL[name] for name in PINNED if name not in sources]
    if missing:
        none = f" ({', '.join(others)}: no file of {NAME})" if others else ""
        raise TableError(
            f"{NAME} needs {', '.join(OFFICIAL.values())}; {', '.join(missing)} was not given{none}: {_REMEDY}"
        )
    return sources


def _files_of(path: Path) -> list[Path]:
    """Return the files of a folder: those of the official names where it has them all; else the path itself."""
    if not path.is_dir():
        return [path]
    official = [path / name for name in OFFICIAL.values()]
    return official if all(file.is_file() for file in official) else sorted(filter(Path.is_file, path.iterdir()))


def _kind(path: Path) -> str | None:
    """Return which of the three files this is, None if it is another."""
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.suffix == ".onnx":
        return "model.onnx"
    if path.stat().st_size > _MOST_BYTES:
        return None
    try:
        content = read_json(path)
    except HarnessError:
        return None
    if isinstance(content, dict) and "hyperparameters" in content:
        return "config_space.json"
    if isinstance(content, dict) and content and all(isinstance(codes, dict) for codes in content.values()):
        return "encoding.json"
    return None


@dataclass(frozen=True)
class Imported:
    """A folder that `import_files` filled.

    Attributes
    ----------
    folder : Path
    about : mapping
        ``files``: the names they had; ``sha256``: of each.
    """

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Say whether `folder` holds a whole import."""
        return (folder / _ABOUT).is_file()

    @classmethod
    def open(cls, folder: Path, *, check_content: bool = False) -> Imported:
        """Open an import: compare every file with the SHA-256 that was recorded.

        Parameters
        ----------
        folder : Path
        check_content : bool
            Hash the model again, whatever is remembered of its file.

        Raises
        ------
        TableError
            If the folder holds none, or a file is not what was imported.
        """
        if not cls.exists(folder):
            raise TableError(f"the files of {NAME} were not imported into {folder}: {_REMEDY}")
        try:
            about = read_json(folder / _ABOUT)
            recorded = {name: str(about["sha256"][name]) for name in PINNED}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TableError(f"{folder / _ABOUT} is damaged ({reason(error)}): {_REMEDY}") from error
        for name in PINNED:
            sum_of = files.sha256 if check_content or name.endswith(".json") else checked.sha256
            if not (folder / name).is_file() or sum_of(folder / name) != recorded[name]:
                raise TableError(f"{folder / name} is not the file that was imported; import it again: {_REMEDY}")
        return cls(folder, about)

    @property
    def digest(self) -> str:
        """SHA-256 of what was imported, hexadecimal."""
        return sha256_of({"benchmark": NAME, "sha256": self.about["sha256"]})

    def json(self, name: str) -> Any:
        """Return the content of a JSON file."""
        return read_json(self.folder / name, TableError, remedy=f"import it again: {_REMEDY}")
