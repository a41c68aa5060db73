"""The folder of a task on this machine: its trainings, what it says of itself, and its identity.

A folder for each identity, below that of everything that is kept between runs.  Reports read it, and import no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import isfinite, nan
from pathlib import Path
from typing import Any

from benchmarks_data.grown import Grown
from harness.benchmark import Column
from harness.digests import sha256_of
from harness.errors import HarnessError, TableError, must, reason, typed
from harness.files.reading import read_json
from harness.files.whole import home_folder, replacing
from harness.names import read
from harness.own.classes import file_sha256
from harness.workers.definition import Definition, from_dict

SCHEMA = 1
SECONDS = "task_seconds"
"""The column of the seconds that a task says."""
_RECORD, _UNIT = "task.json", "unit_seconds"


@dataclass(frozen=True)
class Kept:
    """A task as it is kept.

    Attributes
    ----------
    identity : mapping
        Name of the class, SHA-256 of its file and of the modules of its own, and versions of its `libraries`.
    definition : Definition
    folder : Path
    unit_seconds : float
        The mean of the seconds that the task says of full trainings, over its space; NaN where it says none.
    """

    identity: Mapping[str, Any]
    definition: Definition
    folder: Path
    unit_seconds: float = nan

    @property
    def digest(self) -> str:
        """SHA-256 of the identity."""
        return sha256_of(self.identity)

    @property
    def columns(self) -> dict[str, Column]:
        """The columns of the task, and that of its seconds where it says them."""
        said = Column(SECONDS, "s", "minimise", description="Of one training, as the task says.")
        return self.definition.columns | ({SECONDS: said} if self.definition.has_seconds else {})

    def table(self) -> Grown:
        """Open its trainings."""
        told = [name for name, column in self.columns.items() if not column.held_out]
        return Grown(self.folder, self.identity, told, [name for name in self.columns if name not in told])


def keep(name: str, sha256: str, definition: Definition, unit_seconds: float = nan) -> Kept:
    """Return the task of a class whose file has this SHA-256, and write down what it says of itself."""
    versions = {library: _version(library) for library in definition.libraries}
    identity = {"task": definition.name, "module": sha256, "libraries": versions, "schema": SCHEMA}
    folder = _folder() / f"{definition.name}-{sha256_of(identity)[:16]}"
    kept = Kept(identity, definition, folder, unit_seconds)
    record = {"identity": identity, "definition": definition.as_dict()}
    text = json.dumps(record | ({_UNIT: unit_seconds} if isfinite(unit_seconds) else {}), indent=1)
    path = folder / _RECORD
    if not path.exists() or path.read_bytes() != text.encode():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return kept


def kept_of(name: str) -> Kept | None:
    """Return the task that a name stands for, ``"path/to/file.py:Class"``, if it was opened here; imports nothing.

    Raises
    ------
    HarnessError
        If there is no such file.
    """
    sha256, key = file_sha256(name), read(name).key
    found: list[tuple[bool, float, Kept]] = []
    for path in sorted(_folder().glob(f"{key}-*/{_RECORD}")):
        remedy = "remove it, and open the task again"
        record = read_json(path, TableError, remedy=remedy)
        try:
            identity, unit = record["identity"], float(record.get(_UNIT, nan))
            if identity["module"] == sha256 and identity["task"] == key:
                now = {library: _version(library, "") for library in identity["libraries"]} == identity["libraries"]
                kept = Kept(identity, from_dict(record["definition"]), path.parent, unit)
                found.append((now, path.stat().st_mtime, kept))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:  # also what is raised in words
            raise TableError(f"{path} is damaged ({reason(error)}); {remedy}") from None
    return max(found, key=lambda item: item[:2])[2] if found else None


def known(name: str) -> Kept:
    """Return the task that a name stands for; imports nothing.

    Raises
    ------
    TableError
        If it was never opened on this machine as it is now.
    """
    kept = kept_of(name)
    if kept is None:
        raise TableError(
            f"nothing is known of the task '{name}' as its file is now: it was changed, or never used on this machine; "
            f"`{typed('check', name)}` begins with it"
        )
    return kept


def _folder() -> Path:
    return home_folder() / "tasks"


def _version(library: str, otherwise: str | None = None) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        if otherwise is not None:
            return otherwise
        raise HarnessError(must("libraries", "name installed packages, as `pip list` does", library)) from None
