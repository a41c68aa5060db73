"""A table as an oracle: every column, held-out ones included, for those who may look."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchmarks_data.file import index
from benchmarks_data.file.layout import AnyArray, Header
from benchmarks_data.file.trainings import mean_over_trainings
from harness.benchmark import Column, Optimum
from harness.checks import Archs, FloatArray, arch_matrix
from harness.errors import HarnessError, must, unknown
from harness.guard import refuse
from harness.space import SearchSpace


class TableOracle:
    """Knows all columns of a table at the full fidelity; see `harness.benchmark.Oracle` for the protocol.

    A column that was not measured at the full fidelity answers with the last one at which it was.

    Parameters
    ----------
    header : Header
        Of the table, opened with its held-out columns.
    space : SearchSpace

    Attributes
    ----------
    archs : (N, L) unsigned integers
        The architecture of every row, in table order (NAS-Bench-201: the official index); read-only.
    training_counts : (N,) uint8
        How many trainings every row has in the schedule of the full fidelity; read-only.
    """

    def __init__(self, header: Header, space: SearchSpace) -> None:
        self._header = header
        self.space = space
        self.name: str = header.meaning.name
        self.table_name: str = header.meaning.name
        self.digest: str = header.digest
        self.columns: Mapping[str, Column] = header.columns
        self.validation: str = header.meaning.validation
        self.test: str | None = header.meaning.test
        self.seconds: str | None = header.meaning.seconds
        self.has_seconds: bool = self.seconds is not None
        self.archs: Archs = header.array("archs")
        self.training_counts: AnyArray = header.array("index/runs")[:, header.meaning.schedule_of[-1]]
        self._index = index.opened(header, space)
        self._means: dict[str, FloatArray] = {}

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the mean over the trainings that exist: (n, L) to (n,)."""
        mean: FloatArray = self._mean(column)[self.rows(archs)]
        self._header.content.check_unchanged()
        return mean

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return every training, NaN where one was not made: (n, L) to (n, s)."""
        trainings: FloatArray = self._trainings_of(column)[self.rows(archs)]
        self._header.content.check_unchanged()
        return trainings

    def values(self, column: str) -> FloatArray:
        """Return the mean of every row of the table, in table order: (N,)."""
        mean = self._mean(column).copy()
        self._header.content.check_unchanged()
        return mean

    def optimum(self, column: str) -> Optimum:
        """Return the best row of the table by `values`; ties go to the first row.

        Raises
        ------
        HarnessError
            If the column is unknown or has no value at all.
        """
        values = self._mean(column)
        if np.isnan(values).all():
            raise HarnessError(must("column", f"have a value in {self.name}", column))
        row = int(np.nanargmax(values) if self.columns[column].direction == "maximise" else np.nanargmin(values))
        best = Optimum(float(values[row]), self.archs[row].copy(), row)
        self._header.content.check_unchanged()
        return best

    def rows(self, archs: Archs) -> npt.NDArray[np.intp]:
        """Return the table row of each architecture: (n, L) to (n,).

        Raises
        ------
        HarnessError
            If an architecture is not in the table; names it.
        """
        archs = arch_matrix("archs", archs, self.space.genes)
        index.check_genes(self.space, archs)
        return index.rows_of(self._index, self.space, archs, self.name)

    def _trainings_of(self, column: str) -> FloatArray:
        refuse(self.name)
        if column not in self.columns:
            raise HarnessError(unknown(f"column of {self.name}", column, self.columns))
        return self._header.values(column)[:, :, -1]

    def _mean(self, column: str) -> FloatArray:
        refuse(self.name)
        if column not in self._means:
            self._means[column] = mean_over_trainings(self._trainings_of(column)[:, :, None])[:, 0]
        return self._means[column]
