"""The oracle of NAS-Bench-301's surrogate, for reports: its own predictions, at the last epoch."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from benchmarks_data.predicted.nb301.columns import COLUMNS, Values, column_of
from benchmarks_data.predicted.nb301.files import NAME, Imported
from benchmarks_data.predicted.nb301.model import EPOCHS, Model
from harness.benchmark import Optimum
from harness.checks import Archs, FloatArray, arch_matrix
from harness.spaces.darts.space import DARTSSpace

_REFERENCE, _CLIMBS, _SEED = 10_000, 20, 301


class SurrogateOracle:
    """The same predictions at the last epoch; see `harness.benchmark.Oracle` for the protocol.

    Nothing is held out and there is no test column: reports judge by validation, as predicted.  The space is too large
    to list, so `values` and `optimum` speak of reference architectures: 10,000 drawn uniformly (always the same), and
    the ends of best-improvement climbs from the 20 best of them.  Regret is the distance to the best of these, and
    negative where a search finds a better one.

    Attributes
    ----------
    archs : (N, 22) uint8
        The reference architectures; read-only.
    """

    def __init__(self, imported: Imported) -> None:
        self.reference: str = "10,000 drawn uniformly, and the ends of climbs from the 20 best of them"
        self.name = NAME
        self.space = DARTSSpace()
        self.digest = imported.digest
        self.columns = COLUMNS
        self.validation = "valid_accuracy"
        self.test: str | None = None
        self.has_seconds = True
        self._model = Model(imported)
        self._found: dict[str, FloatArray] = {}

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction: (n, L) to (n,)."""
        column_of(column)
        archs = arch_matrix("archs", archs, self.space.genes)
        return Values(self._model, archs, np.full(len(archs), EPOCHS)).column(column)

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return the one prediction there is: (n, L) to (n, 1)."""
        return self.mean(archs, column)[:, None]

    def values(self, column: str) -> FloatArray:
        """Return the prediction of every reference architecture: (N,)."""
        if column not in self._found:
            self._found[column] = self.mean(self.archs, column)
        return self._found[column].copy()

    def optimum(self, column: str) -> Optimum:
        """Return the best reference architecture; ties go to the first."""
        values = self.values(column)
        row = int(values.argmax() if column_of(column).direction == "maximise" else values.argmin())
        return Optimum(float(values[row]), self.archs[row].copy(), row)

    @cached_property
    def archs(self) -> Archs:
        """The reference architectures, (N, 22) uint8."""
        drawn = self.space.sample(_REFERENCE, np.random.default_rng(_SEED))
        best = np.argsort(-self.mean(drawn, self.validation), kind="stable")[:_CLIMBS]
        archs = np.concatenate([drawn, self._climbed(drawn[best])])
        archs.flags.writeable = False
        return archs

    def _climbed(self, archs: Archs) -> Archs:
        """Move each architecture to its best neighbour until none is better: (n, 22) to (n, 22)."""
        ends = archs.copy()
        values = self.mean(ends, self.validation)
        climbing = np.arange(len(ends))
        while len(climbing):
            around = np.stack([self.space.neighbours(ends[row]) for row in climbing])
            accuracies = self.mean(around.reshape(-1, self.space.genes), self.validation).reshape(around.shape[:2])
            steps = accuracies.argmax(axis=1)
            better = accuracies.max(axis=1) > values[climbing]
            ends[climbing[better]] = around[better, steps[better]]
            values[climbing[better]] = accuracies.max(axis=1)[better]
            climbing = climbing[better]
        return ends
