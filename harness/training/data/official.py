"""Files as their publishers made them: size and SHA-256 of each, and the remedy where one is not there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError


@dataclass(frozen=True)
class OfficialFile:
    """A file of a dataset.

    Attributes
    ----------
    name : str
    size : int
        Bytes.
    sha256 : str
        Hexadecimal.
    """

    name: str
    size: int
    sha256: str


def folder_of(dataset: str, folder: Path | None, remedy: str) -> Path:
    """Return the folder that the user named.

    Raises
    ------
    HarnessError
        If none was named or it is no folder; `remedy` says what to put where.
    """
    if folder is None:
        raise HarnessError(f"'{dataset}' is read from files that you supply, and no folder was given. {remedy}")
    if not folder.is_dir():
        raise HarnessError(f"'{dataset}': there is no folder {folder}. {remedy}")
    return folder


def listing(files: Sequence[OfficialFile]) -> str:
    """Return one line per file: name, size and SHA-256."""
    return "\n".join(f"  {file.name:<26} {file.size:>10,} bytes  sha256 {file.sha256}" for file in files)


def check(path: Path, content: bytes, expected: OfficialFile) -> None:
    """Refuse content that is not what the publisher made.

    Raises
    ------
    HarnessError
        If size or SHA-256 differ.
    """
    if len(content) != expected.size:
        kind = "truncated" if len(content) < expected.size else "too long"
        raise HarnessError(
            f"{path} is {kind}: {len(content):,} bytes of data, the official file has {expected.size:,}. "
            "Copy or unpack it again."
        )
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected.sha256:
        raise HarnessError(
            f"{path} is not the official file: the sha256 of its data is {sha256}, expected {expected.sha256}. "
            "Copy or unpack it again, or pass official=False to use it nevertheless."
        )
