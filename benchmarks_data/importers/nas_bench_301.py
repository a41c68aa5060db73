"""The trainings behind NAS-Bench-301: a folder of ``results_<n>.json`` by many optimisers, one file for each training.

A file holds the configuration (cells as edges and inputs), the validation accuracy at the end and, in the published
release, after every epoch (``learning_curves``), the test accuracy at the end, and the seconds of all of it.  They are
a sample of the space, gathered by searches: the table is partial, and better than a random sample.

Files of the same network, in the sense of the space's functional key, are trainings of one row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import Places, cost, grouped, layout, millions, named, score
from benchmarks_data.importers.safe import json_files
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, TableError, reason
from harness.spaces.darts import costs as darts_costs
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.darts.texts import genes_of_configuration

_PREFIX = "NetworkSelectorDatasetInfo:darts:"
_FORM = re.compile(r"results_.*\.json")
_CURVE = "Train/val_accuracy"
_MOST_TRAININGS = 255


@dataclass(frozen=True)
class _Setting:
    """What must be the same in all files, or their numbers could not stand in one column."""

    epochs: int
    channels: int
    cells: int
    trained_on: str


@dataclass(frozen=True)
class _Training:
    """One file.

    Attributes
    ----------
    where : str
    setting : _Setting
    genes : list of int
    curve : mapping of int to float
        Validation accuracy in percent after an epoch.
    test_percent, seconds, params_m : float
        NaN where the file has none.
    """

    where: str
    setting: _Setting
    genes: list[int]
    curve: Mapping[int, float]
    test_percent: float
    seconds: float
    params_m: float


def convert(entry: Entry, paths: Sequence[Path], space: DARTSSpace, progress: Progress) -> Table:
    """Read all files in folders and archives; rows are in order of first appearance by path.

    Raises
    ------
    TableError
        If a file is not what this version knows, or was trained otherwise than the others; names it.
    """
    trainings: list[_Training] = []
    for path in paths:
        for inside, content in json_files.contents(path, _FORM):
            where = f"{path}: {inside}"
            trainings.append(_training(where, json_files.parse(content, where)))
            if len(trainings) % 1000 == 1:
                progress(f"reading {where}", 0.1 + 0.6 * (1 - 1 / (1 + len(trainings) / 20_000)))
    if not trainings:
        raise TableError(f"there is no file results_*.json in {', '.join(map(str, paths))}")
    setting = trainings[0].setting
    for training in trainings:
        if training.setting != setting:
            raise TableError(f"{training.where} must be trained as {trainings[0].where}: {training.setting}, {setting}")
    progress("putting runs together", 0.7)
    archs = np.array([training.genes for training in trainings], dtype=space.dtype)
    first, rows, places = grouped(space.key(archs))
    return _table(entry, space, setting, trainings, archs[first], (rows, places))


def _table(
    entry: Entry,
    space: DARTSSpace,
    setting: _Setting,
    trainings: Sequence[_Training],
    archs: Archs,
    places: tuple[Places, Places],
) -> Table:
    """Put trainings, of which row and place in the row are known, in a table."""
    counts = np.bincount(places[0])
    if counts.max() > _MOST_TRAININGS:
        raise TableError(f"an architecture must have at most {_MOST_TRAININGS} trainings, one has {counts.max()}")
    epochs = sorted({epoch for training in trainings for epoch in training.curve})
    costs = {"channels": setting.channels, "cells": setting.cells}
    text = "In closed form, auxiliary head apart."
    values = _values(trainings, places, (len(archs), int(counts.max())), epochs)
    saw, at = setting.trained_on, (len(epochs) - 1,)
    valid = score("valid_accuracy", "x-valid", saw, "Validation accuracy after the epoch.")
    test = score("test_accuracy", "ori-test", saw, "Test accuracy of the same model at its end.", at)
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=epochs_of(setting.epochs, epochs),
        columns=named(
            (valid, values["valid"]),
            (test, values["test"]),
            (cost("train_seconds", "s", "Of the run, shared evenly among epochs."), values["seconds"]),
            (cost("params_m", "M", text), millions(darts_costs.params(archs, **costs))),
            (cost("macs_m", "M", text), millions(darts_costs.macs(archs, **costs))),
            (cost("params_reported_m", "M", "Auxiliary head included."), values["params"]),
        ),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=counts[:, None].astype(np.uint8),
        partial=True,
    )


def _values(
    trainings: Sequence[_Training], places: tuple[Places, Places], shape: tuple[int, int], epochs: Sequence[int]
) -> dict[str, FloatArray]:
    """Put what trainings tell in their rows, side by side: (N, R, E), and (N, R, 1) for what is told once."""
    place = {epoch: index for index, epoch in enumerate(epochs)}
    values = {name: np.full((*shape, len(epochs)), np.nan) for name in ("valid", "seconds")}
    values |= {name: np.full((*shape, 1), np.nan) for name in ("test", "params")}
    for training, row, position in zip(trainings, *places, strict=True):
        ended = max(training.curve)  # a training that broke off has cost all its seconds at every later epoch
        values["valid"][row, position, [place[epoch] for epoch in training.curve]] = list(training.curve.values())
        values["seconds"][row, position] = training.seconds * np.minimum(epochs, ended) / ended
        values["test"][row, position] = training.test_percent
        values["params"][row, position] = training.params_m
    return values


def _training(where: str, result: Any) -> _Training:
    with layout(f"{where} is no result of NAS-Bench-301"):
        config, last = result["optimized_hyperparamater_config"], result["info"][-1]
        setting = _Setting(
            epochs=int(result["budget"]),
            channels=int(config[f"{_PREFIX}init_channels"]),
            cells=int(config[f"{_PREFIX}layers"]),
            trained_on=f"train{int(last['train_datapoints']) // 1000}k",
        )
        training = _Training(
            where=where,
            setting=setting,
            genes=_genes(config, where),
            curve=_curve(result),
            test_percent=float(result.get("test_accuracy", np.nan)),
            seconds=float(result.get("runtime", np.nan)),
            params_m=float(last.get("model_parameters", np.nan)) / 1e6,
        )
    if not training.curve or not 1 <= min(training.curve) <= max(training.curve) <= setting.epochs:
        raise TableError(f"{where} must have results after epochs 1 to {setting.epochs}, has {sorted(training.curve)}")
    return training


def _genes(config: Mapping[str, str], where: str) -> list[int]:
    try:
        return genes_of_configuration(config, text=where)
    except HarnessError as error:
        raise TableError(f"{where}: {reason(error)}") from error


def _curve(result: Mapping[str, Any]) -> dict[int, float]:
    """Return validation accuracy by epoch: the learning curve where there is one, else what `info` tells."""
    curves = result.get("learning_curves") or {}
    if _CURVE in curves:
        return {epoch: float(value) for epoch, value in enumerate(curves[_CURVE], start=1)}
    return {int(step["epochs"]): float(step["val_accuracy"]) for step in result["info"]}
