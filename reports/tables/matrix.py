"""The matrix of a first screen as data: a row for each strategy or learner, a column for each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One result.

    Attributes
    ----------
    value, interval : str
        As shown; "" where there is none.
    number : float
        What columns are sorted by.
    place : str
        Rank in its column, 1 for the best.
    first : bool
        Whether it is the best of its column, or not shown to differ from it.
    share : tuple of float, optional
        Where its bar begins and ends, in [0, 1].
    about : str
        What else is known, for those who point at it.
    """

    value: str
    number: float
    interval: str = ""
    place: str = ""
    first: bool = False
    share: tuple[float, float] | None = None
    about: str = ""


@dataclass(frozen=True)
class Column:
    """What one column shows: the heading above it and its neighbours, its own, and what else is to be said of it."""

    group: str
    head: str
    about: str = ""


@dataclass(frozen=True)
class Row:
    """One strategy: its name, its place in the page's list of colours, its cells, and whether it is folded away."""

    label: str
    style: int
    cells: tuple[Cell, ...]
    folded: bool = False


@dataclass(frozen=True)
class Matrix:
    """Rows by columns, and below them references that compete with none.

    Attributes
    ----------
    what : str
        Heading of the first column: "Strategy".
    columns : tuple of Column
    rows : tuple of Row
        The best first.
    references : mapping of str to tuple of str
        Values by the name of the reference, one for each column.
    caption : str
    colors : tuple of str
        ``#rrggbb``, what `Row.style` counts in.
    """

    what: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str
    colors: tuple[str, ...]
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings that stand above several columns, each with how many."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found

    @property
    def folded(self) -> int:
        """Rows that are folded away."""
        return sum(row.folded for row in self.rows)


@dataclass(frozen=True)
class FirstScreen:
    """What a reader sees first: the verdict, what it rests on, and the matrix.

    Attributes
    ----------
    verdict : str
        What to do, in one clause.
    sentences : tuple of str
        How sure that is, and at what cost.
    matrix : Matrix or None
        None where there is nothing to show.
    further : Matrix or None
        More columns of the same rows, where they are too many for one matrix.
    """

    verdict: str
    sentences: tuple[str, ...]
    matrix: Matrix | None = None
    further: Matrix | None = None
