"""The lines of a text file with separators: CSV in all its dialects."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from benchmarks_data.files import Progress
from benchmarks_data.importers.own.reading.content import Content, unpacking
from benchmarks_data.importers.own.reading.dialect import Dialect, Physical, recognise
from benchmarks_data.importers.own.reading.encoding import encoding_of
from benchmarks_data.importers.own.reading.form import SEPARATORS, Form
from benchmarks_data.importers.own.reading.lines import SHOWN, Lines, by_name, repeated_in, shown
from harness.errors import TableError, reason

_CHUNK = 2**9
"""Lines that are put in columns together: few, or the collector of garbage looks at them again and again."""
_TOLD = 2**15
_HEAD_LINES = 200
_LONGEST_LINE = 2**22
"""Characters: a line of as many columns as are read, with long texts in all."""
_QUOTED = "A text that holds the separator stands in quotes"


def read(content: Content, form: Form, progress: Progress) -> Lines:
    """Read a text file.

    Raises
    ------
    TableError
        If lines have too many or too few fields; counts them and shows the first few.
    """
    path, size = content.path, max(1, content.path.stat().st_size)
    codec, encoding = encoding_of(
        content, form, lambda done: progress(f"looking at {path.name}", 0.1 * _share(done, size))
    )
    with unpacking(path), content.open() as binary, io.TextIOWrapper(binary, codec, newline="") as text:
        head = _head(str(path), text)
    dialect = recognise(str(path), head, form)
    columns: list[list[str]] = []
    numbers: list[int] = []
    with unpacking(path), content.open() as binary, io.TextIOWrapper(binary, codec, newline="") as text:
        physical = Physical(iter(text), dialect)
        table = _Table(str(path), dialect, columns, numbers)
        table.take(
            physical,
            lambda lines: progress(f"reading {path.name}: {lines:,} lines", 0.1 + 0.5 * _share(lines, lines + 2**20)),
        )
    header, remarks = list(dialect.header), list(dialect.remarks)
    if table.extra:
        remarks.append("a separator at the end of each line")
    named, more = by_name(str(path), header, columns or [[] for _ in header])
    skipped = [f"{physical.comments} comment line{'s' * (physical.comments > 1)} skipped"] if physical.comments else []
    empty = [f"{table.empty} empty line{'s' * (table.empty > 1)} skipped"] if table.empty else []
    separator = [f"separator {SEPARATORS[dialect.separator]}"] if dialect.separator != "," else []
    return Lines(
        str(path),
        "line",
        numbers,
        named,
        repeated_in(header),
        tuple(filter(None, [content.packing, encoding, *separator, *skipped, *empty, *remarks, *more])),
        columns,
        dialect.separator,
    )


def _head(source: str, text: io.TextIOBase) -> list[str]:
    """Return the first lines; raises TableError where one has no end."""
    lines: list[str] = []
    while len(lines) < _HEAD_LINES and (line := text.readline(_LONGEST_LINE + 1)):
        if len(line) > _LONGEST_LINE:
            raise TableError(f"{source}: line {len(lines) + 1} has more than {_LONGEST_LINE:,} characters: no table")
        lines.append(line)
    return lines


def _share(done: float, whole: float) -> float:
    return min(1.0, done / whole)


class _Table:
    """Columns that grow by chunks of lines, and what of the lines is not as it must be."""

    def __init__(self, source: str, dialect: Dialect, columns: list[list[str]], numbers: list[int]) -> None:
        self.source, self.dialect, self.columns, self.numbers = source, dialect, columns, numbers
        self.width = len(dialect.header)
        self.empty = 0
        self.extra: bool | None = None
        self._wrong: list[tuple[int, list[str]]] = []
        self._wrong_count = 0
        self._widths: set[int] = set()

    def take(self, physical: Physical, tell: Callable[[int], None]) -> None:
        """Read all lines.

        Raises
        ------
        TableError
            Counts lines with another number of fields than the header, and shows the first few.
        """
        reader = csv.reader(iter(physical), delimiter=self.dialect.separator, quotechar=self.dialect.quote, strict=True)
        rows: list[list[str]] = []
        numbers: list[int] = []
        before = self.dialect.begin
        try:
            for row in reader:
                before = physical.number
                if row:
                    rows.append(row)
                    numbers.append(before)
                    if len(rows) == _CHUNK:
                        self._add(rows, numbers)
                        if not len(self.numbers) % _TOLD:
                            tell(len(self.numbers))
                        rows, numbers = [], []
                else:
                    self.empty += 1
        except csv.Error as error:
            begun = (
                f"{self.source} is no CSV file that can be read: {reason(error)}, in what begins at line {before + 1}"
            )
            raise TableError(f"{begun}. A quote inside a text is written twice") from None
        self._add(rows, numbers)
        if self._wrong_count:
            self._refuse()

    def _add(self, rows: list[list[str]], numbers: list[int]) -> None:
        widths = set(map(len, rows))
        if self.extra is None and rows:
            self.extra = widths == {self.width + 1} and not any(row[-1].strip() for row in rows)
        width = self.width + bool(self.extra)
        if widths == {width}:
            texts = [list(map(str.strip, column)) for column in zip(*rows, strict=True)]
            if "" not in texts[0] and not (self.extra and any(texts[-1])):
                self._extend(texts, numbers)
                return
        filled = [place for place, row in enumerate(rows) if any(map(str.strip, row))]
        self.empty += len(rows) - len(filled)
        rows, numbers = [rows[place] for place in filled], [numbers[place] for place in filled]
        if not rows:
            return
        if {*map(len, rows)} == {width} and not (self.extra and any(row[-1].strip() for row in rows)):
            self._extend([list(map(str.strip, column)) for column in zip(*rows, strict=True)], numbers)
        else:
            self._note(rows, numbers, width)

    def _extend(self, texts: list[list[str]], numbers: list[int]) -> None:
        if self.columns:
            for column, more in zip(self.columns, texts, strict=False):
                column.extend(more)
        else:
            self.columns.extend(texts[: self.width])
        self.numbers.extend(numbers)

    def _note(self, rows: Sequence[list[str]], numbers: Sequence[int], width: int) -> None:
        for row, number in zip(rows, numbers, strict=True):
            if len(row) != width or (self.extra and row[-1].strip()):
                self._wrong_count += 1
                self._widths.add(len(row))
                if len(self._wrong) < SHOWN:
                    self._wrong.append((number, row))

    def _refuse(self) -> None:
        number, row = self._wrong[0]
        mark = self.dialect.separator
        first = "\n".join(f"  line {number}: {shown(mark.join(row))}" for number, row in self._wrong)
        more = "\n  …" if self._wrong_count > len(self._wrong) else ""
        count = f"{self._wrong_count:,} lines have another number:" if self._wrong_count > 1 else "The line:"
        named = f"{self.source}, line {number} must have {self.width} fields, has {len(row)}"
        names = f"The header: {shown(mark.join(self.dialect.header))}"
        remedy = f"{_QUOTED}, and every column has a name in the header."
        if self._widths == {self.width + 1} and not self.columns:
            remedy = "If the first field is the name of a row, as R writes it, give it a name in the header. " + remedy
        raise TableError(f"{named}. {count}\n{first}{more}\n{names}\n{remedy}")
