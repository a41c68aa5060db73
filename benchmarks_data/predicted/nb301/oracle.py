"""The oracle of NAS-Bench-301's surrogate, for reports: its own predictions, at the last epoch."""

from __future__ import annotations

import numpy as np

from benchmarks_data.predicted.nb301.columns import COLUMNS, Values
from benchmarks_data.predicted.nb301.files import NAME, Imported
from benchmarks_data.predicted.nb301.model import EPOCHS, Model
from benchmarks_data.predicted.oracle import PredictedOracle
from harness.checks import Archs, FloatArray
from harness.spaces.darts.space import DARTSSpace


class SurrogateOracle(PredictedOracle):
    """The same predictions at the last epoch; see `PredictedOracle`."""

    def __init__(self, imported: Imported) -> None:
        super().__init__(NAME, DARTSSpace(), imported.digest, COLUMNS, None)
        self.has_seconds = True
        self._model = Model(imported)

    def predicted(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction: (n, L) to (n,)."""
        return Values(self._model, archs, np.full(len(archs), EPOCHS)).column(column)
