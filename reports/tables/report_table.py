"""Tables as data, and their three faces: CSV with all digits, LaTeX (booktabs) and HTML for reading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pandas as pd

from harness.printable import printable
from reports.tables.numbers import DASH, INFINITY, MINUS
from reports.tables.sheet import write_csv

BEST, TIED, PLAIN = "best", "tied", ""
DAGGER = "\N{DAGGER}"
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}", "<": r"$<$", ">": r"$>$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    DAGGER: r"$^\dagger$", DASH: "--", MINUS: r"$-$", INFINITY: r"$\infty$",
}  # fmt: skip


_LONG = 50
"""Letters from which on a text gets room of its own: an architecture, mostly, and no verdict."""
_SHORT = 18
"""Letters up to which the name of a group stays in one line."""
_PART = 24
"""Letters of a word that stand in one line."""
_BRACKET = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True)
class ReportTable:
    """One table of a report.

    Attributes
    ----------
    name : str
        File stem.
    title, caption : str
    frame : pandas.DataFrame
        Raw numbers, for CSV.
    cells : tuple of tuples of str
        What is shown, row by row.
    headers : tuple of str
    marks : mapping of (row, column) to {"best", "tied"}
        Bold, underlined.
    text_columns : int
        So many columns from the left hold words and are set flush left.
    grouped : bool
        Whether the first column is printed once for each run of equal entries, with a rule between groups.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    headers: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    marks: Mapping[tuple[int, int], str] = field(default_factory=dict)
    text_columns: int = 2
    grouped: bool = True

    def write(self, folder: Path) -> None:
        """Write ``NAME.csv`` and ``NAME.tex``."""
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(self.frame, folder / f"{self.name}.csv")
        (folder / f"{self.name}.tex").write_text(self.to_latex(), encoding="utf-8")

    def to_latex(self) -> str:
        r"""Return a tabular to ``\input``; needs booktabs. The caption stands above it as a comment."""
        columns = "".join("l" if j < self.text_columns else "r" for j in range(len(self.headers)))
        lines = [f"% {printable(line)}" for line in (self.title, self.caption)]
        lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
        lines += [_tex_row(list(map(tex, self.headers))), r"\midrule"]
        for i, row in enumerate(self.cells):
            if i and self._starts(i):
                lines.append(r"\midrule")
            shown = [self._marked_tex(i, j, text) for j, text in enumerate(row)]
            lines.append(_tex_row(shown))
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def to_html(self) -> str:
        """Return a table element with a header for each row and column; the ends of rows and cells are implied."""
        names = [_BRACKET.sub(lambda part: part[0].replace(" ", "&nbsp;"), escape(text)) for text in self.headers]
        sides = ["" if j < self.text_columns else ' class="number"' for j in range(len(names))]
        head = "".join(f'<th scope="col"{side}>{name}</th>' for name, side in zip(names, sides, strict=True))
        body = []
        for i, row in enumerate(self.cells):
            new = ' class="group"' if self._starts(i) else ""
            cells = "".join(self._html_cell(i, j, text) for j, text in enumerate(row))
            body.append(f"<tr{new}>{cells}")
        grouped = ' class="grouped"' if self.grouped else ""
        return f"<table{grouped}><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(body) + "\n</tbody></table>"

    def _starts(self, row: int) -> bool:
        return self.grouped and (row == 0 or self.cells[row][0] != self.cells[row - 1][0])

    def _shown(self, row: int, column: int, text: str) -> str:
        return "" if self.grouped and column == 0 and not self._starts(row) else text

    def _marked_tex(self, row: int, column: int, text: str) -> str:
        text = tex(self._shown(row, column, text))
        command = {BEST: r"\textbf", TIED: r"\underline", PLAIN: ""}[self.marks.get((row, column), PLAIN)]
        return f"{command}{{{text}}}" if command else text

    def _html_cell(self, row: int, column: int, text: str) -> str:
        shown = self._shown(row, column, text)
        shown = breakable(shown) if column < self.text_columns else escape(shown)
        mark = self.marks.get((row, column), PLAIN)
        shown = {BEST: f"<strong>{shown}</strong>", TIED: f"<u>{shown}</u>", PLAIN: shown}[mark]
        if column == (1 if self.grouped else 0):
            # narrow screens show the name of the group above its rows, in place of the first column
            group = f' data-group="{escape(self.cells[row][0])}"' if self._starts(row) else ""
            return f'<th scope="row"{group}>{shown}'
        if column == 0 and not shown:
            return "<td>"
        if column == 0 and len(text) <= _SHORT:
            return f'<td class="short">{shown}'
        if column < self.text_columns and len(text) > _LONG:
            return f'<td class="long">{shown}'
        words = ' class="word"' if column < self.text_columns else ""  # numbers, of which most are, have no class
        return f"<td{words}>{shown}"


def breakable(text: str) -> str:
    """Return a text as HTML that may be broken where its parts meet, and inside of a part only where that is very long.

    >>> breakable("local_search wins"), breakable("|a~0|+|b~0|c~1|"), breakable("a<b")
    ('local_<wbr>search wins', '|a~0|+<wbr>|b~0|c~1|', 'a&lt;b')
    """
    if "|+|" in text:  # a cell, by its nodes
        return escape(text).replace("|+|", "|+<wbr>|")
    words = (re.findall(rf"[^_/]{{1,{_PART}}}[_/]*|[_/]+", word) for word in text.split(" "))
    return " ".join("<wbr>".join(map(escape, parts)) for parts in words)


def _tex_row(cells: Sequence[str]) -> str:
    """Return a row; one that begins with a bracket or a star would be an option of the end of the row above."""
    row = " & ".join(cells)
    return ("{}" if row[:1] in ("[", "*") else "") + rf"{row} \\"


def tex(text: str) -> str:
    r"""Escape a text for LaTeX.

    >>> tex("local_search 95 %")
    'local\\_search 95 \\%'
    >>> tex("a--b")
    'a-{}-b'
    """
    escaped = "".join(_TEX.get(letter, letter) for letter in printable(text).replace("--", "-\0-"))
    return escaped.replace("\0", "{}")
