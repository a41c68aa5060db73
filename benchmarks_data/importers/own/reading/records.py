"""The rows of JSON, of Parquet and of data frames, as texts by column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks_data.importers.own.reading.content import Content, unpacking
from benchmarks_data.importers.own.reading.lines import MOST_COLUMNS, Lines, by_name, repeated_in
from benchmarks_data.importers.safe import json_files
from harness.errors import TableError, must, reason

MAX_JSON = 2**28
"""Bytes of JSON that are read: Python takes some twenty times as much memory for it."""
_MOST_CELLS = 2**20
"""Cells of a table, most of which no record tells."""
_FORMS = (
    "a list of objects, [{…}, {…}]; an object on each line; or what pandas writes, {column: {index: value}} and "
    "{columns, data}"
)


def read_json(content: Content, codec: str, remarks: Sequence[str]) -> Lines:
    """Read JSON: records, an object on each line, or the forms of pandas.

    Raises
    ------
    TableError
        If it is another form, or no JSON; names the line.
    """
    source = str(content.path)
    with unpacking(content.path), content.open() as file:
        raw = file.read(MAX_JSON + 1)
    if len(raw) > MAX_JSON:
        raise TableError(
            f"{source}: " + must("file", f"have at most {MAX_JSON:,} bytes of JSON; write it as CSV", "more")
        )
    text = raw.decode(codec)
    lines = text.split("\n")
    whole = [line for line in lines if line.strip()]
    if len(whole) > 1 and all(line.strip().startswith("{") and line.strip().endswith("}") for line in whole[:2]):
        numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
        records = [json_files.parse(line.encode(), f"{source}, line {number}") for number, line in numbered]
        return _of_records(source, "line", [number for number, _ in numbered], records, ["JSON lines", *remarks])
    told = json_files.parse(text.encode(), source)
    if isinstance(told, dict) and isinstance(told.get("columns"), list) and isinstance(told.get("data"), list):
        names = [str(name) for name in told["columns"]]
        if any(not isinstance(row, list) or len(row) != len(names) for row in told["data"]):
            raise TableError(
                f"{source}: " + must("data", f"have {len(names)} values in each row, as `columns` has", "others")
            )
        told = [dict(zip(names, row, strict=True)) for row in told["data"]]
    elif isinstance(told, dict) and told and all(isinstance(column, dict) for column in told.values()):
        index = list(dict.fromkeys(row for column in told.values() for row in column))
        told = [{name: column.get(row) for name, column in told.items()} for row in index]
    elif isinstance(told, dict) and len(lists := [value for value in told.values() if _is_records(value)]) == 1:
        told = lists[0]
    if not _is_records(told):
        raise TableError(f"{source}: " + must("JSON", f"be {_FORMS}", type(told).__name__))
    return _of_records(source, "row", range(len(told)), told, ["JSON records", *remarks])


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _of_records(
    source: str, unit: str, numbers: Sequence[int], records: Sequence[Any], remarks: Sequence[str]
) -> Lines:
    for number, record in zip(numbers, records, strict=True):
        if not isinstance(record, Mapping):
            raise TableError(f"{source}, {unit} {number}: " + must("line", "be an object, {…}", record))
    header = list(dict.fromkeys(name for record in records for name in record))
    told = sum(map(len, records))
    if len(header) > MOST_COLUMNS or len(header) * len(records) > _MOST_CELLS + 8 * told:
        rule = "have records of mostly the same names"
        raise TableError(f"{source}: " + must("JSON", rule, f"{len(header):,} names for {told:,} values"))
    cells = [[_json_text(record.get(name)) for record in records] for name in header]
    columns, more = by_name(source, header, cells)
    return Lines(source, unit, numbers, columns, frozenset(), (*remarks, *more), cells, ", ")


def _json_text(value: Any) -> str:
    """Return a value of JSON as text; objects and lists as JSON, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return text_of(value)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; raises TableError if it is damaged, or if nothing here reads one."""
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise TableError(f"reading the Parquet file {path} needs pyarrow: pip install pyarrow, or give CSV") from error
    except (OSError, ValueError) as error:
        raise TableError(f"{path} is no Parquet file that can be read: {reason(error)}") from error


def of_frame(source: str, frame: pd.DataFrame, remarks: Sequence[str] = ()) -> Lines:
    """Return the rows of a data frame, counted from 0; its index is no column."""
    header = [str(name) for name in frame.columns]
    cells = [[text_of(value) for value in frame.iloc[:, place]] for place in range(len(header))]
    columns, more = by_name(source, header, cells)
    repeated = repeated_in(header)
    return Lines(source, "row", range(len(frame)), columns, repeated, (*remarks, *more), cells, ", ")


def text_of(value: Any) -> str:
    """Return a value as text: nothing for what is missing, true and false in small letters."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    return str(value).strip().lower() if isinstance(value, bool | np.bool_) else str(value).strip()
