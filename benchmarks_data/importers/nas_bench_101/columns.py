"""The columns of a NAS-Bench-101 table: what each number of a record is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks_data.file.layout import AnyArray
from benchmarks_data.importers.parts import closed_form, cost, millions, named, score
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.errors import TableError
from harness.spaces.nb101.costs import macs, params

ACCURACIES = ("train_accuracy", "valid_accuracy", "test_accuracy")
MEASURED = (
    "train_seconds",
    *ACCURACIES,
    "total_seconds",
    "halfway_epoch",
    "halfway_seconds",
    *(f"halfway_{name}" for name in ACCURACIES),
)
"""Numbers of one record, in the order in which they are stored; accuracies are fractions there."""
_IMAGES = {
    "train": ("train", "10,000 of the 40,000 training images"),
    "valid": ("x-valid", "the 10,000 validation images"),
    "test": ("ori-test", "the 10,000 test images"),
}


def columns(
    archs: Archs, values: Mapping[str, AnyArray], parameters: FloatArray, schedules: Sequence[int]
) -> dict[str, tuple[Column, AnyArray]]:
    """Make the columns of a table.

    Parameters
    ----------
    archs : (N, 26) uint8
    values : mapping of str to (N, R, F) float64
        `MEASURED`.
    parameters : (N,) float64
        As reported.
    schedules : sequence of int
        Epochs of each fidelity, F.

    Raises
    ------
    TableError
        If an accuracy is no fraction, or a time is negative.
    """
    halfway = _halfway(values["halfway_epoch"], schedules)
    moments = {name: "after the last epoch" for name in ACCURACIES} | {
        f"halfway_{name}": halfway for name in ACCURACIES
    }
    times = (
        ("train_seconds", "Training time of the whole schedule, without evaluations."),
        ("total_seconds", "Time of the whole schedule, evaluations and start included."),
        ("halfway_seconds", f"Training time until the halfway evaluation: {halfway}."),
    )
    return closed_form(params(archs), macs(archs)) | named(
        *((_accuracy(name, when), _percent(name, values[name])) for name, when in moments.items()),
        *((cost(name, "s", text), _seconds(name, values[name])) for name, text in times),
        (cost("params_reported_m", "M", "Trainable parameters, as reported."), millions(parameters)),
    )


def _accuracy(name: str, when: str) -> Column:
    split, images = _IMAGES[name.removeprefix("halfway_").removesuffix("_accuracy")]
    return score(name, split, "train40k", f"Accuracy on {images}, by run: {when}.")


def _halfway(epochs: AnyArray, schedules: Sequence[int]) -> str:
    """Say when the halfway evaluations were made; in EC-NAS files it is not half of the schedule."""
    listed = [
        f"{' or '.join(f'{epoch:g}' for epoch in np.unique(np.round(epochs[:, :, place])))} of {schedule}"
        for place, schedule in enumerate(schedules)
    ]
    return f"within the schedule, after epoch {', '.join(listed)} (not the end of a shorter schedule)"


def _percent(name: str, fractions: AnyArray) -> AnyArray:
    if not ((fractions >= 0.0) & (fractions <= 1.0)).all():
        raise TableError(f"every {name} of a record must be a fraction, 0 to 1")
    return np.round(fractions * 100.0, 10)


def _seconds(name: str, seconds: AnyArray) -> AnyArray:
    if not (seconds >= 0.0).all():
        raise TableError(f"every {name} of a record must be at least 0")
    return seconds
