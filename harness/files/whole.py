"""Files that are written whole or not at all, folders that one process writes at a time, and the cache folder."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from harness.errors import IrregularError

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


_OTHERS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def opened(path: Path, *, links: bool = True) -> Iterator[FileIO]:
    """Open a regular file for reading, without a buffer; nothing else is opened or waited for.

    Parameters
    ----------
    path : Path
    links : bool
        Whether a link may lead to it.

    Raises
    ------
    IrregularError
        If it is something else; says what.
    OSError
        If it is missing or may not be read.
    """
    _check_regular(path, path.stat() if links else path.lstat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _check_regular(path, os.fstat(descriptor))  # whatever came in its place meanwhile
        yield file


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise IrregularError(f"{path} is {_OTHERS.get(stat.S_IFMT(status.st_mode), 'something else')}, not a file")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there.

    Raises
    ------
    OSError
        If it cannot be made: of a class that tells of places, never `FileNotFoundError`; says what stands in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unmade(folder, error) from error


def unmade(folder: Path, error: OSError) -> str:
    """Say why a folder cannot be made: what stands in the way, or what the system says."""
    above = _above(folder)
    return str(error.strerror) if above.is_dir() else f"'{above}' is no folder"


def _unmade(folder: Path, error: OSError) -> OSError:
    code = errno.ENOTDIR if error.errno in (errno.ENOENT, errno.EEXIST) else error.errno
    return OSError(code, f"the folder cannot be made ({unmade(folder, error)}); name another place", str(folder))


def _above(folder: Path) -> Path:
    """Return the folder, or the first above it of which something is there."""
    return next((part for part in (folder, *folder.parents) if os.path.lexists(part)), folder)


def check_place(path: Path) -> None:
    """Refuse a place where no file can be written, before the work whose result goes there; makes nothing.

    Raises
    ------
    OSError
        If no folder can be made for it, a folder stands there, or nothing may be written.
    """
    above = _above(path.parent)
    if not above.is_dir():
        raise _unmade(path.parent, NotADirectoryError(errno.ENOTDIR, "", str(above)))
    if path.is_dir() and not path.is_symlink():
        raise OSError(errno.EISDIR, "a folder stands where the file goes; name another place", str(path))
    if not os.access(above, os.W_OK):
        raise OSError(errno.EACCES, "nothing may be written into the folder; name another place", str(above))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success sync it and rename it, on failure remove it."""
    make_folder(path.parent)
    check_place(path)
    prefix = f".{path.name}.{_machine()}-{os.getpid()}."
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=_SUFFIX, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.filename in (None, str(temporary)):  # a full disk is told without a name, or with that one
            error.filename = str(path)
        raise
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


def remove_abandoned(path: Path) -> None:
    """Remove what processes of this machine that are no more left behind of one file; needs no lock."""
    form = re.compile(rf"\.{re.escape(path.name)}\.{re.escape(_machine())}-(\d+)\.\w+{re.escape(_SUFFIX)}")
    for left in path.parent.glob(f".*{_SUFFIX}"):
        match = form.fullmatch(left.name)
        if match and not _runs(int(match[1])):
            left.unlink(missing_ok=True)


def _machine() -> str:
    return os.uname().nodename.partition(".")[0][:32]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
    make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def is_locked(path: Path) -> bool:
    """Say whether another process holds an inter-process lock now; takes it for no longer than that takes."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
