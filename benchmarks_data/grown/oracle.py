"""The oracle of a growing table: what was trained in full, by any search, held-out results included."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.grown.rows import Rows
from harness.benchmark import Column, Optimum
from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array, arch_matrix, read_only
from harness.errors import HarnessError, unknown
from harness.guard import refuse
from harness.space import SearchSpace


@dataclass(frozen=True, eq=False)
class Finished:
    """N architectures by s seeds.

    Attributes
    ----------
    archs : (N, L) unsigned integers
        In the order in which each was first trained; read-only.
    row : mapping of int to int
        Of each key.
    seeds : (s,) int64
        Of all trainings, rising.
    made : (N, s) bool
        Which of them were made, failed ones included.
    values : mapping of str to (N, s) float64
        Columns, in their published units; NaN where a training was not made, or failed.
    """

    archs: Archs
    row: Mapping[int, int]
    seeds: IntArray
    made: BoolArray
    values: Mapping[str, FloatArray]

    @classmethod
    def of(cls, rows: Rows, columns: Mapping[str, FloatArray]) -> Finished:
        """Return rows, n of one fidelity, with the values of each column, (n,), by architecture and seed."""
        keys, first, key_of = np.unique(rows.keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.argsort(order)[key_of]
        seeds, position = np.unique(rows.seeds, return_inverse=True)
        made = np.zeros((len(keys), len(seeds)), dtype=bool)
        made[place, position] = True
        values = {name: np.full(made.shape, np.nan) for name in columns}
        for name, column in columns.items():
            values[name][place, position] = column
        row = {key: number for number, key in enumerate(keys[order].tolist())}
        return cls(read_only(rows.archs[first[order]]), row, seeds, made, values)


class GrownOracle(ABC):
    """Knows what was trained in full; see `harness.benchmark.Oracle` for the protocol.

    `values` and `optimum` speak of what was trained so far, by any search: the best that can be reached is not known.

    Attributes
    ----------
    name, table_name, digest : str
    space : SearchSpace
    columns : mapping of str to Column
    """

    name: str
    table_name: str
    digest: str
    space: SearchSpace
    columns: Mapping[str, Column]

    @abstractmethod
    def _load(self) -> Finished:
        """Return what was trained; raises TableError where that is nothing."""

    @abstractmethod
    def _keys(self, archs: Archs) -> UInt64Array:
        """Return the keys of architectures in the growing table: (n, L) to (n,)."""

    @cached_property
    def finished(self) -> Finished:
        """What was trained, read once."""
        refuse(self.name)
        return self._load()

    @property
    def archs(self) -> Archs:
        """What was trained, (N, L)."""
        return self.finished.archs

    def column(self, name: str) -> FloatArray:
        """Return every training of every architecture, NaN where one was not made or failed: (N, s)."""
        refuse(self.name)
        if name not in self.finished.values:
            raise HarnessError(unknown(f"column of {self.name}", name, self.finished.values))
        return self.finished.values[name]

    def _found(self, archs: Archs) -> Sequence[int | None]:
        refuse(self.name)
        keys = self._keys(arch_matrix("archs", archs, self.space.genes))
        return [self.finished.row.get(key) for key in keys.tolist()]

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return every training, NaN where one was not made: (n, L) to (n, s)."""
        values, found = self.column(column), self._found(archs)
        there = np.array([row is not None for row in found], dtype=bool)
        out = np.full((len(found), values.shape[1]), np.nan)
        out[there] = values[[row for row in found if row is not None]]
        return out

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the mean over the trainings that were made: (n, L) to (n,); NaN of what was not trained."""
        return mean_over_trainings(self.trainings(archs, column)[:, :, None])[:, 0]

    def values(self, column: str) -> FloatArray:
        """Return the mean of every architecture that was trained: (N,)."""
        return mean_over_trainings(self.column(column)[:, :, None])[:, 0]

    def optimum(self, column: str) -> Optimum:
        """Return the best architecture that was trained; ties go to the first.

        Raises
        ------
        HarnessError
            If all trainings failed.
        """
        values = self.values(column)
        if np.isnan(values).all():
            raise HarnessError(f"all trainings of {self.name} failed: nothing is the best")
        row = int(np.nanargmax(values) if self.columns[column].direction == "maximise" else np.nanargmin(values))
        return Optimum(float(values[row]), self.archs[row].copy(), row)
