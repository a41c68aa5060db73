"""The recipe of a published table: its protocol, its source, its values, and why some of them cannot be reached.

A recipe is a TOML file of the folder ``catalogue``.  ``[tables]`` gives short names to benchmarks, each a list of which
the first that is here is used.  The values stand in ``expected``, by row and by quantity: a number, or ``[mean, sd]``.
A quantity is a column of a table, ``"cifar10 validation"``, or one that the kind of part knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

from harness.checks import choice
from harness.errors import HarnessError, must, unknown
from harness.files.reading import read_toml, record_of
from harness.printable import printable

SPLITS = ("validation", "test")
STANDING: Mapping[str, str] = {
    "read": "as published, read in the paper or the authors' code",
    "recalled": "as published, by memory, not re-read",
    "computed": "computed on such a table before, so that a change is seen; not published",
}
"""How expected values are known, and what that means."""
_STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Cell:
    """One published value.

    Attributes
    ----------
    row, quantity : str
    value : float
    sd : float or None
        Standard deviation over runs, as published (of the population).
    """

    row: str
    quantity: str
    value: float
    sd: float | None = None


@dataclass(frozen=True)
class Part:
    """What parts of a recipe share.

    Attributes
    ----------
    name : str
    expected : mapping
        ``{row: {quantity: value or [mean, sd]}}``.
    tolerance : float
        By how much a value may differ, in its own unit, beyond three standard errors of a mean; see `allowed`.
    runs : int
        Behind each published mean; 0 where values are no means over runs.
    reasons : mapping of str to str
        Why values cannot be reached, by ``"row quantity"``, by row, by quantity, or "" for all.
    values : {"", "read", "recalled", "computed"}
        How the expected values are known, where it is not as the recipe says; see `STANDING`.
    """

    name: str
    expected: Mapping[str, Any]
    tolerance: float = 0.05
    runs: int = 0
    reasons: Mapping[str, Any] = field(default_factory=dict)
    values: str = ""

    def __post_init__(self) -> None:
        list(self.cells)
        choice("values", self.values, ("", *STANDING))
        for key, text in self.reasons.items():
            if not isinstance(text, str):
                raise HarnessError(must(f"reason of '{key}'", "be text", text))

    @property
    def cells(self) -> Iterator[Cell]:
        """The published values, row by row."""
        for row, quantities in self.expected.items():
            if not isinstance(quantities, Mapping):
                raise HarnessError(must(f"expected of '{row}'", "be a table of quantities", quantities))
            for quantity, value in quantities.items():
                listed = value if isinstance(value, list) else [value]
                numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in listed)
                if not numbers or len(listed) not in (1, 2):
                    raise HarnessError(must(f"expected of '{row}', {quantity}", "be a number or [mean, sd]", value))
                yield Cell(row, quantity, *map(float, listed))

    def reason(self, cell: Cell) -> str:
        """Return why a value cannot be reached, "" where nothing is known."""
        keys = (f"{cell.row} {cell.quantity}", cell.row, cell.quantity, "")
        return next((str(self.reasons[key]) for key in keys if key in self.reasons), "")

    def allowed(self, cell: Cell, sd: float = 0.0, runs: int = 1) -> float:
        """Return by how much a value may differ from a published one.

        Of means over runs, three standard errors beyond the tolerance: of the larger standard deviation, over the fewer
        runs, of those published and those here.
        """
        if not self.runs:
            return self.tolerance
        return self.tolerance + _STANDARD_ERRORS * max(cell.sd or 0.0, sd) / sqrt(min(self.runs, max(runs, 1)))


@dataclass(frozen=True)
class Order:
    """A published order of strategies.

    Attributes
    ----------
    quantity : str
        ``"mean rank"`` over the searched tables, or a column such as ``"cifar10 test"``.
    labels : tuple of str
        From the best to the worst.
    """

    quantity: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Search(Part):
    """Searches, by a spec.

    Attributes
    ----------
    searched : tuple of str
        Short names of the tables that are searched.
    spec : mapping
        Keys of a spec but for ``name`` and ``benchmarks``.
    read_out : {"step", "nats"}
        How the value at a budget is read; see `reports.reproductions.read_out`.
    at : float
        That budget, in seconds; 0 for the end of the run.
    judged : tuple of str
        Short names of further tables by which the architectures found are judged.
    orders : tuple of Order
    """

    searched: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    read_out: str = "step"
    at: float = 0.0
    judged: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("read_out", self.read_out, ("step", "nats"))
        if not self.searched:
            raise HarnessError(must("searched", "name a table", list(self.searched)))
        if (self.read_out == "nats") != (self.at > 0):
            raise HarnessError(must("at", 'be given with `read_out = "nats"`, and with it alone', self.at))


@dataclass(frozen=True)
class LookUp(Part):
    """Architectures that papers derived, looked up; several of one row are the runs of a method.

    Attributes
    ----------
    archs : mapping of str to list of str
        The architectures of each row.
    training : mapping of str to int
        Rows of which one training of the test column counts, by its position, in place of the mean.
    """

    archs: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Optimum(Part):
    """The best architecture by validation under constraints, and claims that must not lie above the best test value.

    Attributes
    ----------
    table : str
        Short name.
    constraints : mapping of str to str
        Of each row, ``"column <= number"``; "" for none.
    claims : mapping
        ``{row: {who: value}}``, test values that papers report; see `reports.reproductions.exact.optimum`.
    """

    table: str = ""
    constraints: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection(Part):
    """The architecture with the best score among so many random ones; rows are how many.

    Attributes
    ----------
    table, signal : str
    repeats : int
        Selections that are made.
    """

    table: str = ""
    signal: str = ""
    repeats: int = 500


@dataclass(frozen=True)
class Correlation(Part):
    """Rank correlations of scores with a column; rows are scores, quantities ``"cifar10 spearman"`` and ``kendall``.

    Attributes
    ----------
    split : {"validation", "test"}
        Of the column.
    absolute : bool
        Whether signs are left out, as published tables do.
    """

    split: str = "validation"
    absolute: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("split", self.split, SPLITS)


@dataclass(frozen=True)
class Recipe:
    """A published table.

    Attributes
    ----------
    name : str
        Of the file.
    title, paper, source : str
        What it is; whose it is; where protocol and values were taken from.
    values : {"read", "recalled", "computed"}
        See `STANDING`; parts may say otherwise of theirs.
    tables : mapping of str to list of str
        Benchmarks by their short name, the first that is here is used.
    notes : tuple of str
        What differs from the authors' protocol.
    searches, look_ups, optima, selections, correlations : tuple
    """

    name: str
    title: str
    paper: str
    source: str
    values: str
    tables: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    searches: tuple[Search, ...] = ()
    look_ups: tuple[LookUp, ...] = ()
    optima: tuple[Optimum, ...] = ()
    selections: tuple[Selection, ...] = ()
    correlations: tuple[Correlation, ...] = ()

    def __post_init__(self) -> None:
        choice("values", self.values, tuple(STANDING))
        for part in self.parts:
            for name in _tables_of(part):
                if name not in self.tables:
                    raise HarnessError(unknown(f"table of '{part.name}'", name, self.tables))

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of them, those that take no time first."""
        return (*self.look_ups, *self.optima, *self.correlations, *self.selections, *self.searches)

    def values_of(self, part: Part) -> str:
        """Return how the expected values of a part are known: a key of `STANDING`."""
        return part.values or self.values

    def tables_of(self, part: Part) -> tuple[str, ...]:
        """Return the short names of the tables that a part needs."""
        return tuple(dict.fromkeys(_tables_of(part)))


def _tables_of(part: Part) -> Iterator[str]:
    if isinstance(part, Search):
        yield from (*part.searched, *part.judged)
    elif isinstance(part, Optimum | Selection):
        yield part.table
    else:
        yield from (cell.quantity.rpartition(" ")[0] for cell in part.cells)


_FOLDER = Path(__file__).parent / "catalogue"


@cache
def names() -> tuple[str, ...]:
    """Return the names of the recipes that ship, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load(name: str) -> Recipe:
    """Read a recipe by its name, or by the path of a TOML file.

    Raises
    ------
    HarnessError
        If there is none of that name (names the nearest), or it breaks a rule; names the file and the key.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise HarnessError(unknown("published table", name, names()))
    try:
        data = read_toml(path)
    except FileNotFoundError:
        raise HarnessError(f"no such recipe: '{path}'") from None
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", printable(path.stem)).strip("-._") or "recipe"
    try:
        return record_of(Recipe, {"name": stem, **data}, path.name)
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from None
