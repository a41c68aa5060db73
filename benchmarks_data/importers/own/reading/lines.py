"""The lines of a table of one's own, as texts by column, each with the number by which an error names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import TableError, clipped, nearest

SHOWN = 3
"""Lines of a kind that an error shows."""
_WIDTH = 100
MOST_COLUMNS = 2**14
_LOOKED = 20
"""Lines among which names are looked for."""


def shown(text: str, width: int = _WIDTH) -> str:
    """Return a text as it may stand in an error: cut where it is long, control characters as codes.

    >>> shown("red" + chr(27)) == "red" + repr(chr(27))[1:-1]
    True
    """
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)


@dataclass(frozen=True)
class Lines:
    """What the data say, before anything is made of it.

    Attributes
    ----------
    source : str
        File, or "the data frame".
    unit : {"line", "row"}
        What `numbers` count: lines of a file, the first being line 1; or rows of a frame, from 0.
    numbers : sequence of int
        One for each row.
    columns : mapping of str to sequence of str
        Those that have a name, the first of each.  "" where nothing is told, "nan" where something failed; a frame
        cannot tell them apart where it has NaN, and "nan" is meant.
    repeated : frozenset of str
        Names that several columns have.
    remarks : tuple of str
        How it was read, for people.
    cells : sequence of sequence of str
        All columns as they stand in the file, for errors.
    separator : str
        Between the cells of a line, for errors.
    origin : sequence of int or None
        The row of `cells` of each row, where a line has become several.
    spelt : mapping of str to sequence of str
        Of a column that was put together from several, the name of the one that each row is from.
    """

    source: str
    unit: str
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[str]]
    repeated: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()
    cells: Sequence[Sequence[str]] = ()
    separator: str = ","
    origin: Sequence[int] | None = None
    spelt: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, row: int, column: str | None = None) -> str:
        """Say where something stands, for an error."""
        where = f"{self.source}, {self.unit} {self.numbers[row]}"
        if column is None:
            return where
        return f"{where}, column '{clipped(self.spelt[column][row] if column in self.spelt else column)}'"

    def text(self, row: int) -> str:
        """Return a line as it stands in the data, cut where it is long."""
        cell = row if self.origin is None else self.origin[row]
        return shown(self.separator.join(column[cell][: 2 * _WIDTH] for column in self.cells[:_WIDTH]))

    def several(self, rows: Sequence[int], remedy: str = "") -> str:
        """Return the end of an error about `rows`, the first of which it names: how many, the first few, the remedy."""
        shown = [f"  {self.unit} {self.numbers[row]}: {self.text(row)}" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            shown.append("  …")
        count = f"{len(rows):,} {self.unit}s are so:" if len(rows) > 1 else f"The {self.unit}:"
        return "\n".join(["", count, *shown, *([remedy] if remedy else [])])

    def matched(self, needed: Sequence[str]) -> Lines:
        """Return lines that have every column that is needed, under a name in another case too.

        Raises
        ------
        TableError
            If a column is not there, or there twice, or there is no row.
        """
        columns, renamed = dict(self.columns), list[str]()
        if twice := sorted(self.repeated & {*needed}):
            raise TableError(
                f"{self.source} must begin with a line of column names, all different; it has "
                f"{', '.join(map(clipped, twice[:40]))} twice"
            )
        for column in dict.fromkeys(needed):
            if column in columns:
                continue
            alike = [name for name in self.columns if name.casefold().strip() == column.casefold().strip()]
            if len(alike) != 1 or alike[0] in needed:
                known = ", ".join(shown(name, 60) for name in list(self.columns)[:40])
                raise TableError(
                    f"{self.source} has no column '{clipped(column)}'.{nearest(column, self.columns)} It has {known}."
                    + self._below(needed)
                )
            columns[column] = columns[alike[0]]
            renamed.append(f"{alike[0]} for {column}")
        if not len(self):
            raise TableError(f"{self.source} must have at least one row below its header")
        remarks = [*self.remarks, *([f"columns by another case, {', '.join(renamed)}"] if renamed else [])]
        return replace(self, columns=columns, remarks=tuple(remarks))

    def _below(self, needed: Sequence[str]) -> str:
        """Say which line seems to hold the names, where one below the first does."""
        for row in range(min(len(self), _LOOKED)):
            if {*needed} <= {column[row] for column in self.cells}:
                return (
                    f" {self.unit.capitalize()} {self.numbers[row]} seems to hold the names: delete the lines before "
                    "it, or begin them with '#'."
                )
        return ""


def repeated_in(header: Sequence[str]) -> frozenset[str]:
    """Return the names that several columns have."""
    return frozenset(name for name, count in Counter(header).items() if name and count > 1)


def by_name(
    source: str, header: Sequence[str], cells: Sequence[Sequence[str]]
) -> tuple[dict[str, Sequence[str]], list[str]]:
    """Return the columns that have a name, and what is to be said of the others.

    Raises
    ------
    TableError
        If no column has a name.
    """
    if len(header) > MOST_COLUMNS:
        raise TableError(f"{source} must have at most {MOST_COLUMNS:,} columns, it has {len(header):,}")
    columns: dict[str, Sequence[str]] = {}
    remarks = []
    for place, name in enumerate(header):
        if name:
            columns.setdefault(name, cells[place])
        elif any(cells[place]):
            index = place == 0 and list(cells[0]) == [str(row) for row in range(len(cells[0]))]
            remarks.append("index column left out" if index else f"column {place + 1} has no name: left out")
    if not columns:
        raise TableError(f"{source} must begin with a line of column names; it has a column without a name")
    return columns, remarks
