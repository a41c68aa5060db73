"""Data frames that pandas pickled, read without pandas: only the arrays of their blocks are taken."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.importers.safe import unpickle
from harness.errors import TableError, must, reason

ARRAYS = unpickle.NUMPY_ARRAYS | {"builtins.slice"}


class _Kept:
    """Stands for a class of pandas: keeps what the pickle says of the object."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    @property
    def unfolded(self) -> tuple[Any]:
        """What is kept, as a container."""
        return (self.state,)


def _index(kind: type, state: Mapping[str, Any]) -> Mapping[str, Any]:  # all kinds keep their data alike
    return state


_STAND_INS: Mapping[str, Any] = {
    "pandas.core.frame.DataFrame": _Kept,
    "pandas.core.internals.managers.BlockManager": _Kept,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.base.Index": _Kept,
    "pandas.core.indexes.range.RangeIndex": _Kept,
}


class _Unpickler(unpickle.Restricted):
    """Resolves the globals of pandas to what keeps their state, those of arrays to themselves."""

    stand_ins = _STAND_INS


def read(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    """Return the columns of a pickled data frame by name, (N,) each.

    Raises
    ------
    TableError
        If the file is cut, names another global, or is no data frame.
    """
    try:
        with path.open("rb") as file:
            frame = _Unpickler(file, ARRAYS).load()
        axes, _, _, more = frame.state["_data"].state
        names = [str(name) for name in axes[0]["data"]]
        columns: dict[str, npt.NDArray[Any]] = {}
        for block in more["0.14.1"]["blocks"]:
            places = block["mgr_locs"]
            numbers = range(*places.indices(len(names))) if isinstance(places, slice) else places
            if not isinstance(block["values"], unpickle.Array):
                raise TableError(must("values of a block", "be an array", block["values"]))
            for number, values in zip(numbers, block["values"], strict=True):
                columns[names[number]] = np.asarray(values)
    except TableError as error:
        raise TableError(f"{path} was not read: {reason(error)}") from None
    except FileNotFoundError:
        raise TableError(f"{path} is missing") from None
    except (EOFError, pickle.UnpicklingError) as error:
        raise TableError(f"{path} is not a whole pickle: {reason(error)}") from None
    except MemoryError:
        raise TableError(f"{path} was not read: it claims to be larger than the memory that there is for it") from None
    except Exception as error:  # damaged bytes can raise nearly anything from the unpickler
        raise TableError(f"{path} is no data frame of pandas 1: {type(error).__name__}: {reason(error)}") from error
    return columns
