"""The columns of NAS-Bench-301's surrogate: predicted ones, and costs in closed form."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from benchmarks_data.predicted.nb301.files import NAME
from benchmarks_data.predicted.nb301.model import EPOCHS, Model
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import HarnessError, unknown
from harness.spaces.darts import costs

CHANNELS, CELLS = 32, 8
"""The network that NAS-Bench-301 trained."""
_TRAINED_ON = "train40k"
COLUMNS = {
    column.name: column
    for column in (
        Column("valid_accuracy", "percent", "maximise", "x-valid", _TRAINED_ON, best=100.0, description="Predicted."),
        Column("valid_cross_entropy", "nats", "minimise", "x-valid", _TRAINED_ON, best=0.0, description="Predicted."),
        Column("train_seconds", "s", "minimise", description="Predicted runtime up to the epoch, made to never fall."),
        Column("params_m", "M", "minimise", description="Trainable parameters, in closed form, auxiliary head apart."),
        Column("macs_m", "M", "minimise", description="Multiply-adds, in closed form, auxiliary head apart."),
    )
}
_MOST_LATER = 100_000  # predictions of later epochs held at once


def column_of(name: str) -> Column:
    """Return what a column is; raises HarnessError for an unknown name."""
    if name not in COLUMNS:
        raise HarnessError(unknown(f"column of {NAME}", name, COLUMNS))
    return COLUMNS[name]


class Values:
    """The columns of some architectures, each worked out when it is asked for.

    Parameters
    ----------
    model : Model
    archs : (n, 22) integers
    epochs : (n,) int64
    """

    def __init__(self, model: Model, archs: Archs, epochs: IntArray) -> None:
        self._model, self._archs, self._epochs = model, archs, epochs

    @cached_property
    def _predicted(self) -> FloatArray:
        return self._model.predict(self._archs, self._epochs)

    def column(self, name: str) -> FloatArray:
        """Return a column in its published unit: (n,)."""
        if name == "params_m":
            return costs.params(self._archs, channels=CHANNELS, cells=CELLS) / 1e6
        if name == "macs_m":
            return costs.macs(self._archs, channels=CHANNELS, cells=CELLS) / 1e6
        if name == "train_seconds":
            return self._seconds()
        return self._predicted[:, 0] * 100.0 if name == "valid_accuracy" else self._predicted[:, 1]

    def _seconds(self) -> FloatArray:
        """Return the least runtime predicted for the epoch or any later one: (n,).

        Predicted runtimes fall here and there from one epoch to the next; a training that goes on can only cost more.
        At the last epoch this is the prediction itself.
        """
        seconds = self._predicted[:, 2].copy()
        early = np.flatnonzero(self._epochs < EPOCHS)
        later = EPOCHS - self._epochs[early]
        for part in np.array_split(early, 1 + int(later.sum()) // _MOST_LATER):
            counts = EPOCHS - self._epochs[part]
            starts = np.cumsum(counts) - counts
            step = np.arange(counts.sum()) - np.repeat(starts, counts) + 1
            archs = np.repeat(self._archs[part], counts, axis=0)
            runtimes = self._model.predict(archs, np.repeat(self._epochs[part], counts) + step)[:, 2]
            if len(part):
                seconds[part] = np.minimum(seconds[part], np.minimum.reduceat(runtimes, starts))
        return seconds
