"""The rows of a workbook of Excel (.xlsx): one sheet, its first row the names of the columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from benchmarks_data.importers.own.reading.content import Content, unpacking
from benchmarks_data.importers.own.reading.form import Form
from benchmarks_data.importers.own.reading.lines import Lines, by_name, repeated_in
from benchmarks_data.importers.own.reading.records import text_of
from harness.errors import TableError, clipped, unknown

MAX_CELLS = 2**25
MAX_ROWS = 2**20
"""Rows that Excel itself has."""


def read(content: Content, form: Form) -> Lines:
    """Read a sheet; numbers of lines are those of the sheet.

    Raises
    ------
    TableError
        If several sheets have cells and none is named, a formula has no value, or the file is damaged.
    """
    source = str(content.path)
    values = _sheets(content, form, formulas=False)
    if len(values) > 1:
        raise TableError(f"{source} has {len(values)} sheets: say `sheet` under [file], one of {', '.join(values)}")
    if not values:
        raise TableError(f"{source} must begin with a line of column names, its sheets are empty")
    ((sheet, rows),) = values.items()
    _check_formulas(content, form, sheet, rows)
    begin = next(number for number, row in rows.items() if any(row))
    header = rows.pop(begin)
    while header and not header[-1]:
        header.pop()
    width = max(
        [len(header), *(max((place + 1 for place, text in enumerate(row) if text), default=0) for row in rows.values())]
    )
    filled = {number: row for number, row in rows.items() if any(row)}
    if width > len(header):
        number = next(number for number, row in filled.items() if any(row[len(header) :]))
        raise TableError(
            f"{source}, line {number} of sheet '{clipped(sheet)}' must have {len(header)} fields, as its header has"
        )
    cells = [[row[place] if place < len(row) else "" for row in filled.values()] for place in range(width)]
    columns, more = by_name(source, header, cells)
    repeated = repeated_in(header)
    remarks = (f"workbook, sheet '{clipped(sheet)}'", *more)
    return Lines(source, "line", list(filled), columns, repeated, remarks, cells, ", ")


def _sheets(content: Content, form: Form, *, formulas: bool) -> dict[str, dict[int, list[str]]]:
    """Return the rows of the sheet that is named, or of every sheet that has a cell, by their numbers."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with unpacking(content.path), content.open() as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
            try:
                names = book.sheetnames
                if form.sheet is not None and form.sheet not in names:
                    raise TableError(f"{content.path}: " + unknown("sheet", form.sheet, names))
                chosen = names if form.sheet is None else [form.sheet]
                sheets = [(name, book[name]) for name in chosen if hasattr(book[name], "iter_rows")]
                read = {name: dict(_rows(content, name, sheet)) for name, sheet in sheets}
            finally:
                book.close()
    except TableError:
        raise
    except (InvalidFileException, ValueError, KeyError, TypeError, AttributeError, SyntaxError, IndexError) as error:
        raise TableError(
            f"{content.path} is no workbook that can be read: {error!s:.200}. Save it again, or as CSV"
        ) from None
    return {name: rows for name, rows in read.items() if any(any(row) for row in rows.values())}


def _rows(content: Content, name: str, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # which a file may claim as it likes
    seen = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        seen += len(row)
        if seen > MAX_CELLS or number > MAX_ROWS:
            raise TableError(f"{content.path}: sheet '{clipped(name)}' is too large to be read: save it as CSV")
        if row:
            yield number, list(map(_text, row))


def _text(cell: Any) -> str:
    """Return the text of a cell; of a number that is shown as percent, as it is shown: 0.573 as 57.3%."""
    value = cell.value
    if isinstance(value, float | int) and not isinstance(value, bool) and "%" in (cell.number_format or ""):
        return f"{round(value * 100, 12)!r}%"
    return text_of(value)


def _check_formulas(content: Content, form: Form, sheet: str, rows: dict[int, list[str]]) -> None:
    """Refuse formulas that no program has computed: their cells are empty."""
    if all(all(row) for row in rows.values()):
        return
    written = _sheets(content, Form(sheet=sheet), formulas=True).get(sheet, {})
    for number, row in written.items():
        for place, text in enumerate(row):
            if text.startswith("=") and not "".join(rows.get(number, [])[place : place + 1]):
                raise TableError(
                    f"{content.path}, line {number} of sheet '{clipped(sheet)}': the formula {text:.40} has no value. "
                    "Open the workbook in Excel or LibreOffice and save it, or save the values as CSV"
                )
