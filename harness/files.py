"""Files that are written whole or not at all, folders that one process writes at a time, and the cache folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME_VARIABLE = "NAS_HARNESS_HOME"
_SUFFIX = ".unfinished"


def home_folder() -> Path:
    """Return the folder of everything that is kept between runs: $NAS_HARNESS_HOME, or the user's cache folder."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser()
    try:
        import platformdirs  # not needed, and so not paid for, where the variable is set
    except ImportError:  # a bare machine that only trains
        return Path.home() / ".cache" / "nas-harness"
    return Path(platformdirs.user_cache_path("nas-harness"))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success sync it and rename it, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left behind of the files named (a glob pattern); only under their lock."""
    for path in folder.glob(f".{name}.*{_SUFFIX}"):
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an inter-process lock; it is released by the system when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        Of the lock file; it stays behind, empty.
    wait : bool
        Whether to wait for another holder; without, the context is given False if there is one.

    Yields
    ------
    bool
        Whether the lock is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
