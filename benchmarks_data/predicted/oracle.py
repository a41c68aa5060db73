"""The oracle of a surrogate benchmark, for reports: its own predictions without noise, at the full fidelity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from harness.benchmark import Column, Optimum
from harness.checks import Archs, FloatArray, arch_matrix
from harness.errors import HarnessError, unknown
from harness.space import SearchSpace
from harness.spaces.enumerated import EnumeratedSpace

_REFERENCE, _CLIMBS, _SEED = 10_000, 20, 301


class PredictedOracle(ABC):
    """Predictions in place of a table; see `harness.benchmark.Oracle` for the protocol.

    Nothing is held out and there is no test column: reports judge by validation, as predicted.  `values` and `optimum`
    speak of reference architectures: all of them, where every coding can be listed; else 10,000 drawn uniformly (always
    the same), and the ends of best-improvement climbs from the 20 best of them.  Regret is the distance to the best of
    these, and negative where a search finds a better one.

    Attributes
    ----------
    archs : (N, L) unsigned integers
        The reference architectures; read-only.
    predicts : bool
        True: what `trainings` gives is no training, and has no noise.
    """

    predicts = True
    validation: str
    seconds: str | None
    test: str | None = None

    def __init__(
        self, name: str, space: SearchSpace, digest: str, columns: Mapping[str, Column], seconds: str | None
    ) -> None:
        self.name, self.space, self.digest, self.columns = name, space, digest, columns
        self.validation = next(key for key, column in columns.items() if column.split == "x-valid")
        self.seconds = seconds
        self.has_seconds = seconds is not None
        self._known: dict[str, FloatArray] = {}

    @abstractmethod
    def predicted(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction of a column that is there, without noise: (n, L) to (n,)."""

    @property
    def drawn(self) -> int:
        """How many of `archs`, the first, were drawn uniformly; 0 where they are all that there are."""
        return 0 if isinstance(self.space, EnumeratedSpace) else _REFERENCE

    @property
    def reference(self) -> str:
        """How the reference architectures were found."""
        if isinstance(self.space, EnumeratedSpace):
            return "all of the space"
        return f"{_REFERENCE:,} drawn uniformly, and the ends of climbs from the {_CLIMBS} best of them"

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction: (n, L) to (n,)."""
        if column not in self.columns:
            raise HarnessError(unknown(f"column of {self.name}", column, self.columns))
        return self.predicted(arch_matrix("archs", archs, self.space.genes), column)

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return the one prediction there is: (n, L) to (n, 1)."""
        return self.mean(archs, column)[:, None]

    def values(self, column: str) -> FloatArray:
        """Return the prediction of every reference architecture: (N,)."""
        if column not in self._known:
            self._known[column] = self.mean(self.archs, column)
        return self._known[column].copy()

    def optimum(self, column: str) -> Optimum:
        """Return the best reference architecture; ties go to the first."""
        values = self.values(column)
        row = int(values.argmax() if self.columns[column].direction == "maximise" else values.argmin())
        return Optimum(float(values[row]), self.archs[row].copy(), row)

    @cached_property
    def archs(self) -> Archs:
        """The reference architectures, (N, L)."""
        if isinstance(self.space, EnumeratedSpace):
            codings = self.space.all_codings
            archs = np.ascontiguousarray(codings[self.space.is_valid(codings)])
        else:
            drawn = self.space.sample(_REFERENCE, np.random.default_rng(_SEED))
            best = np.argsort(self._errors(drawn), kind="stable")[:_CLIMBS]
            archs = np.concatenate([drawn, self._climbed(drawn[best])])
        archs.flags.writeable = False
        return archs

    def _errors(self, archs: Archs) -> FloatArray:
        """Return validation results, lower is better: (n, L) to (n,)."""
        sign = -1.0 if self.columns[self.validation].direction == "maximise" else 1.0
        return sign * self.mean(archs, self.validation)

    def _climbed(self, archs: Archs) -> Archs:
        """Move each architecture to its best neighbour until none is better: (n, L) to (n, L)."""
        ends = archs.copy()
        errors = self._errors(ends)
        climbing = np.arange(len(ends))
        while len(climbing):
            around = [self.space.neighbours(ends[row]) for row in climbing]
            found = np.split(self._errors(np.concatenate(around)), np.cumsum([len(each) for each in around])[:-1])
            better = [values.min() < errors[row] for row, values in zip(climbing, found, strict=True)]
            for row, near, values in zip(climbing, around, found, strict=True):
                if values.min() < errors[row]:
                    ends[row], errors[row] = near[values.argmin()], values.min()
            climbing = climbing[better]
        return ends
