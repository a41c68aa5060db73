"""The download of official files: to a part beside the goal, verified by pooch, then moved; what is cut is continued.

pooch verifies and moves, but starts again after every failure; `Resuming` is the downloader for it that does not.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from benchmarks_data import files
from benchmarks_data.catalogue.entries import Download, Entry
from benchmarks_data.files import Progress, on_terminal
from harness.errors import TableError
from harness.files.whole import locked

ATTEMPTS = 4
"""Times that a server may fail before it has sent anything new."""
WAIT_SECONDS = 1.0
"""Before the second attempt; doubled before each further one."""
_TIMEOUT_SECONDS = (10.0, 60.0)
"""For connecting, and for each piece of the answer."""
_CHUNK_BYTES = 2**16
_MOST_BYTES = 2**36
"""Of a file whose size is not known; the largest that is has 5 GB."""
_LATER = {408, 425, 429, 500, 502, 503, 504}
"""Answers of a server that may do better if asked again."""


def fetch_all(entry: Entry, folder: Path, *, progress: Progress = on_terminal) -> list[Path]:
    """Fetch every file that a table is made from; those that are there already, and right, are not fetched again.

    Parameters
    ----------
    entry : Entry
        With downloads.
    folder : Path
        Where they go; of this entry alone.
    progress : callable

    Returns
    -------
    list of Path
        In the order of `Entry.files`.

    Raises
    ------
    TableError
        If one cannot be fetched or is not the official one; says what to do.
    """
    try:
        with locked(folder / ".lock"):
            for left in folder.glob("tmp????????"):  # pooch's name of what it verifies, after a kill
                left.unlink()
            return [fetch(download, folder, progress=progress) for download in entry.downloads]
    except OSError as error:
        raise TableError(f"cannot write to {folder} ({error}): set {files.HOME_VARIABLE}") from error
    except TableError as error:
        page = entry.manual or entry.source.url
        error.add_note(f"where they can be had otherwise ({page}), import them by hand: `{entry.import_command}`")
        raise
    finally:
        progress(entry.name, 1.0)


def fetch(download: Download, folder: Path, *, progress: Progress = on_terminal) -> Path:
    """Fetch one file into a folder; see `fetch_all`.  An interrupted download is continued by the next call."""
    import pooch  # brings requests, which takes longer than all else that the command needs

    pooch.get_logger().setLevel("WARNING")  # the command has said what it fetches
    goal = folder / Path(download.name).name
    part = folder / f".{goal.name}.{hashlib.sha256(download.url.encode()).hexdigest()[:12]}.part"
    if not download.sha256:
        part.unlink(missing_ok=True)  # nothing would tell whether two halves belong together
    _check_room(download, folder, part)
    old = part.exists()
    try:
        _retrieve(pooch, download, goal, Resuming(part, download, progress))
    except _WrongError:
        if not old:
            raise
        # once more from the first byte: the wrong one was put together from an older part
        _retrieve(pooch, download, goal, Resuming(part, download, progress))
    except OSError as error:
        part.unlink(missing_ok=True)
        size = f"; the file has {download.bytes:,} bytes" if download.bytes else ""
        raise TableError(
            f"cannot write {goal} ({error}){size}: nothing was kept, make room or set {files.HOME_VARIABLE}"
        ) from error
    return goal


class _WrongError(TableError):
    """What arrived is not what is pinned."""


def _retrieve(pooch: Any, download: Download, goal: Path, downloader: Resuming) -> None:
    """Let pooch download, verify and move; raises _WrongError if the sha256 is another."""
    try:
        pooch.retrieve(
            download.url,
            known_hash=f"sha256:{download.sha256}" if download.sha256 else None,
            fname=goal.name,
            path=goal.parent,
            downloader=downloader,
        )
    except TableError:
        raise
    except ValueError:  # pooch's word for a wrong hash
        raise _WrongError(
            f"{download.url} must give the file with sha256 {download.sha256}, "
            f"got {downloader.received:,} bytes with sha256 {downloader.sha256}: it was changed there, or something on "
            "the way answers in its place; nothing of it was kept"
        ) from None


def _check_room(download: Download, folder: Path, part: Path) -> None:
    if not download.bytes or (folder / Path(download.name).name).exists():
        return
    needed = download.bytes - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TableError(
            f"{folder} has {free:,} bytes left, {download.name} needs {needed:,}: make room or set "
            f"{files.HOME_VARIABLE}"
        )


class Resuming:
    """Downloader for `pooch.retrieve` that continues with HTTP Range where the server can, across processes too.

    Parameters
    ----------
    part : Path
        Holds what was received so far; renamed to what pooch verifies when it is whole.
    download : Download
        What is fetched.
    progress : callable
    """

    def __init__(self, part: Path, download: Download, progress: Progress) -> None:
        self.part, self.download, self.progress = part, download, progress
        self.received = 0
        self.sha256 = ""

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        """Download `url` to `output_file`; `pooch` is not needed.

        Raises
        ------
        TableError
            If the server refuses, or cannot be reached, or keeps cutting the connection.
        """
        import requests

        failed, furthest = 0, self._length()
        while True:
            try:
                self._receive(url)
                break
            except (requests.RequestException, _CutError) as error:
                reason = error
            failed = 1 if self._length() > furthest else failed + 1
            furthest = max(furthest, self._length())
            if failed >= ATTEMPTS:
                raise TableError(self._gave_up(url, reason)) from None
            time.sleep(WAIT_SECONDS * 2 ** (failed - 1))
        self.received, self.sha256 = self._length(), files.sha256(self.part)
        self.part.replace(output_file)

    def _length(self) -> int:
        with suppress(FileNotFoundError):
            return self.part.stat().st_size
        return 0

    def _receive(self, url: str) -> None:
        """Ask once for what is missing; raises _CutError if the answer ends early."""
        import requests

        have = self._length()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
            content_range = answer.headers.get("Content-Range", "")
            if answer.status_code == 416 and have and content_range == f"bytes */{have}":
                return  # the part was whole already
            if answer.status_code in _LATER:
                raise _CutError(f"it answers {answer.status_code} {answer.reason}")
            if answer.status_code == 206 and content_range.startswith(f"bytes {have}-"):
                self._append(answer, have)
            elif answer.status_code == 200:
                self._append(answer, 0)  # no Range here: all of it, from the first byte
            elif have:
                self.part.unlink()
                raise _CutError(f"it answers {answer.status_code} when asked for the rest")
            else:
                raise TableError(
                    f"{url} answers {answer.status_code} {answer.reason}: the file is not there, or no longer"
                )

    def _append(self, answer: Any, start: int) -> None:
        """Write an answer behind the first `start` bytes of the part."""
        length = answer.headers.get("Content-Length")
        encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
        whole = None if length is None or encoded else start + int(length)
        size = whole or self.download.bytes
        most = self.download.bytes or _MOST_BYTES
        name, of = Path(self.download.name).name, f" of {size / 1e6:,.1f}" if size else ""
        answer.raw.enforce_content_length = False  # it would throw away what came just before a cut; checked below
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            for chunk in answer.iter_content(_CHUNK_BYTES):
                if start + len(chunk) > most:
                    raise self._too_long(file, most)
                start += file.write(chunk)
                fraction = min(0.99, start / size) if size else 0.0
                self.progress(f"fetching {name}: {start / 1e6:,.1f}{of} MB", fraction)
        if whole is not None and start < whole:
            raise _CutError(f"it sent {start:,} of {whole:,} bytes")

    def _too_long(self, file: BinaryIO, most: int) -> TableError:
        """Keep nothing of an answer that does not end where it must: it would fill the disk."""
        file.truncate(0)
        self.part.unlink()
        return TableError(
            f"{self.download.url} must give at most {most:,} bytes, and sends more: something else answers in its "
            "place; nothing of it was kept"
        )

    def _gave_up(self, url: str, reason: Exception) -> str:
        host, have = urlsplit(url).netloc, self._length()
        kept = f"the first {have:,} bytes are kept and the same command continues" if have else "nothing was received"
        return (
            f"cannot fetch {url}: {host} failed {ATTEMPTS} times ({_innermost(reason)}); {kept}. "
            "Is there a network, and does it need a proxy (HTTPS_PROXY)?"
        )


class _CutError(Exception):
    """An answer that may be better if asked again."""


def _innermost(error: BaseException) -> str:
    """Return what a chain of wrapped errors is about."""
    reason: object = error
    while isinstance(reason, BaseException):
        inner = getattr(reason, "reason", None) or next(
            (arg for arg in reason.args if isinstance(arg, Exception)), None
        )
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return str(reason)
