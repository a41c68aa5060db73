"""Accel-NASBench from its result files: proxy accuracy, training time, and speed on accelerators, of part of the space.

A file ``result_<n>.json`` is ``{"architecture": {28 variables}, "metrics": {"val_top1", "val_top5": percent,
"train_time": s}, "model_info": {"macs": M, "params": M}, "platform_perf": {platform: {"<kind>_mean", "<kind>_std":
number or null}}}``.  Accuracy is ImageNet's validation accuracy after a reduced training; nothing was held out, and
nothing is made up.  Some networks were trained twice: these are trainings of one row, in the order of the file numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, grouped, layout, named, score
from benchmarks_data.importers.safe import json_files
from harness.benchmark import Column
from harness.checks import FloatArray
from harness.errors import TableError
from harness.problem import Fidelity
from harness.spaces.mnasnet.space import MnasNetSpace, genes

UNITS = {"latency": ("ms", "minimise"), "throughput": ("images/s", "maximise")}
PLATFORMS = (
    *(f"throughput_{device}" for device in ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")),
    "latency_zcu102",
    "latency_vck190",
)
_FILE = re.compile(r"result_(\d{1,9})\.json")
_ONCE = ("macs", "params")
"""What does not differ between trainings of a network."""


def convert(entry: Entry, paths: Sequence[Path], space: MnasNetSpace, progress: Progress) -> Table:
    """Read the results in a tar archive, a folder, or files; rows are in the order of the first file of each network.

    Raises
    ------
    TableError
        If a file is damaged or of another layout, there are more or fewer than ``results`` files, or the networks are
        not as many as the table must have.
    """
    results = []
    expected = int(entry.facts["results"])
    for match, record in json_files.documents(paths, _FILE):
        results.append((int(match[1]), _values(match[0], record)))
        progress(f"reading {match[0]}", 0.9 * min(1.0, len(results) / expected))
    if len(results) != expected:
        raise TableError(f"{_named(paths)} must hold {expected} results, got {len(results)}")
    results.sort(key=lambda result: result[0])
    codings = np.array([codes for _, (codes, _) in results], dtype=space.dtype)
    first, rows, trainings = grouped(codings)
    archs = codings[first]
    if len(archs) != entry.rows:
        raise TableError(f"{_named(paths)} must hold results of {entry.rows} networks, got {len(archs)}")
    values = {}
    for name in results[0][1][1]:
        filled = np.full((len(archs), int(trainings.max()) + 1), np.nan)
        filled[rows, trainings] = [numbers[name] for _, (_, numbers) in results]
        values[name] = filled[:, :, None]
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=(Fidelity("reduced proxy training", 1, 1),),
        columns=_columns(values, _named(paths)),
        validation="valid_top1",
        test=None,
        seconds="train_seconds",
        trainings=np.bincount(rows)[:, None],
        partial=True,
    )


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")


def _values(name: str, record: Any) -> tuple[tuple[int, ...], Mapping[str, float]]:
    """Return the genes of one result and its numbers by column; a null is NaN."""
    with layout(f"{name} is not a result of this format"):
        codes = tuple(genes(record["architecture"]))
        metrics, model, platforms = record["metrics"], record["model_info"], record["platform_perf"]
        numbers = {key: float(metrics[key]) for key in ("val_top1", "val_top5", "train_time")}
        numbers |= {key: float(model[key]) for key in _ONCE}
        for platform in PLATFORMS:
            kind = platform.partition("_")[0]
            for what in ("mean", "std"):
                value = platforms[platform][f"{kind}_{what}"]
                numbers[f"{platform}_{what}"] = np.nan if value is None else float(value)
    if not 0.0 <= numbers["val_top1"] <= numbers["val_top5"] <= 100.0:
        raise TableError(f"{name} must have accuracies in percent, got {numbers['val_top1']} and {numbers['val_top5']}")
    return codes, numbers


def _columns(values: Mapping[str, FloatArray], source: str) -> dict[str, tuple[Column, AnyArray]]:
    text = "accuracy on ImageNet's validation set after a reduced training; by run."
    columns = [
        (score("valid_top1", "x-valid", "full", f"Top1 {text}"), values["val_top1"]),
        (score("valid_top5", "x-valid", "full", f"Top5 {text}"), values["val_top5"]),
        (cost("train_seconds", "s", "Time of the reduced training, by run."), values["train_time"]),
        (cost("macs_m", "M", "Multiply-adds, as reported."), _single("macs", values["macs"], source)),
        (cost("params_m", "M", "Trainable parameters, as reported."), _single("params", values["params"], source)),
    ]
    for platform in PLATFORMS:
        kind, _, device = platform.partition("_")
        unit, direction = UNITS[kind]
        quantity = f"{kind.capitalize()} of inference on {device}"
        mean, spread = values[f"{platform}_mean"], values[f"{platform}_std"]
        columns.append((cost(platform, unit, f"{quantity}, mean; by run.", direction=direction, device=device), mean))
        if np.isfinite(spread).any():
            columns.append(
                (cost(f"{platform}_std", unit, f"{quantity}, standard deviation; by run.", device=device), spread)
            )
    return named(*columns)


def _single(name: str, values: FloatArray, source: str) -> AnyArray:
    """Return the one value of each row, (N, R, 1) to (N, 1, 1)."""
    first = values[:, :1]
    if (row := first_row((values != first) & ~np.isnan(values))) is not None:
        raise TableError(f"{source} must have one number of {name} for a network, row {row} has several")
    return first
