"""A kind of work: how a spec becomes units of work, and a unit becomes named columns.

Preparation, executor, resume, store, progress and status are the same for all kinds and know none by name: a spec names
its kind (`Spec.kind`), and the registry finds it in the entry-point group ``harness.kinds``.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from harness import registry
from harness.benchmark import Benchmark
from harness.errors import HarnessError, SpecError
from harness.experiments.spec import Spec
from harness.files.spool import Column
from harness.names import read
from harness.problem import Budget, Constraint


class Unit(Protocol):
    """A unit of work, of resume and of result files: something done on a benchmark, for a block of replicates."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, the kind included, hexadecimal."""

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""

    @property
    def first(self) -> int:
        """First replicate of the block."""

    @property
    def stop(self) -> int:
        """The block holds the replicates ``range(first, stop)``."""

    def as_dict(self) -> dict[str, Any]:
        """Return the unit as plain JSON data; `Kind.unit` reads it back."""


UnitT = TypeVar("UnitT", bound=Unit)


@dataclass(frozen=True)
class Output:
    """The result of a unit.

    Attributes
    ----------
    columns : mapping of str to array or Pieces
        By name; a name may hold ``/``, as ``"trace/archs"``.  What is read is arrays; `Pieces` are columns that were
        made piece by piece, and need not fit in memory.
    texts : mapping of str to str
        By name, stored beside the columns.
    """

    columns: Mapping[str, Column]
    texts: Mapping[str, str] = field(default_factory=dict)


class Kind(ABC, Generic[UnitT]):
    """A kind of work; made without arguments, in the parent process and in workers.

    Attributes
    ----------
    columns, texts : tuple of str
        Names of what every result holds, see `Output`.
    optional : tuple of str
        Names of columns that a result may hold.
    listed : str
        The key of a spec under which users list what is compared, for errors.
    """

    columns: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    texts: ClassVar[tuple[str, ...]] = ()
    listed: ClassVar[str] = "strategies"

    @abstractmethod
    def check(self, spec: Spec) -> None:
        """Refuse a spec that names what does not exist; called before any table is opened.

        Raises
        ------
        SpecError
            Names the key, see `at`.
        """

    @abstractmethod
    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterable[tuple[int, UnitT]]:
        """Expand a spec on one of its benchmarks, and check all that can be checked without running.

        Returns
        -------
        iterable of (int, unit)
            Which table ``[[strategies]]`` asks for the unit, counted from 0, and the unit.

        Raises
        ------
        SpecError
            Names the key, see `at`.
        """

    def notices(self, spec: Spec) -> Sequence[str]:
        """Say what can be run and will hardly be what was meant; nothing, the default.  Called after `check`."""
        return ()

    @abstractmethod
    def unit(self, data: Mapping[str, Any]) -> UnitT:
        """Read what `Unit.as_dict` wrote."""

    def check_output(self, unit: UnitT, output: Output) -> None:
        """Refuse a result whose columns and texts do not fit its unit and each other, when it is written and when read.

        The default takes whatever has the names.

        Raises
        ------
        HarnessError
            Names the column, the rule and what it is; see `harness.experiments.columns`.
        """

    def small(self, unit: UnitT) -> UnitT | None:
        """Return a part of a unit that shows how long its replicates take; None, the default, where nothing does."""
        return None

    def steps(self, unit: UnitT) -> int | None:
        """Return what `run` tells `on_step` when a unit is done; None, the default, where nobody knows before."""
        return None

    @abstractmethod
    def run(self, unit: UnitT, on_step: Callable[[int], None] | None = None) -> Output:
        """Compute a unit: a pure function, the same in every process.

        Parameters
        ----------
        unit : unit
        on_step : callable, optional
            Called now and then with how much is done, all replicates together (in evaluations, where there are any).
        """

    def resume(self, unit: UnitT, place: Path, on_step: Callable[[int], None] | None = None) -> Output:
        """Compute a unit as `run` does, and keep how far it is in a file, from which a killed run continues.

        The default keeps nothing: it is for units of minutes.

        Parameters
        ----------
        unit : unit
        place : Path
            Of the file, which belongs to this unit alone; it is removed when the result is stored.
        on_step : callable, optional
            As in `run`.
        """
        return self.run(unit, on_step)


def kind_of(name: str) -> Kind[Any]:
    """Return a kind of work by its registered name."""
    kind = registry.load("kind", name)
    if not (isinstance(kind, type) and issubclass(kind, Kind)) or inspect.isabstract(kind):
        raise HarnessError(
            f"'{name}' must be a subclass of harness.experiments.kind.Kind with all its methods, got {kind!r}"
        )
    return kind()


@contextmanager
def at(key: str) -> Iterator[None]:
    """Say at which key of the spec an error lies."""
    try:
        yield
    except HarnessError as error:
        raise SpecError(f"`{key}`: {error}") from None


def open_benchmark(
    name: str,
    objectives: Sequence[str] | None,
    constraints: Sequence[Constraint],
    budget: Budget,
    *,
    auxiliary: Sequence[str] = (),
    check_content: bool = False,
) -> Benchmark:
    """Open a benchmark as a spec or a unit asks; its budget says which training of the table answers, and its cost."""
    opened: Any = registry.benchmark(
        name,
        objectives=objectives,
        constraints=constraints,
        training=0 if budget.table_seed == "fixed" else None,
        check_content=check_content,
        seed=budget.table_seed if isinstance(budget.table_seed, int) else None,
        auxiliary=auxiliary,
        schedule=budget.schedule,
    )
    if charges_pass(opened) and not budget.validation_pass:
        opened.validation_pass = False
    benchmark: Benchmark = opened
    return benchmark


def table_name(benchmark: Benchmark) -> str:
    """Return a table's own name, wherever its file lies: what random streams are addressed by."""
    return str(getattr(benchmark, "table_name", read(benchmark.name).own))


def charges_pass(benchmark: Benchmark) -> bool:
    """Say whether the seconds of a benchmark have a pass over the validation images in them."""
    return bool(getattr(benchmark, "validation_pass", False))
