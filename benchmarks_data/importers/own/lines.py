"""The lines of a table of one's own, as texts by column, each with the number by which an error names it."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks_data.file.index import first_row
from harness.checks import FloatArray, IntArray
from harness.errors import TableError, must, nearest


@dataclass(frozen=True)
class Lines:
    """What the data say, before anything is made of it.

    Attributes
    ----------
    source : str
        File, or "the data frame".
    unit : {"line", "row"}
        What `numbers` count: lines of a file, the header being line 1; or rows of a frame, from 0.
    numbers : list of int
        One for each row.
    columns : mapping of str to list of str
        "" where nothing is told, "nan" where something failed; a frame cannot tell them apart where it has NaN, and
        "nan" is meant.
    """

    source: str
    unit: str
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, row: int, column: str | None = None) -> str:
        """Say where something stands, for an error."""
        where = f"{self.source}, {self.unit} {self.numbers[row]}"
        return where if column is None else f"{where}, column '{column}'"

    def check(self, needed: Sequence[str]) -> None:
        """Refuse data that lack a column or have no row."""
        for column in needed:
            if column not in self.columns:
                known = ", ".join(self.columns)
                raise TableError(
                    f"{self.source} has no column '{column}'.{nearest(column, self.columns)} It has {known}."
                )
        if not len(self):
            raise TableError(f"{self.source} must have at least one row below its header")

    def floats(self, column: str) -> FloatArray:
        """Return a column as numbers, NaN where nothing is told or something failed: (n,).

        Raises
        ------
        TableError
            If a value is no finite number; names its place.
        """
        values = np.full(len(self), np.nan)
        for row, text in enumerate(self.columns[column]):
            if text and text.lower() != "nan":
                try:
                    values[row] = float(text)
                except ValueError:
                    values[row] = math.inf
                if math.isinf(values[row]):
                    raise TableError(
                        f"{self.place(row, column)}: " + must("value", "be a finite number, or empty, or `nan`", text)
                    )
        return values

    def integers(self, column: str, low: int, high: int) -> IntArray:
        """Return a column of integers from `low` to `high`, none missing: (n,).

        Raises
        ------
        TableError
            If a value is anything else; names its place.
        """
        values = self.floats(column)
        if (row := first_row(~((values >= low) & (values <= high) & (values == np.floor(values))))) is not None:
            rule = must(column, f"be an integer from {low} to {high}", self.columns[column][row])
            raise TableError(f"{self.place(row, column)}: {rule}")
        return values.astype(np.int64)


def read_lines(data: Path | pd.DataFrame) -> Lines:
    """Read a CSV file, a Parquet file or a data frame.

    Raises
    ------
    TableError
        If the file cannot be read, a line has too many or too few fields, or a column is there twice.
    """
    if isinstance(data, pd.DataFrame):
        return _of_frame("the data frame", data)
    if data.suffix.lower() in (".parquet", ".pq"):
        return _of_frame(str(data), _parquet(data))
    try:
        with data.open(encoding="utf-8-sig", newline="") as file:
            return _of_csv(data, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{data} is no CSV file that can be read: {error}") from error


def _of_csv(path: Path, file: Any) -> Lines:
    reader = csv.reader(file, strict=True)
    header = [name.strip() for name in next(reader, [])]
    _check_header(str(path), header)
    numbers, rows = [], []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise TableError(f"{path}, line {reader.line_num} must have {len(header)} fields, has {len(row)}")
        numbers.append(reader.line_num)
        rows.append([text.strip() for text in row])
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    return Lines(str(path), "line", numbers, columns)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise TableError(f"reading the Parquet file {path} needs pyarrow: pip install pyarrow, or give CSV") from error
    except (OSError, ValueError) as error:
        raise TableError(f"{path} is no Parquet file that can be read: {error}") from error


def _of_frame(source: str, frame: pd.DataFrame) -> Lines:
    header = [str(name) for name in frame.columns]
    _check_header(source, header)
    columns = {name: [_text(value) for value in frame.iloc[:, place]] for place, name in enumerate(header)}
    return Lines(source, "row", range(len(frame)), columns)


def _text(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    return str(value).strip().lower() if isinstance(value, bool | np.bool_) else str(value).strip()


def _check_header(source: str, header: Sequence[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if not header or "" in header or twice:
        fault = f"has {', '.join(twice)} twice" if twice else "has a column without a name"
        raise TableError(f"{source} must begin with a line of column names, all different; it {fault}")
