"""Places of tables and their sources on this machine, and the progress of work on them."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from harness.errors import TableError
from harness.files import whole as places
from harness.files.whole import home_folder

HOME_VARIABLE = places.HOME_VARIABLE
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1; 1 comes last."""


def cache_folder() -> Path:
    """Return the folder of converted tables: below $NAS_HARNESS_HOME, or the user's cache of this platform."""
    return home_folder() / "tables"


def downloads_folder() -> Path:
    """Return the folder of files as they were downloaded, beside that of converted tables."""
    return home_folder() / "downloads"


def checked_folder() -> Path:
    """Return the folder of what is remembered of files that were checked; see `benchmarks_data.checked`."""
    return home_folder() / "checked"


def table_path(name: str) -> Path:
    """Return where the converted table of a benchmark lies, or will lie."""
    return cache_folder() / f"{name}.h5"


def package_file(module: str, relative: str, distribution: str) -> Path:
    """Locate a file inside an installed package without importing the package.

    Raises
    ------
    TableError
        If the package is not installed or has no such file; names what to install.
    """
    spec = importlib.util.find_spec(module)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        path = Path(folder) / relative
        if path.is_file():
            return path
    lack = f"has no file {relative}" if folders else "is not installed"
    raise TableError(f"the package '{distribution}' {lack}: pip install --force-reinstall {distribution}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal; of a folder, that of the sums and names of all its files, sorted."""
    if path.is_dir():
        listed = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in listed]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def on_terminal(what: str, fraction: float) -> None:
    """Draw one line on standard error, and wipe it at the end; quiet unless that is a terminal."""
    if not sys.stderr.isatty():
        return
    done = round(20 * fraction)
    line = "" if fraction >= 1.0 else f"{what} [{'#' * done}{'.' * (20 - done)}]"
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
