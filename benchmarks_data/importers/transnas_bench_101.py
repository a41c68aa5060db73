"""TransNAS-Bench-101 from its official file: seven tasks, every metric after every epoch, one training a network.

The file is what ``torch.save`` wrote of ``{"data": {"macro" | "micro": {architecture: {task: {"metrics": {name: [by
epoch]}, "model_info": {name: number}, "total_epochs": epochs}}}}, "metrics_dict": {task: [names]}, "info_names",
"task_list"}``.

The curves are kept as they are.  The official API's mode "best" takes the maximum over the epochs of each metric on its
own, the test metric and losses included; nothing here does.  Reports judge by the last epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, layout, score, single
from benchmarks_data.importers.safe import torch_file, unpickle
from harness.benchmark import Column
from harness.checks import FloatArray
from harness.errors import TableError, reason
from harness.spaces.transnas.macro import TransNASMacroSpace
from harness.spaces.transnas.micro import TransNASMicroSpace

GLOBALS = unpickle.NUMPY_SCALARS | {"collections.OrderedDict", "_codecs.encode"}
"""What plain containers and numpy scalars need; `_codecs.encode` is how protocol 2, that of torch, writes bytes."""
OBJECTIVES = {
    "class_scene": "top1",
    "class_object": "top1",
    "jigsaw": "top1",
    "room_layout": "neg_loss",
    "segmentsemantic": "mIoU",
    "normal": "ssim",
    "autoencoder": "ssim",
}
"""The metric of each task that the benchmark compares by."""
SPLITS = {"train": "train", "valid": "x-valid", "test": "x-test"}
_METRICS: Mapping[str, tuple[str, str, float | None, str]] = {
    "top1": ("percent", "maximise", 100.0, "top-1 accuracy"),
    "top5": ("percent", "maximise", 100.0, "top-5 accuracy"),
    "acc": ("percent", "maximise", 100.0, "pixel accuracy"),
    "mIoU": ("percent", "maximise", 100.0, "mean intersection over union"),
    "ssim": ("1", "maximise", 1.0, "structural similarity"),
    "neg_loss": ("1", "maximise", None, "negative mean squared error"),
    "l1_loss": ("1", "minimise", None, "mean absolute error"),
    "loss": ("1", "minimise", None, "loss that was trained on"),
}
"""Unit, direction, best value and description of each metric, by the end of its name."""
_INFO: Mapping[str, tuple[str, str, float, str]] = {
    "inference_time": ("inference_seconds", "s", 1.0, "Time of one inference, as reported."),
    "encoder_params": ("encoder_params_m", "M", 1e6, "Parameters of the searched part, as reported."),
    "model_params": ("params_m", "M", 1e6, "Parameters of the whole model, decoder or head included, as reported."),
    "encoder_FLOPs": ("encoder_flops_m", "M", 1e6, "FLOPs of the searched part, as reported; counter not named."),
    "model_FLOPs": ("flops_m", "M", 1e6, "FLOPs of the whole model, as reported; counter not named."),
}
"""Column, unit, divisor and description of each number of a model."""
_ELAPSED = "Time elapsed up to the end of each epoch; where the published clock goes back, the most so far."
Space = TransNASMicroSpace | TransNASMacroSpace


def convert_all(
    entries: Sequence[Entry], paths: Sequence[Path], spaces: Sequence[Space], progress: Progress
) -> Iterator[Table]:
    """Read the file once and yield a table for each entry, rows in the official order.

    Parameters
    ----------
    entries : sequence of Entry
        With the facts ``task`` and ``search_space`` ("micro" or "macro").
    paths : sequence of pathlib.Path
        The one official file.
    spaces : sequence of SearchSpace
        Of each entry.
    progress : Progress

    Raises
    ------
    TableError
        If the file is damaged, names what it may not, or lacks networks, tasks, metrics or epochs.
    """
    path = single(paths, "TransNAS-Bench-101 is one file")
    progress(f"reading {path.name}", 0.1)
    content = torch_file.load(path, GLOBALS)
    with layout(f"{path} is not TransNAS-Bench-101"):
        data, metrics, info = content["data"], content["metrics_dict"], list(content["info_names"])
    for place, (entry, space) in enumerate(zip(entries, spaces, strict=True)):
        progress(f"checking {entry.facts['search_space']}, {entry.facts['task']}", 0.5 + 0.5 * place / len(entries))
        try:
            networks, names = data[entry.facts["search_space"]], list(metrics[entry.facts["task"]])
        except (KeyError, TypeError) as error:
            raise TableError(f"{path} lacks {reason(error)} of {entry.name}") from None
        records = _records(path, networks, entry, space)
        yield _table(path, records, names, info, entry, space)


def _records(path: Path, networks: Any, entry: Entry, space: Space) -> list[Any]:
    """Return the record of the task for every network, in the official order."""
    wanted = space.format(space.official)
    if not isinstance(networks, Mapping) or len(networks) != entry.rows or len(wanted) != entry.rows:
        held = f"{len(networks)}" if isinstance(networks, Mapping) else f"a {type(networks).__name__}"
        raise TableError(f"{path} must hold {entry.rows} networks of {entry.facts['search_space']}, got {held}")
    missing = next((name for name in wanted if name not in networks), None)
    if missing is not None:
        raise TableError(f"{path} lacks the network {missing}")
    try:
        return [networks[name][entry.facts["task"]] for name in wanted]
    except (KeyError, TypeError) as error:
        raise TableError(f"{path} has a network without the task {reason(error)}") from None


def _table(
    path: Path, records: Sequence[Any], names: Sequence[str], info: Sequence[str], entry: Entry, space: Space
) -> Table:
    objective = OBJECTIVES[entry.facts["task"]]
    if not {f"valid_{objective}", f"test_{objective}", "time_elapsed"} <= set(names):
        raise TableError(f"{path} lacks {objective} or time_elapsed of {entry.facts['task']}, it has {list(names)}")
    epochs = _epochs(path, records, space)
    columns = {}
    for name in names:
        column = _column(path, name)
        columns[column.name] = (column, _curves(path, records, name, epochs, space)[:, None, :])
    clock, elapsed = columns["train_seconds"]
    back = int((np.diff(elapsed[:, 0], axis=1) < 0).any(axis=1).sum())
    columns["train_seconds"] = (clock, np.maximum.accumulate(elapsed, axis=2))
    for name in info:
        if name not in _INFO:
            raise TableError(f"{path} has information that this version does not know: {name}")
        column_name, unit, divisor, text = _INFO[name]
        values = _numbers(path, records, name) / divisor
        columns[column_name] = (cost(column_name, unit, text), values[:, None, None])
    return assemble(
        name=entry.name,
        space=space,
        archs=space.official,
        identity="exact",  # cells that are functionally the same were trained and published one by one
        fidelities=epochs_of(epochs),
        columns=columns,
        validation=f"valid_{objective}",
        test=f"test_{objective}",
        seconds="train_seconds",
        trainings=np.ones((len(records), 1), dtype=np.uint8),
        about={"notes": f"time_elapsed goes back in {back} of {len(records)} curves"} if back else {},
    )


def _epochs(path: Path, records: Sequence[Any], space: Space) -> int:
    """Return how many epochs the task was trained for, the same for all networks."""
    with layout(f"{path} has records of another layout"):
        epochs = [int(record["total_epochs"]) for record in records]
    if (row := first_row(np.array(epochs) != epochs[0])) is not None:
        name = space.format(space.official[[row]])[0]
        raise TableError(f"{path} must train a task equally long: {epochs[0]} epochs, {name} has {epochs[row]}")
    return epochs[0]


def _curves(path: Path, records: Sequence[Any], name: str, epochs: int, space: Space) -> FloatArray:
    """Return a metric of every network after every epoch: (N, epochs)."""
    filled = np.empty((len(records), epochs))
    for row, record in enumerate(records):
        with layout(f"{path} has records of another layout"):
            values = np.asarray(record["metrics"][name], dtype=np.float64)
        if values.shape != (epochs,):
            network = space.format(space.official[row : row + 1])[0]
            raise TableError(f"{path} must have {name} of {network} after {epochs} epochs, got shape {values.shape}")
        filled[row] = values
    return filled


def _numbers(path: Path, records: Sequence[Any], name: str) -> AnyArray:
    """Return a number of every network, NaN where the file has none: (N,)."""
    with layout(f"{path} has records of another layout"):
        reported = [record["model_info"].get(name) for record in records]
        return np.array([np.nan if value is None else float(value) for value in reported])


def _column(path: Path, name: str) -> Column:
    if name == "time_elapsed":
        return cost("train_seconds", "s", _ELAPSED)
    part, _, metric = name.partition("_")
    if part not in SPLITS or metric not in _METRICS:
        raise TableError(f"{path} has a metric that this version does not know: {name}")
    unit, direction, best, text = _METRICS[metric]
    text = f"{part.capitalize()} {text}, after each epoch."
    return score(name, SPLITS[part], "full", text, unit=unit, direction=direction, best=best)
