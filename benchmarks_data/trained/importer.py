"""Tables that this project trained itself, from the compact file that `benchmarks_data.trained.build` writes.

A row is a functional class of the space: its members share the row's values.  Accuracies are stored as numbers of
right answers.  Runs stand in the order of the build's seeds; one that diverged is NaN from there on.  The time of one
training is the whole build's, shared out in proportion to multiply-adds: networks were trained in packs, so single
times do not exist.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, millions, named, score
from harness.errors import TableError, reason
from harness.files.arrays import ArraysError, read_npz
from harness.files.reading import parse_json
from harness.spaces.enumerated import EnumeratedSpace

MISSING = np.iinfo(np.uint16).max
"""Stands for a value that does not exist among the counts."""


def convert(entry: Entry, paths: Sequence[Path], space: EnumeratedSpace, progress: Progress) -> Table:
    """Read a trained table: every epoch's training and validation accuracy, the test accuracy of the last.

    Raises
    ------
    TableError
        If the file is damaged, or its rows are not the functional classes of the space.
    """
    (path,) = paths
    progress(f"reading {path.name}", 0.1)
    arrays = _read(path)
    about = parse_json(str(arrays["provenance"]), str(path), TableError)
    epochs = arrays["valid_accuracy"].shape[2]
    percent = {
        name: _percent(arrays[name], about["sizes"][name.partition("_")[0]])
        for name in ("train_accuracy", "valid_accuracy", "test_accuracy")
    }
    seconds = _seconds(arrays, epochs)
    progress(f"checking {path.name}", 0.4)
    text = "Accuracy on the epoch's own batches, as they were trained on."
    train = score("train_accuracy", "train", "full", text)
    valid = score("valid_accuracy", "x-valid", "full", "Validation accuracy after each epoch.")
    text = "Test accuracy of the same models after the last epoch."
    test = score("test_accuracy", "x-test", "full", text, (epochs - 1,))
    table = assemble(
        name=entry.name,
        space=space,
        archs=arrays["archs"],
        fidelities=epochs_of(epochs),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=np.full((len(arrays["archs"]), 1), arrays["valid_accuracy"].shape[1]),  # a failed one counts as well
        columns=named(
            (valid, percent["valid_accuracy"]),
            (train, percent["train_accuracy"]),
            (test, percent["test_accuracy"][:, :, None]),
            (cost("train_seconds", "s", "Share of the build's time, by multiply-adds."), seconds),
            (cost("params_m", "M", "Trainable parameters, in closed form."), millions(arrays["params"])),
            (cost("macs_m", "M", "Multiply-adds, in closed form."), millions(arrays["macs"])),
        ),
        about={"training": json.dumps(about["plan"]["training"]), "provenance": json.dumps(about)},
    )
    if table.meaning.partial:
        raise TableError(f"{path} must hold one row for each functional class of the space '{space.name}'")
    return table


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        return read_npz(path)
    except (OSError, ArraysError) as error:
        raise TableError(f"{path} is damaged: {reason(error)}") from error


def _percent(counts: npt.NDArray[np.uint16], size: int) -> npt.NDArray[np.float64]:
    percent = counts.astype(np.float64) * (100.0 / size)
    percent[counts == MISSING] = np.nan
    return percent


def _seconds(arrays: dict[str, npt.NDArray[Any]], epochs: int) -> npt.NDArray[np.float64]:
    """Return seconds up to each epoch, (N, 1, E)."""
    share = arrays["macs"] / arrays["macs"].mean()
    whole = share * float(np.nanmean(arrays["seconds"]))
    return np.asarray(whole[:, None, None] * (np.arange(1, epochs + 1) / epochs), dtype=np.float64)
