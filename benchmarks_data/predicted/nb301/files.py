"""The files of NAS-Bench-301's YAHPO surrogate: imported by copy, recorded with their SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks_data.predicted.imported import Kept, keep, official, opened
from harness.errors import HarnessError, TableError, reason
from harness.files.reading import read_json

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
    except OSError as error:
        raise TableError(f"cannot read what is to be imported as {NAME} ({reason(error)})") from error
    return keep(NAME, sources, folder, pinned=PINNED)


def _given(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the three files by what they are."""
    sources: dict[str, Path] = {}
    others = []
    for path in (file for each in paths for file in official(Path(each), [*OFFICIAL.values()])):
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


class Imported(Kept):
    """A folder that `import_files` filled; see `Kept`."""

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
        return cls(NAME, folder, opened(NAME, [*PINNED], folder, remedy=_REMEDY, check_content=check_content))

    def json(self, name: str) -> Any:
        """Return the content of a JSON file."""
        return read_json(self.folder / name, TableError, remedy=f"import it again: {_REMEDY}")
