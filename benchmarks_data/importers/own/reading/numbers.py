"""The numbers that texts say: decimal commas, groups of thousands, percent signs, and words for what is missing.

How marks are meant is decided once for all columns of a file, from those of its numbers that can be read in one way
only.  Where none says it, the file is refused and asked about: 1,234 is one number or another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks_data.file.index import first_row
from benchmarks_data.importers.own.reading.form import Form
from benchmarks_data.importers.own.reading.lines import Lines, shown
from harness.checks import FloatArray, IntArray
from harness.errors import TableError, clipped, must

MISSING = frozenset({"", "n/a", "na", "#n/a", "null", "none", "-", "--", "\N{EN DASH}", "\N{EM DASH}"})
"""Texts, in small letters, that tell nothing: as if the cell were empty."""
FAILED = frozenset({"nan", "-nan", "+nan"})
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARKED = re.compile(r"[+-]?[\d.][\d.,' \u00a0\u202f]*([eE][+-]?\d+)?%?")
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'", "\N{MINUS SIGN}": "-"})
_SPREAD = re.compile(r"\s*(±|\+/-|\+-|\(\s*±?)\s*[\d.,]+%?\s*\)?$")
_MIXED = "be all with % or all without: 57.3% beside 0.573 can be meant in two ways"


@dataclass(frozen=True)
class Style:
    """What a column may have besides numbers.

    Attributes
    ----------
    percent : bool
        Its unit is percent, so that a percent sign says nothing new.
    spread : bool
        What follows ± is left out.
    """

    percent: bool = False
    spread: bool = False


@dataclass(frozen=True)
class Words:
    """Words of the data for what is no number: nothing told, and a training that failed; in small letters."""

    missing: frozenset[str] = MISSING
    failed: frozenset[str] = FAILED


@dataclass
class Numbers:
    """The columns of numbers of a file, read by the same marks.

    Parameters
    ----------
    lines : Lines
    styles : mapping of str to Style
        Every column that is numbers.
    form : Form
    words : Words

    Attributes
    ----------
    remarks : list of str
        What was read in another way than as a plain number, for people.

    Raises
    ------
    TableError
        If marks can be meant in two ways; shows a number of each kind.
    """

    lines: Lines
    styles: Mapping[str, Style]
    form: Form = field(default_factory=Form)
    words: Words = field(default_factory=Words)
    remarks: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._read: dict[str, FloatArray] = {}
        fast = {column: self._plain(column) for column in self.styles}
        stated = self.form.decimal is not None or self.form.thousands is not None
        slow = [column for column, values in fast.items() if values is None]
        self._decimal, self._thousands = self.form.decimal or ".", self.form.thousands or ""
        if slow and not stated:
            texts = {text.translate(_BLANKS) for column in fast for text in set(self.lines.columns[column])}
            self._decimal, self._thousands = _marks(self.lines.source, texts)
        if self._decimal == ",":
            self.remarks.append("decimal comma")
        if self._thousands:
            name = {" ": "blanks", "'": "apostrophes", ",": "commas", ".": "points"}[self._thousands]
            self.remarks.append(f"{name} between thousands")
        plain = self._decimal == "." and self._thousands != "."
        self._read = {column: values for column, values in fast.items() if values is not None and plain}

    def _plain(self, column: str) -> FloatArray | None:
        """Return a column of which every text is a number or "nan", None for any other: (n,)."""
        texts = self.lines.columns[column]
        try:
            values = np.array(list(map(float, texts)), dtype=np.float64)
        except ValueError:
            return None
        odd = bool(np.isinf(values).any()) or any("_" in text for text in texts)
        return None if odd else values

    def floats(self, column: str) -> FloatArray:
        """Return a column as numbers, NaN where nothing is told or something failed: (n,).

        Raises
        ------
        TableError
            If a value is no finite number; names the first place, counts all, and shows the first few.
        """
        if column not in self._read:
            self._read[column] = self._parsed(column, self.styles[column])
        return self._read[column]

    def blank(self, column: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Say where nothing is told: (n,) bool."""
        missing = self.words.missing
        return np.array([text.lower() in missing for text in self.lines.columns[column]], dtype=np.bool_)

    def integers(self, column: str, low: int, high: int) -> IntArray:
        """Return a column of integers from `low` to `high`, none missing: (n,).

        Raises
        ------
        TableError
            If a value is anything else; names its place.
        """
        values = self.floats(column)
        wrong = ~((values >= low) & (values <= high) & (values == np.floor(values)))
        if (row := first_row(wrong)) is not None:
            rule = must(column, f"be an integer from {low} to {high}", self.lines.columns[column][row])
            rows = np.flatnonzero(wrong).tolist()
            raise TableError(f"{self.lines.place(row, column)}: {rule}{self.lines.several(rows)}")
        return values.astype(np.int64)

    def _parsed(self, column: str, style: Style) -> FloatArray:
        """Read texts one by one, each distinct one once."""
        texts = self.lines.columns[column]
        known: dict[str, float | None] = {}
        for text in texts:
            if text not in known:
                known[text] = self._number(text, style)
        wrong = [row for row, text in enumerate(texts) if known[text] is None]
        if wrong:
            raise TableError(self._fault(column, wrong))
        self._check_percent(column, style, known)
        counts = Counter(text for text in texts if text and text.lower() in self.words.missing)
        for text, count in counts.items():
            self.remarks.append(f"'{shown(text, 20)}' of {column} read as nothing told ({count:,})")
        if any(_SPREAD.search(text) for text in known):
            self.remarks.append(f"what follows ± in {column} left out")
        return np.array([known[text] for text in texts], dtype=np.float64)

    def _number(self, text: str, style: Style) -> float | None:
        """Return what a text says; NaN where it is nothing, or failed; None where it is no number."""
        if text.lower() in self.words.missing or text.lower() in self.words.failed:
            return math.nan
        told = text.translate(_BLANKS)
        if style.spread:
            told = _SPREAD.sub("", told)
        if style.percent:
            told = told.removesuffix("%").strip()
        if self._thousands and self._thousands in told:
            whole, mark, rest = told.partition(self._decimal)
            if not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(self._thousands)}\d{{3}})+", whole):
                return None
            told = whole.replace(self._thousands, "") + mark + rest
        if self._decimal == ",":
            if "." in told:
                return None
            told = told.replace(",", ".")
        if not _PLAIN.fullmatch(told):
            return None
        value = float(told)
        return value if math.isfinite(value) else None

    def _check_percent(self, column: str, style: Style, known: Mapping[str, float | None]) -> None:
        signed = [text for text, value in known.items() if text.endswith("%")]
        plain = [
            text for text, value in known.items() if not text.endswith("%") and value is not None and value == value
        ]
        if signed and plain and style.percent:
            row = list(self.lines.columns[column]).index(plain[0])
            raise TableError(f"{self.lines.place(row, column)}: {must(column, _MIXED, plain[0])}")

    def _fault(self, column: str, wrong: Sequence[int]) -> str:
        row = wrong[0]
        text = self.lines.columns[column][row]
        rule = must("value", "be a finite number, or empty, or `nan`", text)
        return f"{self.lines.place(row, column)}: {rule}{self.lines.several(wrong, _remedy(column, text))}"


def _remedy(column: str, text: str) -> str:
    """Return what to do about a text that is no number."""
    if _SPREAD.search(text):
        return f'Write the spread into a column of its own, or say `spread = "left out"` for the column {column}'
    if text.endswith("%"):
        return 'A percent sign belongs to the unit "percent": say `unit = "percent"`, or write fractions without %'
    if _PLAIN.fullmatch(text):
        return ""
    if _MARKED.fullmatch(text.translate(_BLANKS)):
        return "Say `decimal` and `thousands` under [file], or write it as 1234.5"
    if re.match(r"[+-]?\d[\d.]*\s*[A-Za-zµ]+$", text):
        return "A unit belongs into the description, `unit`: write the number alone"
    if text.lower() in ("inf", "-inf", "+inf", "infinity"):
        return "Write `nan` where a training failed"
    if any(letter.isalpha() for letter in text):
        word = text if len(text) < 30 and text.isprintable() else "WORD"
        return (
            f'If it says that a training failed: failed = ["{word}"]; that nothing was measured: missing = ["{word}"]'
        )
    return ""


def _marks(source: str, texts: Iterable[str]) -> tuple[str, str]:
    """Return the decimal mark and that between thousands, "" for none, which all numbers agree about.

    Raises
    ------
    TableError
        If they do not, or if none says it.
    """
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unsure: dict[str, str] = {}
    for text in texts:
        if not _MARKED.fullmatch(text):
            continue
        told = re.split("[eE]", text.strip("+-").rstrip("%"))[0].strip()
        for mark in (" ", "'"):
            if re.match(rf"\d{{1,3}}({mark}\d{{3}})+(\D|$)", told):
                groups.setdefault(mark, text)
        point, comma = told.count("."), told.count(",")
        if point and comma:
            last, first = (".", ",") if told.rfind(".") > told.rfind(",") else (",", ".")
            if re.fullmatch(rf"\d{{1,3}}({re.escape(first)}\d{{3}})+{re.escape(last)}\d*", told):
                decimals.setdefault(last, text)
                groups.setdefault(first, text)
        elif point > 1 or comma > 1:
            if re.fullmatch(r"\d{1,3}(\.\d{3})+|\d{1,3}(,\d{3})+", told):
                groups.setdefault("." if point else ",", text)
        elif point or comma:
            mark = "." if point else ","
            if re.fullmatch(rf"[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}", told):
                unsure.setdefault(mark, text)
            else:
                decimals.setdefault(mark, text)
    for mark in groups:
        decimals.setdefault({".": ",", ",": "."}.get(mark, next(iter(decimals), ".")), groups[mark])
    if len(decimals) > 1:
        shown = " and ".join(f"'{text}'" for text in decimals.values())
        raise TableError(
            f"{source} must have one decimal mark, it has numbers like {shown}: say `decimal` under [file]"
        )
    if not decimals and "," in unsure:
        ways = 'say `decimal = ","` or `thousands = ","` under [file]'
        raise TableError(f"{source}: '{clipped(unsure[','])}' can be meant in two ways: {ways}")
    decimal = next(iter(decimals), ".")
    other = {".": ",", ",": "."}[decimal]
    if other in unsure and other not in groups:
        if decimal == ",":
            ways = 'say `thousands = "."` under [file], or write it in one way'
            raise TableError(
                f"{source}: '{clipped(unsure[other])}' beside the decimal comma of "
                f"'{clipped(decimals[decimal])}' can be meant in two "
                f"ways: {ways}"
            )
        groups[other] = unsure[other]
    if len(groups) > 1:
        shown = " and ".join(f"'{text}'" for text in groups.values())
        raise TableError(f"{source} must have one mark between thousands, it has numbers like {shown}")
    return decimal, next(iter(groups), "")


def texts_and_numbers(lines: Lines) -> dict[str, np.ndarray[tuple[int], np.dtype[Any]]]:
    """Return every column of lines whose meaning nobody described: as numbers where all of it is, else as texts: (n,).

    Raises
    ------
    TableError
        If marks can be meant in two ways.
    """
    columns = {
        column: texts
        for column, texts in lines.columns.items()
        if all(_looks(text) for text in texts[:_LOOKED])
        and all(map(_looks, texts))
        and not any(map(_is_endless, texts))
    }
    numbers = Numbers(lines, {column: Style(percent=True) for column in columns})
    return {
        column: numbers.floats(column) if column in columns else np.array(texts)
        for column, texts in lines.columns.items()
    }


_LOOKED = 100
"""Texts of a column that are looked at before all are."""


def _is_endless(text: str) -> bool:
    """Say whether a number is too large for 64 bits: whoever looks at such a column is told its texts."""
    if "e" not in text and len(text) < 300:
        return False
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def _looks(text: str) -> bool:
    low = text.lower()
    return low in MISSING or low in FAILED or _MARKED.fullmatch(text.translate(_BLANKS)) is not None
