"""The dialect of a text file: separator, quotes, comment lines and header, recognised from its first lines.

A separator is one that the header and the first lines have equally often.  Commas, semicolons and tabs come before
'|', which is a part of the strings of NAS-Bench-201, and this before blanks, which names and values have inside.  Where
two of the same rank fit, the file is refused and asked about.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks_data.importers.own.reading.form import SEPARATORS, Form
from harness.errors import TableError, must

_RANKS = ((",", ";", "\t"), ("|",), (" ",))
_COMMENTS = ("#", "%", "//")
_LINES = 50
_EXCEL = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|\.\d+)([eE][+-]?\d+)?%?")
_BLANKS = re.compile(r"""("[^"]*"|'[^']*')|[ \t]+""")


@dataclass(frozen=True)
class Dialect:
    """How the lines of a text file are written.

    Attributes
    ----------
    separator : str
    quote : str
    comment : str
        What a line begins with that is none; "" where there is no such line.
    header : tuple of str
        Names of the columns.
    begin : int
        Physical lines up to and with the header, as they stand before the data.
    remarks : tuple of str
    """

    separator: str
    quote: str
    comment: str
    header: tuple[str, ...]
    begin: int
    remarks: tuple[str, ...]


def recognise(source: str, lines: Sequence[str], form: Form) -> Dialect:
    """Recognise the dialect of a file from its first lines, the last of which may be cut.

    Raises
    ------
    TableError
        If two separators fit; says what to state.
    """
    remarks = []
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    separator = form.separator
    if numbered and (match := _EXCEL.fullmatch(numbered[0][1])) and match[1] in SEPARATORS:
        separator = separator or match[1]
        numbered = numbered[1:]
        remarks.append("line `sep=` of Excel")
    comment = _comment(numbered, form)
    data = [(number, line) for number, line in numbered if not (comment and line.startswith(comment))]
    if not data:
        raise TableError(f"{source} must begin with a line of column names; it has comments alone")
    sample = [line for _, line in data[:_LINES]]
    quote = "'" if _all_quoted(sample[0], "'") else '"'
    separator = separator or _separator(source, sample, quote)
    begin, header = data[0][0], fields(sample[0], separator, quote)
    if not header:
        raise TableError(f"{source} must begin with a line of column names, it begins with {sample[0][:60]!r}")
    noted = [line for number, line in numbered if comment and number < begin and line.startswith(comment)]
    if noted and any(map(_NUMBER.fullmatch, header)):
        # as numpy.savetxt writes it: the names are the last comment
        above = fields(noted[-1].removeprefix(comment), separator, quote)
        if len(above) == len(header) and not any(map(_NUMBER.fullmatch, above)):
            header, begin = above, begin - 1
            remarks.append(f"names from the comment of line {begin}")
    if quote == "'":
        remarks.append("quotes '")
    return Dialect(separator, quote, comment, tuple(header), begin, tuple(remarks))


def _comment(numbered: Sequence[tuple[int, str]], form: Form) -> str:
    if form.comment is not None:
        return form.comment
    first = numbered[0][1] if numbered else ""
    return next((mark for mark in _COMMENTS if first.startswith(mark)), "#")


def _all_quoted(line: str, quote: str) -> bool:
    parts = re.split(r"[,;\t|]", line.strip())
    return len(parts) > 1 and all(
        len(part.strip()) > 1 and part.strip()[:: len(part.strip()) - 1] == 2 * quote for part in parts
    )


def _separator(source: str, sample: Sequence[str], quote: str) -> str:
    """Return the separator that the header and the lines agree about; a comma where there is none."""
    for rank in _RANKS:
        counts = {mark: [len(fields(line, mark, quote)) for line in sample] for mark in rank}
        several = {mark: count for mark, count in counts.items() if count[0] > 1}
        fitting = [mark for mark, count in several.items() if _agree(count)]
        if len(fitting) > 1:
            listed = " and ".join(SEPARATORS[mark] for mark in fitting)
            rule = f"have one separator, both {listed} fit: say `separator` under [file]"
            raise TableError(f"{source}: " + must("header", rule, sample[0]))
        if fitting or several:
            return fitting[0] if fitting else max(several, key=lambda mark: several[mark][0])
    return ","


def _agree(counts: Sequence[int]) -> bool:
    """Say whether lines have as many fields as their header, all; or all one more, an empty one at the end."""
    body = set(counts[1:-1] or counts[1:])
    return body <= {counts[0]} or body == {counts[0] + 1}


def fields(line: str, separator: str, quote: str) -> list[str]:
    """Return the fields of one line, without blanks around them; of a line that is cut inside quotes, what there is."""
    text = line.rstrip("\r\n")
    try:
        row = next(
            csv.reader([single_blanks(text) if separator == " " else text], delimiter=separator, quotechar=quote), []
        )
    except csv.Error:
        return []
    return [name.strip() for name in row]


def single_blanks(line: str) -> str:
    """Return a line with one blank in place of each run of blanks and tabs outside quotes, and none around it."""
    if '"' not in line and "'" not in line:
        return " ".join(line.split())
    return _BLANKS.sub(lambda match: match[1] or " ", line.strip())


class Physical:
    """The lines of a file that are no comments, and the number of the last one given.

    Attributes
    ----------
    number : int
        Counted from 1, comments included.
    comments : int
        How many lines were left out.
    """

    def __init__(self, file: Iterator[str], dialect: Dialect) -> None:
        self.number, self.comments = 0, 0
        self._file, self._dialect = file, dialect

    def __iter__(self) -> Iterator[str]:
        comment, quote, blanks = self._dialect.comment, self._dialect.quote, self._dialect.separator == " "
        inside = False
        begin = self._dialect.begin
        for line in islice(self._file, begin):
            self.number += 1
            self.comments += bool(comment) and line.startswith(comment)
        for line in self._file:
            self.number += 1
            if comment and not inside and line.startswith(comment):
                self.comments += 1
                continue
            if quote in line and line.count(quote) % 2:
                inside = not inside
            yield single_blanks(line) + "\n" if blanks and not inside else line
