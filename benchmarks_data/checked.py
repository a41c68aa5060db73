"""Memory of files whose content was checked, so that a large one is hashed once and not at every opening.

The sum of a file is remembered by what the system says of it (`status`): a change of the file changes that, even where
its times are set back.  Records lie in the folder `checked` of the cache, a small file each, with a sum of their own;
where one is lost or damaged, or the folder cannot be written, a file is hashed once more in each process.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from benchmarks_data import files
from harness.files import sealed
from harness.files.whole import opened, replacing

MOST = 1000
"""Records that are kept; at more, the older half is removed."""
_TITLE = "nas-harness checked 1"
_SETTLED_SECONDS = 0.05
"""After so long a further change has another time, where times are finer than a second."""
_COARSE_SECONDS = 2.1
"""The same where they are not."""
_LONGEST = 4096

_in_this_process: dict[str, str] = {}


def status(descriptor: int) -> tuple[int, ...]:
    """Return what tells a change of an open file: device, inode, size, times of its content and of its status in ns."""
    return _status_of(os.fstat(descriptor))


def _status_of(now: os.stat_result) -> tuple[int, ...]:
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def settle(known: tuple[int, ...]) -> bool:
    """Wait until the next change of a file must show in its status; False if that cannot be (its time is to come)."""
    age, slack = _age_and_slack(known)
    if 0 <= age < slack:
        time.sleep(slack - age)
    return age >= 0


def settled(path: Path) -> tuple[int, ...] | None:
    """Return the status of a file whose next change must show in it; None of one that was changed just now."""
    try:
        known = _status_of(os.stat(path))
    except OSError:
        return None
    age, slack = _age_and_slack(known)
    return known if age >= slack else None


def _age_and_slack(known: tuple[int, ...]) -> tuple[float, float]:
    """Return the seconds since the last change, and after how many another change has another time."""
    changed = known[-1]
    return (time.time_ns() - changed) / 1e9, _SETTLED_SECONDS if changed % 10**9 else _COARSE_SECONDS


def recall(name: str) -> str | None:
    """Return what was recorded under a name, None where nothing sound was."""
    if name in _in_this_process:
        return _in_this_process[name]
    with suppress(Exception), opened(_path(name)) as file:  # whatever is wrong with it, the work is done again
        head, _, value = file.read(_LONGEST).decode().partition("\n")
        if head == _head(name, value):
            _in_this_process[name] = value
            return value
    return None


def record(name: str, value: str) -> None:
    """Keep a value under a name; only in this process where the cache cannot be written."""
    _in_this_process[name] = value
    path = _path(name)
    with suppress(OSError):
        with replacing(path) as temporary:
            temporary.write_text(f"{_head(name, value)}\n{value}", encoding="utf-8")
        _prune(path.parent)


def forget() -> None:
    """Forget what this process knows; what was recorded stays."""
    _in_this_process.clear()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal, hashing it only where nothing sound is remembered of it."""
    with opened(path) as file:
        known = status(file.fileno())
        sound, name = settle(known), name_of(known)
        total = (recall(name) if sound else None) or sealed.sha256(file, 0)
        if sound and status(file.fileno()) == known:
            record(name, total)
        return total


def name_of(known: tuple[int, ...], what: str = "file") -> str:
    """Return the name of a record about a file of a status."""
    return f"{what} {' '.join(map(str, known))}"


def _path(name: str) -> Path:
    return files.checked_folder() / hashlib.sha256(name.encode()).hexdigest()[:32]


def _head(name: str, value: str) -> str:
    return f"{_TITLE} {hashlib.sha256(repr((name, value)).encode()).hexdigest()}"


def _prune(folder: Path) -> None:
    listed = list(folder.iterdir())
    if len(listed) > MOST:
        for path in sorted(listed, key=lambda each: each.stat().st_mtime)[: len(listed) // 2]:
            path.unlink(missing_ok=True)
