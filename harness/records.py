"""Frozen columns that share axis 0: what is proposed, what is told, what a run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import HarnessError

ColumnsT = TypeVar("ColumnsT", bound="Columns")


def immutable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy of an array that nobody can make writeable again, neither in it nor in a view of it."""
    return np.ndarray(array.shape, array.dtype, buffer=array.tobytes())


def _held_once(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a column, of which a single row is held where all rows are the same, bit by bit."""
    if column.size == 0 or column[0].tobytes() != column[-1].tobytes():
        return column
    rows = np.ascontiguousarray(column).reshape(len(column), -1).view(np.uint8)
    return np.broadcast_to(column[:1].copy(), column.shape) if (rows == rows[0]).all() else column


class Columns:
    """Shared behaviour of frozen dataclasses of arrays: equal lengths, read-only, row selection."""

    _names: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        cls._names = tuple(cls.__annotations__)

    def __post_init__(self) -> None:
        held = self.__dict__  # a frozen class lets nobody in by the front door
        length = -1
        for name in self._names:
            array = np.asarray(held[name]).view()
            array.setflags(write=False)
            held[name] = array
            if len(array) != length:
                if length != -1:
                    lengths = {name: len(held[name]) for name in self._names}
                    raise HarnessError(f"columns of {type(self).__name__} must share axis 0, got lengths {lengths}")
                length = len(array)

    def __len__(self) -> int:
        return len(self.__dict__[self._names[0]])

    def take(self: ColumnsT, rows: Any) -> ColumnsT:
        """Return the rows that an index array, a mask or a slice selects."""
        return type(self)(*[getattr(self, name)[rows] for name in self._names])

    def part(self: ColumnsT, start: int, stop: int) -> ColumnsT:
        """Return rows `start` to `stop` as views, without checks: they were made when the whole was."""
        part = object.__new__(type(self))
        part.__dict__.update({name: array[start:stop] for name, array in self.__dict__.items()})
        return part

    def detached(self: ColumnsT) -> ColumnsT:
        """Return a copy that whoever made the columns cannot reach, without checks."""
        copy = object.__new__(type(self))
        columns = {name: array.copy() for name, array in self.__dict__.items()}
        for array in columns.values():
            array.flags.writeable = False
        copy.__dict__.update(columns)
        return copy

    def lean(self: ColumnsT) -> ColumnsT:
        """Return the same values; a column that is the same in all rows is held once."""
        return type(self)(*[_held_once(getattr(self, name)) for name in self._names])

    @classmethod
    def concatenate(cls: type[ColumnsT], parts: Sequence[ColumnsT]) -> ColumnsT:
        """Return the rows of all parts, in order; at least one part."""
        if not parts:
            raise HarnessError("nothing to concatenate")
        return cls(*[np.concatenate([getattr(part, name) for part in parts]) for name in cls._names])


@dataclass(frozen=True, eq=False)
class Proposals(Columns):
    """What a strategy wants evaluated.

    Attributes
    ----------
    archs : (n, L) unsigned integers
    fidelity : (n,) int64
        Index into `Problem.fidelities`.
    tag : (n,) int64
        Opaque to everyone but the strategy; echoed back by `tell`.
    """

    archs: Archs
    fidelity: IntArray
    tag: IntArray

    @classmethod
    def of(cls, archs: Archs, fidelity: int = 0, tag: npt.ArrayLike = 0) -> Proposals:
        """Return proposals of `archs`, all at one fidelity.

        Parameters
        ----------
        archs : (n, L) integers
        fidelity : int
            Index into `Problem.fidelities`, the same for all rows.
        tag : int or (n,) int64
        """
        archs = np.asarray(archs)
        tags = np.empty(len(archs), dtype=np.int64)
        tags[:] = tag
        return cls(archs, np.full(len(archs), fidelity, dtype=np.int64), tags)


@dataclass(frozen=True, eq=False)
class Evaluations(Columns):
    """Proposals with their validation results.

    Attributes
    ----------
    archs, fidelity, tag
        As proposed; `fidelity` holds indices into `Problem.fidelities`, and `Problem.index_of` gives that of a label.
    objectives : (n, m) float64
        To be minimised; NaN where the training failed.
    constraints : (n, c) float64
        Feasible where all are <= 0.
    seconds : (n,) float64
        Cost from scratch to that fidelity; NaN where the table has no times.
    auxiliary : (n, a) float64
        `Problem.auxiliary` at that fidelity, of the same training; lower is better, NaN where the table has no value or
        the training failed.  The default is (n, 0).
    """

    archs: Archs
    fidelity: IntArray
    tag: IntArray
    objectives: FloatArray
    constraints: FloatArray
    seconds: FloatArray
    auxiliary: FloatArray = None  # type: ignore[assignment]  # never None once it is made

    def __post_init__(self) -> None:
        given: Any = self.auxiliary
        if given is None:
            object.__setattr__(self, "auxiliary", np.empty((len(self.archs), 0)))
        super().__post_init__()


@dataclass(frozen=True, eq=False)
class Trace(Columns):
    """One run: the rows that were told, in the order in which they were told.

    Attributes
    ----------
    archs, fidelity, tag, objectives, constraints
        As in `Evaluations`.
    seconds : (T,) float64
        Simulated seconds charged; NaN where the table has no times.
    started_seconds, finished_seconds : (T,) float64
        On the simulated clock; NaN where the table has no times.
    worker : (T,) int64
        Simulated worker.
    charged : (T,) bool
        Whether the row counts as an evaluation (a free duplicate does not).
    """

    archs: Archs
    fidelity: IntArray
    tag: IntArray
    objectives: FloatArray
    constraints: FloatArray
    seconds: FloatArray
    started_seconds: FloatArray
    finished_seconds: FloatArray
    worker: IntArray
    charged: BoolArray

    @property
    def evaluations(self) -> IntArray:
        """Cumulative charged evaluations, (T,) int64."""
        return np.cumsum(self.charged, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Recommended(Columns):
    """What a strategy would hand over while it ran, for strategies that say so themselves (`Strategy.recommend`).

    Attributes
    ----------
    after : (k,) int64
        Row of the trace after which the architecture is recommended, ascending, until a later one; the members of a
        front share one.
    archs : (k, L) unsigned integers
    """

    after: IntArray
    archs: Archs


@dataclass(frozen=True)
class Run:
    """One search: a strategy on a benchmark with a random stream of its own.

    Attributes
    ----------
    benchmark, label : str
        Names of the benchmark and of the strategy, as those who made the run call them.
    replicate : int
    trace : Trace
    stopped : str
        Why it ended: ``"budget"``; ``"exhausted"``: the strategy had nothing more to propose; ``"stalled"``: it
        proposed nothing but free duplicates.
    overhead_seconds : float
        Real seconds spent by the strategy (proposing, learning); what replicates were served as one batch is shared
        equally.  Not part of any digest.
    beside : mapping of str to array
        Further columns of the trace, of T rows, where something asks for them: ``epochs`` charged, under a budget of
        epochs; ``wasted_seconds`` and ``attempts``, on a simulated cluster that misbehaves; what was spent beside
        trainings, see `COLUMNS` and `LATER` of `harness.search.beside`.
    recommended : Recommended or None
        None where the strategy says nothing of its own.
    """

    benchmark: str
    label: str
    replicate: int
    trace: Trace
    stopped: str
    overhead_seconds: float
    beside: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    recommended: Recommended | None = None

    @property
    def evaluations(self) -> npt.NDArray[np.float64]:
        """Cumulative charged evaluations, with what was spent beside them in units of one full training, (T,)."""
        done = self.trace.evaluations.astype(np.float64)
        other = self.beside.get("other_trainings")
        return done if other is None else done + np.maximum.accumulate(other)


class Log:
    """Columns that grow; rows are numbered in the order in which they were appended."""

    def __init__(self) -> None:
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, columns: dict[str, npt.NDArray[Any]]) -> IntArray:
        """Append n rows and return their numbers, (n,) int64."""
        start = stop = self._length
        for name, values in columns.items():
            stop = start + len(values)
            held = self._columns.get(name)
            if held is None or stop > len(held):
                grown = np.empty((max(256, 2 * stop), *values.shape[1:]), dtype=values.dtype)
                if held is not None:
                    grown[:start] = held[:start]
                self._columns[name] = held = grown
            held[start:stop] = values
        self._length = stop
        return np.arange(start, stop)

    def column(self, name: str, rows: IntArray) -> npt.NDArray[Any]:
        """Return a copy of a column at the rows named."""
        return self._columns[name][rows]
