"""The one door to people's tables: from a file or a data frame to lines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks_data.files import Progress
from benchmarks_data.importers.own.reading import delimited, records, workbook
from benchmarks_data.importers.own.reading.content import content
from benchmarks_data.importers.own.reading.encoding import encoding_of
from benchmarks_data.importers.own.reading.form import Form
from benchmarks_data.importers.own.reading.lines import Lines

_PLAIN = Form()


def read_lines(
    data: Path | pd.DataFrame, form: Form = _PLAIN, progress: Progress = lambda what, fraction: None
) -> Lines:
    """Read a file of any kind that people have, or a data frame; what it is its content says, never its name.

    Parameters
    ----------
    data : Path or pandas.DataFrame
        CSV with any separator and encoding, an Excel workbook, JSON, Parquet; texts may be compressed by
        gzip, bzip2, xz or zip.
    form : Form
        What is not to be recognised.
    progress : callable

    Raises
    ------
    TableError
        If it is none of these, damaged, or can be read in two ways; says what it is, and what to do.
    """
    if isinstance(data, pd.DataFrame):
        return records.of_frame("the data frame", data)
    known = content(data)
    if known.kind == "workbook":
        return workbook.read(known, form)
    if known.kind == "parquet":
        return records.of_frame(str(data), records.read_parquet(data))
    if known.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        codec, words = encoding_of(known, form, lambda done: None)
        return records.read_json(known, codec, [text for text in (known.packing, words) if text])
    return delimited.read(known, form, progress)


def sentence(lines: Lines) -> str:
    """Say how lines were read, "" where nothing is special."""
    return f"read as: {', '.join(lines.remarks)}" if lines.remarks else ""
