"""A file that has its room on the disk before the first byte is written."""

from __future__ import annotations

import os
from pathlib import Path


class Reserved:
    """A file whose bytes are on the disk before it is written: HDF5 does not survive a disk that fills up meanwhile.

    To whoever writes, it is a file that was empty and grows; `close` cuts off what was reserved and not written.

    Parameters
    ----------
    path : Path
        Of a file that exists; what it holds is lost.
    size : int
        Bytes to reserve.

    Raises
    ------
    OSError
        If there is no room for them.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("r+b", buffering=0)
        self._length = self._place = 0
        try:
            self._file.truncate(0)
            os.posix_fallocate(self._file.fileno(), 0, size)
        except BaseException:
            self._file.close()
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte, as files do."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        return self._place

    def tell(self) -> int:
        """Return where the next byte is read or written."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return bytes from here, all that there are if `size` is negative."""
        most = max(self._length - self._place, 0)
        content = os.pread(self._file.fileno(), most if size < 0 else min(size, most), self._place)
        self._place += len(content)
        return content

    def write(self, content: bytes | memoryview) -> int:
        """Write bytes here."""
        view = memoryview(content).cast("B")
        done = 0
        while done < len(view):
            done += os.pwrite(self._file.fileno(), view[done:], self._place + done)
        self._place += done
        self._length = max(self._length, self._place)
        return done

    def truncate(self, size: int | None = None) -> int:
        """Set the length; what is reserved stays."""
        self._length = self._place if size is None else size
        return self._length

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Cut off what was not written, and close."""
        self._file.truncate(self._length)
        self._file.close()
