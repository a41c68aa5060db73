"""NAS-Bench-NLP from its training logs: losses after every epoch of each recurrent cell that was trained.

A log ``log_stats_model_<number>_<time>_<experiment>.json`` holds the recipe as JSON text, ``train_losses``,
``val_losses`` and ``test_losses`` (nats per token), ``wall_times`` (seconds of each epoch), ``status`` and the settings
of the training.  A training whose loss became NaN ends there: what was not reached stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, layout, millions, named, score
from benchmarks_data.importers.safe import json_files
from harness.benchmark import Column
from harness.checks import FloatArray
from harness.errors import HarnessError, TableError, reason
from harness.space import SearchSpace
from harness.spaces.nlp.space import RecipeSpace

_FILE = re.compile(r"log_stats_model_(\d{1,9})_(.+)\.json")
_LISTS = ("train_losses", "val_losses", "test_losses", "wall_times")
_SETTINGS = ("data", "epochs", "nhid", "nlayers", "emsize", "batch_size", "lr", "dropout", "wdrop", "bptt")
"""What must be the same in all logs of a table: other settings are another benchmark."""


@dataclass(frozen=True)
class _Log:
    number: int
    file: str
    recipe: str
    params: float
    settings: tuple[object, ...]
    curves: Mapping[str, list[float]]


def convert(entry: Entry, paths: Sequence[Path], space: SearchSpace | None, progress: Progress) -> Table:
    """Read the logs of one data set in a zip, a folder, or files; rows are in the order of the published numbers.

    Parameters
    ----------
    entry : Entry
        Its fact ``data`` is the name of the corpus in the logs.
    paths : sequence of pathlib.Path
    space : SearchSpace or None
        Not used: the logs themselves say what the space is, and the table keeps it.
    progress : Progress

    Raises
    ------
    TableError
        If a file is damaged or of another layout, there are more or fewer than the table must have (``entry.rows``, 0
        where that is not known), or they are logs of another corpus or of different settings.
    """
    logs = []
    corpus = str(entry.facts["data"])
    for match, record in json_files.documents(paths, _FILE):
        logs.append(_log(match, record))
        trained_on = PurePosixPath(str(logs[-1].settings[_SETTINGS.index("data")])).name
        if trained_on != corpus:
            raise TableError(f"{match[0]} must be a training on '{corpus}' for {entry.name}, it is on '{trained_on}'")
        progress(f"reading {match[0]}", 0.9 * min(1.0, len(logs) / (entry.rows or 10_000)))
    where = ", ".join(map(str, paths[:3]))
    if not logs or len(logs) != (entry.rows or len(logs)):
        raise TableError(f"{where} must hold {entry.rows or 'some'} logs, got {len(logs)}")
    logs.sort(key=lambda log: (log.number, log.file))
    for log in logs:
        if log.settings != logs[0].settings:
            differs = next(name for name, a, b in zip(_SETTINGS, log.settings, logs[0].settings, strict=True) if a != b)
            raise TableError(f"{where} must hold logs of the same settings: {log.file} has another `{differs}`")
    epochs = int(str(logs[0].settings[_SETTINGS.index("epochs")]))
    return assemble(
        name=entry.name,
        space=_space(logs),
        archs=np.arange(len(logs))[:, None],
        identity="exact",  # a recipe that was trained under two numbers has two rows, as published
        fidelities=epochs_of(epochs),
        columns=_columns(logs, epochs),
        validation="valid_loss",
        test="test_loss",
        seconds="train_seconds",
        trainings=np.ones((len(logs), 1), dtype=np.uint8),  # a diverged one counts, its missing losses are failures
    )


def _log(match: re.Match[str], record: Any) -> _Log:
    with layout(f"{match[0]} is not a log of this format"):
        curves = {name: [float(value) for value in record[name]] for name in _LISTS}
        log = _Log(
            number=int(record["recepie_id"]),
            file=match[0],
            recipe=str(record["recepie"]),
            params=float(record["num_params"]),
            settings=tuple(record.get(name) for name in _SETTINGS),
            curves=curves,
        )
        status, epochs = str(record["status"]), int(record["epochs"])
    if log.number != int(match[1]):
        raise TableError(f"{match[0]} must be the log of recipe {match[1]}, it is that of {log.number}")
    lengths = {name: len(values) for name, values in curves.items()}
    if len(set(lengths.values())) > 1 or max(lengths.values()) > epochs:
        raise TableError(f"{match[0]} must have four lists of one length, at most {epochs}, got {lengths}")
    if status == "OK" and lengths["wall_times"] != epochs:
        raise TableError(f"{match[0]} must have {epochs} epochs: its status is OK, it has {lengths['wall_times']}")
    return log


def _space(logs: Sequence[_Log]) -> RecipeSpace:
    recipes: dict[str, str] = {}
    for log in logs:
        again = sum(name.partition(".")[0] == str(log.number) for name in list(recipes)[-8:])
        recipes[f"{log.number}.{again + 1}" if again else str(log.number)] = log.recipe
    try:
        return RecipeSpace(recipes)
    except HarnessError as error:
        raise TableError(f"the logs hold a recipe that cannot be read: {reason(error)}") from None


def _columns(logs: Sequence[_Log], epochs: int) -> dict[str, tuple[Column, AnyArray]]:
    curves = {name: _padded(logs, name, epochs) for name in _LISTS}
    seconds = np.nancumsum(curves["wall_times"], axis=1)  # nothing is spent after a training has ended
    loss: dict[str, Any] = {"unit": "nats", "direction": "minimise", "best": None}
    text = "loss per token after each epoch, as reported; its exponential is the perplexity."
    spent = "Training time up to each epoch; a diverged training costs what it took until it ended."
    return named(
        (score("valid_loss", "x-valid", "full", f"Validation {text}", **loss), curves["val_losses"][:, None]),
        (score("train_loss", "train", "full", f"Training {text}", **loss), curves["train_losses"][:, None]),
        (score("test_loss", "ori-test", "full", f"Test {text}", **loss), curves["test_losses"][:, None]),
        (cost("train_seconds", "s", spent), seconds[:, None]),
        (cost("params_m", "M", "Trainable parameters, as reported."), millions(np.array([log.params for log in logs]))),
    )


def _padded(logs: Sequence[_Log], name: str, epochs: int) -> FloatArray:
    """Return a curve of every log, (N, epochs), NaN where the training had ended."""
    filled = np.full((len(logs), epochs), np.nan)
    for row, log in enumerate(logs):
        filled[row, : len(log.curves[name])] = log.curves[name]
    return filled
