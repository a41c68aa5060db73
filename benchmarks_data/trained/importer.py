"""Tables that this project trained itself, from the compact file that `benchmarks_data.trained.build` writes.

A row is a functional class of the space: its members share the row's values.  Accuracies are stored as numbers of
right answers.  Runs stand in the order of the build's seeds; one that diverged is NaN from there on.  The time of one
training is the whole build's, shared out in proportion to multiply-adds: networks were trained in packs, so single
times do not exist.

A table can have low fidelities beside its full trainings: smaller trainings of the same classes, each from a file of
its own, the cheapest first and the full one last.  They cost what the full one costs, in proportion to multiply-adds
and training items, wherever they were trained.

A sample of a space that is too large for a table has a row for each architecture that was trained, of which some have
all of the build's seeds and the others the first; who proposed each row stands in the provenance: ``origins`` are
strategies, ``origin`` the place of each row's among them.
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
from harness.problem import Fidelity
from harness.space import SearchSpace

MISSING = np.iinfo(np.uint16).max
"""Stands for a value that does not exist among the counts."""


def convert(entry: Entry, paths: Sequence[Path], space: SearchSpace, progress: Progress) -> Table:
    """Read a table of the catalogue; see `read`."""
    return read(entry.name, paths, space, progress)


def read(name: str, paths: Sequence[Path], space: SearchSpace, progress: Progress) -> Table:
    """Read a trained table: every epoch's training and validation accuracy, the test accuracy of the last.

    Parameters
    ----------
    name : str
        Of the table.
    paths : sequence of Path
        Files of `benchmarks_data.trained.build.save`, those of low fidelities first.
    space : SearchSpace
    progress : callable

    Raises
    ------
    TableError
        If the file is damaged, or its rows are not the functional classes of the space and it is no sample.
    """
    parts = []
    for place, path in enumerate(paths):
        progress(f"reading {path.name}", 0.1 + 0.3 * place / len(paths))
        parts.append(_Part(path))
    full = parts[-1]
    for part in parts:
        if not np.array_equal(part.arrays["archs"], full.arrays["archs"]):
            raise TableError(f"{part.path} and {full.path} must hold the same architectures")
    most = max(part.runs for part in parts)
    scales = [part.scale(full) for part in parts]
    fidelities: list[Fidelity] = []
    for part, scale in zip(parts, scales, strict=True):
        fidelities += epochs_of(part.epochs, first=len(fidelities), scale=scale)
    measured = {
        name: _joined([part.percent(name, most) for part in parts]) for name in ("train_accuracy", "valid_accuracy")
    }
    seconds = _joined([full.seconds(part) for part in parts])
    progress(f"checking {full.path.name}", 0.4)
    text = "Accuracy on the epoch's own batches, as they were trained on."
    train = score("train_accuracy", "train", "full", text)
    valid = score("valid_accuracy", "x-valid", "full", "Validation accuracy after each epoch.")
    text = "Test accuracy of the same models after the last epoch."
    test = score("test_accuracy", "x-test", "full", text, (len(fidelities) - 1,))
    rows = len(full.arrays["archs"])
    provenance = full.about if len(parts) == 1 else full.about | {"low_fidelities": [part.about for part in parts[:-1]]}
    trainings = np.tile([part.runs for part in parts], (rows, 1))  # a failed one counts as well
    sampled: dict[str, Any] = {}
    if (made := full.arrays.get("made")) is not None:
        trainings = np.count_nonzero(made, axis=1)[:, None]
        seeds = np.where(made, full.about["plan"]["training"]["seeds"], -1)[:, None]
        sampled = {"seeds": seeds, "identity": "exact", "partial": True}
    table = assemble(
        name=name,
        space=space,
        archs=full.arrays["archs"],
        fidelities=fidelities,
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=trainings,
        columns=named(
            (valid, measured["valid_accuracy"]),
            (train, measured["train_accuracy"]),
            (test, full.percent("test_accuracy", most)[:, :, None]),
            (cost("train_seconds", "s", "Share of the build's time, by multiply-adds."), seconds),
            (cost("params_m", "M", "Trainable parameters, in closed form."), millions(full.arrays["params"])),
            (cost("macs_m", "M", "Multiply-adds, in closed form."), millions(full.arrays["macs"])),
        ),
        about={"training": json.dumps(full.about["plan"]["training"]), "provenance": json.dumps(provenance)},
        **sampled,
    )
    if table.meaning.partial and not sampled:
        raise TableError(f"{full.path} must hold one row for each functional class of the space '{space.name}'")
    return table


class _Part:
    """One file of trainings: S seeds of N architectures over E epochs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrays = _read(path)
        self.about = parse_json(str(self.arrays["provenance"]), str(path), TableError)
        _, self.runs, self.epochs = self.arrays["valid_accuracy"].shape

    def percent(self, name: str, runs: int) -> npt.NDArray[np.float64]:
        """Return accuracies in percent, with so many runs along the second axis, NaN for those that there are not."""
        counts = self.arrays[name]
        percent = counts.astype(np.float64) * (100.0 / self.about["sizes"][name.partition("_")[0]])
        percent[counts == MISSING] = np.nan
        spread = np.full((len(percent), runs, *percent.shape[2:]), np.nan)
        spread[:, : self.runs] = percent
        return spread

    def scale(self, full: _Part) -> dict[str, float]:
        """Return what is smaller than in the full trainings: the share of training items, and of channels."""
        channels = [part.about["plan"]["training"]["recipe_changes"].get("channels", 0) for part in (self, full)]
        shares = {"data": self.about["sizes"]["train"] / full.about["sizes"]["train"]}
        shares |= {"width": channels[0] / channels[1]} if channels[1] else {}
        return {name: share for name, share in shares.items() if share != 1.0}

    def seconds(self, part: _Part) -> npt.NDArray[np.float64]:
        """Return seconds up to each epoch of smaller trainings, or of its own, (N, 1, E)."""
        share = part.arrays["macs"] / self.arrays["macs"].mean()
        whole = share * float(np.nanmean(self.arrays["seconds"]))
        whole *= part.about["sizes"]["train"] / self.about["sizes"]["train"]
        return np.asarray(whole[:, None, None] * (np.arange(1, part.epochs + 1) / self.epochs), dtype=np.float64)


def _joined(parts: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return np.concatenate(parts, axis=2)


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        return read_npz(path)
    except (OSError, ArraysError) as error:
        raise TableError(f"{path} is damaged: {reason(error)}") from error
