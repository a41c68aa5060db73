"""A spool: columns that grow piece by piece and wait outside memory until they are written.

What is small stays in memory; beyond `IN_MEMORY` bytes the pieces lie in a temporary file without a name, which the
system removes when the process ends, however it ends.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import PlaceError

IN_MEMORY = 2**23
"""Bytes that a spool holds before it makes a file."""
_ROWS = 2**16


class Spool:
    """Bytes of arrays, appended and read back.

    Raises
    ------
    PlaceError
        From `append`, if the folder of temporary files cannot take more.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # lives as long as this
        self._length = 0
        weakref.finalize(self, self._file.close)

    def append(self, array: npt.NDArray[Any]) -> int:
        """Append the bytes of a contiguous array; return where they begin."""
        start = self._length
        try:
            self._file.seek(start)
            self._file.write(array.data.cast("B") if array.size else b"")
        except OSError as error:
            raise PlaceError(
                f"cannot keep results in '{tempfile.gettempdir()}' until a shard is whole: "
                f"{error.strerror or error}; give a folder with room as TMPDIR, or lower `replicates_per_shard`"
            ) from None
        self._length += array.nbytes
        return start

    def read(self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return an array that was appended, or consecutive rows of it."""
        self._file.seek(start)
        content = self._file.read(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape)


class Pieces:
    """A column that grows by pieces in a spool.

    Attributes
    ----------
    dtype : numpy.dtype
        To which the types of all pieces can be cast without loss.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pieces: list[tuple[int, tuple[int, ...], np.dtype[Any]] | npt.NDArray[Any]] = []
        self._length = 0
        self.dtype: np.dtype[Any] = np.dtype(bool)

    def append(self, array: npt.NDArray[Any]) -> None:
        """Append rows, (n, ...); all pieces agree in the axes after the first."""
        same = array.ndim == 1 and len(array) > 1 and array.dtype.kind in "iub" and bool(np.all(array == array[0]))
        piece = np.ascontiguousarray(array)
        self.dtype = np.result_type(self.dtype, array.dtype) if self._pieces else array.dtype
        self._pieces.append(
            np.broadcast_to(array[:1].copy(), array.shape)  # one number throughout: held as that number
            if same
            else (self._spool.append(piece), piece.shape, piece.dtype)
        )
        self._length += len(array)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole column."""
        if not self._pieces:
            return (0,)
        last = self._pieces[-1]
        return (self._length, *(last[1] if isinstance(last, tuple) else last.shape)[1:])

    def __len__(self) -> int:
        return self._length

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the rows in order, some at a time, contiguous and of the column's type."""
        for piece in self._pieces:
            shape = piece[1] if isinstance(piece, tuple) else piece.shape
            for first in range(0, shape[0], _ROWS):
                rows = min(_ROWS, shape[0] - first)
                if isinstance(piece, tuple):
                    start, _, dtype = piece
                    offset = start + first * int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
                    taken = self._spool.read(offset, (rows, *shape[1:]), dtype)
                else:
                    taken = piece[first : first + rows]
                yield np.ascontiguousarray(taken, dtype=self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the whole column in memory."""
        parts: Sequence[npt.NDArray[Any]] = [*self.chunks()] or [np.empty(self.shape, self.dtype)]
        return np.asarray(np.concatenate(parts), dtype)


Column = npt.NDArray[Any] | Pieces


def chunks_of(column: Column) -> Iterator[npt.NDArray[Any]]:
    """Yield the rows of a column, of whichever sort, some at a time; nothing of one without rows."""
    if isinstance(column, Pieces):
        yield from column.chunks()
    elif np.ndim(column) == 0:
        yield np.asarray(column)
    else:
        for first in range(0, len(column), _ROWS):
            yield np.ascontiguousarray(column[first : first + _ROWS])
