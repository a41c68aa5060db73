"""Zero-cost scores of NAS-Bench-Suite-Zero: columns for architectures of five spaces.

Krishnakumar et al., "NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies", NeurIPS 2022, Datasets and
Benchmarks.  A file is ``{data set: {key: {proxy: {"score", "time"} or score, …}}}``, JSON with NaN and Infinity.
``val_accuracy`` is dropped: for NAS-Bench-201 it is one training's *test* accuracy, and the tables that the
scores join have the real columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.file.layout import AnyArray, Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.columns.naslib_keys import archs_of
from benchmarks_data.importers.parts import cost, named, single
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import TableError, unknown
from harness.files.reading import read_json
from harness.space import SearchSpace

NO_PROXIES = frozenset({"val_accuracy", "idx", "id", "arch"})
_COUNTS = frozenset({"params", "flops"})


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read the scores of a file.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file ``zc_<space>.json``.
    space : SearchSpace
        Of the keys.
    progress : callable
    dataset : str, optional
        Only this data set, its name left out of those of the columns.

    Returns
    -------
    archs : (N, L) integers
        Every architecture that any of the data sets has, in order of first appearance.
    columns : mapping of str to (Column, (N, 1, 1) float64)
        ``zc_<proxy>``, and ``zc_<proxy>_seconds`` where times are published; with several data sets ``…_<data set>``.
        NaN where a score is missing or not finite.

    Raises
    ------
    TableError
        If the file is cut, of another layout, or a key is none of the space.
    """
    path = single(paths, "`paths` must be one file 'zc_….json'")
    progress(f"reading {path.name}", 0.1)
    datasets = datasets_of(path, dataset)
    keys = list(dict.fromkeys(key for scores in datasets.values() for key in scores))
    archs = archs_of(space, keys, str(path))
    _, first = np.unique(space.key(archs, "exact"), return_index=True)
    if len(first) != len(keys):
        raise TableError(f"{path} has {len(keys) - len(first)} architectures under two keys")
    row_of = {key: row for row, key in enumerate(keys)}
    columns: list[tuple[Column, AnyArray]] = []
    for name, scores in datasets.items():
        suffix = "" if len(datasets) == 1 else "_" + name.lower().replace("-", "_")
        columns += _columns(path, scores, row_of, suffix)
    return archs, named(*columns)


def datasets_of(path: Path, dataset: str | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return what a file tells: of each data set, or of one, the scores of each architecture by its key.

    Raises
    ------
    TableError
        If the file is cut or of another layout.
    """
    try:
        content = read_json(path, TableError, largest=2**30)
    except FileNotFoundError:
        raise TableError(f"{path} is missing") from None
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(scores, dict) and scores for scores in content.values())
    ):
        raise TableError(f"{path} must map data sets to architectures to scores")
    if dataset is None:
        return content
    if dataset not in content:
        raise TableError(unknown(f"data set of {path.name}", dataset, content))
    return {dataset: content[dataset]}


def _columns(
    path: Path, scores: Mapping[str, Any], row_of: Mapping[str, int], suffix: str
) -> list[tuple[Column, AnyArray]]:
    columns: dict[str, AnyArray] = {}
    for key, proxies in scores.items():
        if not isinstance(proxies, dict):
            raise TableError(f"{path}: the scores of {key[:80]} must be a mapping, got {type(proxies).__name__}")
        for proxy, score in proxies.items():
            if proxy in NO_PROXIES:
                continue
            parts = {"": score.get("score"), "_seconds": score.get("time")} if isinstance(score, dict) else {"": score}
            for part, value in parts.items():
                values = columns.setdefault(f"zc_{proxy}{part}", np.full((len(row_of), 1, 1), np.nan))
                values[row_of[key]] = _number(path, key, proxy, value)
    return [(_column(name, suffix), values) for name, values in columns.items() if not np.isnan(values).all()]


def _number(path: Path, key: str, proxy: str, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TableError(f"{path}: {proxy} of {key[:80]} must be a number or null, got {value!r:.80}")
    return float(value) if math.isfinite(value) else math.nan


def _column(name: str, suffix: str) -> Column:
    proxy = name.removeprefix("zc_").removesuffix("_seconds")
    if name.endswith("_seconds"):
        return cost(name + suffix, "s", f"Time to compute the zero-cost proxy {proxy}.")
    if proxy in _COUNTS:
        text = f"{proxy} as NAS-Bench-Suite-Zero counts them; another counter than that of the benchmark."
        return cost(name + suffix, "M", text)
    text = f"Zero-cost proxy {proxy}, scored without training; higher is meant to be better."
    return cost(name + suffix, "", text, direction="maximise")
