"""Third-party pickles, read without executing what they name."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks_data.importers.safe.confined import decoding
from benchmarks_data.importers.safe.unfolded import check_unfolded
from harness.errors import TableError, must, reason, shown

NO_GLOBALS: frozenset[str] = frozenset()
NUMPY_SCALARS = frozenset({"numpy._core.multiarray.scalar", "numpy.dtype"})
"""What a pickle of plain containers and numpy scalars needs."""
NUMPY_ARRAYS = NUMPY_SCALARS | {
    "numpy._core.multiarray._reconstruct",
    "numpy._core.numeric._frombuffer",
    "numpy.ndarray",
}
"""The same for arrays, which are then of the class `Array`."""
_CODE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,3}|O8")
"""Types of numbers, flags, short texts and, in arrays alone, objects that the pickle itself holds."""


class Type:
    """Stands for ``numpy.dtype``: a pickle may choose one of few types and its byte order, and nothing else of it."""

    __slots__ = ("numpy",)

    def __init__(self, code: Any, *_: object) -> None:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise TableError(must("type", "be that of a number, a flag or a short text", code))
        self.numpy = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise TableError(must("type", "have a byte order and no fields", state))
        self.numpy = self.numpy.newbyteorder(state[1])


def _values(kind: Any, data: Any, count: int) -> npt.NDArray[Any]:
    """Return bytes as that many values, (count,); nothing is read as an address."""
    if not isinstance(kind, Type) or kind.numpy.hasobject or not isinstance(data, bytes | bytearray):
        raise TableError(must("values", "be bytes of a type of numbers, flags or texts", kind))
    if len(data) != count * kind.numpy.itemsize:
        raise TableError(f"{shown(count)} values of type {kind.numpy} must be that many bytes, got {len(data)}")
    return np.frombuffer(data, dtype=kind.numpy)


def _scalar(kind: Any, data: Any) -> Any:
    """Stand for numpy's ``scalar``."""
    return _values(kind, data, 1)[0]


class Array:
    """Stands for ``numpy.ndarray``: what a pickle says of an array.

    Attributes
    ----------
    values : numpy.ndarray
    """

    values: npt.NDArray[Any]

    def __init__(self, *_: object) -> None:
        """Begin empty, whatever the pickle says of the beginning."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self._fill(kind, data, shape, "F" if fortran else "C")

    def _fill(self, kind: Any, data: Any, shape: Any, order: Any) -> None:
        if not isinstance(shape, tuple) or not all(type(extent) is int and extent >= 0 for extent in shape):
            raise TableError(must("shape", "be integers", shape))
        if isinstance(kind, Type) and kind.numpy.hasobject and isinstance(data, list):
            flat = np.fromiter(data, dtype=object, count=len(data))
        else:
            flat = _values(kind, data, math.prod(shape))
        self.values = flat.reshape(shape, order="F" if order == "F" else "C")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    @property
    def unfolded(self) -> list[Any] | None:
        """What an array of objects holds; None of numbers."""
        held: list[Any] | None = self.values.ravel().tolist() if self.values.dtype.hasobject else None
        return held


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Stand for numpy's ``_frombuffer``."""
    array = Array()
    array._fill(kind, data, shape, order)
    return array


def _encode(text: Any, encoding: Any) -> bytes:
    """Stand for ``_codecs.encode``, by which protocol 2 writes bytes."""
    if encoding != "latin1":
        raise TableError(must("encoding of bytes", "be latin1", encoding))
    return bytes(text, encoding)


_STAND_INS: Mapping[str, Any] = {
    "numpy.dtype": Type,
    "numpy.ndarray": Array,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.multiarray._reconstruct": Array,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "_codecs.encode": _encode,
}
"""What a listed global means.  Numpy's own take flags and bytes on trust: a pickle could have them read any address."""


class Restricted(pickle.Unpickler):
    """An unpickler that knows nothing but an explicit list of globals, and stand-ins for those of numpy.

    Parameters
    ----------
    file : binary file
    allowed : frozenset of str
        Globals that the format uses, as ``module.name``.

    Attributes
    ----------
    stand_ins : mapping of str to Any
        What stands for further globals, listed or not.
    """

    stand_ins: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, file: IO[bytes], allowed: frozenset[str] = NO_GLOBALS) -> None:
        super().__init__(file)
        self.allowed = allowed
        self._file = file

    def load(self) -> Any:
        """Return the object of one pickle, no part of which holds itself, or others more often than can be walked.

        Raises
        ------
        TableError
            If it does, or names another global.
        """
        begins = self._file.tell()
        with decoding():
            loaded = super().load()
        check_unfolded(loaded, self._file.tell() - begins)
        return loaded

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a listed global, or what stands for it; numpy 1 wrote `numpy.core` for `numpy._core`."""
        if (own := self.stand_ins.get(f"{module}.{name}")) is not None:
            return own
        if module == "numpy.core" or module.startswith("numpy.core."):
            module = "numpy._core" + module.removeprefix("numpy.core")
        if f"{module}.{name}" not in self.allowed:
            raise TableError(f"the pickle names the global '{module}.{name}', which this format does not use")
        stand_in = _STAND_INS.get(f"{module}.{name}")
        return super().find_class(module, name) if stand_in is None else stand_in


@contextmanager
def explained(name: str, fault: str = "is not a whole pickle") -> Iterator[None]:
    """Let whatever damaged bytes raise become a TableError that begins with the name of the file."""
    try:
        yield
    except TableError as error:
        raise TableError(f"{name} was not read: {reason(error)}") from None
    except MemoryError:
        raise TableError(f"{name} was not read: it claims to be larger than the memory that there is for it") from None
    except Exception as error:  # damaged bytes can raise nearly anything from the unpickler
        raise TableError(f"{name} {fault}: {type(error).__name__}: {reason(error)}") from error


def load(path: Path, allowed: frozenset[str]) -> Any:
    """Return the object in a pickle file.

    Parameters
    ----------
    path : pathlib.Path
    allowed : frozenset of str
        Globals that the format uses, as ``module.name``.

    Raises
    ------
    TableError
        If the file is no whole pickle or names another global; nothing that it names is imported or called then.
    """
    with explained(str(path)), path.open("rb") as file:
        return Restricted(file, allowed).load()
