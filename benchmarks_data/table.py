"""A table as a benchmark: from genotypes and noise seeds to validation results, by look-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks_data.schema import Header
from benchmarks_data.spaces.enumerated import EnumeratedSpace
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, UInt64Array, integer
from harness.errors import HarnessError, must, unknown
from harness.problem import Constraint, Fidelity, Objective
from harness.records import Evaluations, Proposals
from harness.seeding import mix64

CHUNK = 8192
"""Rows that are looked up at once: their intermediate arrays stay in the second-level cache."""
_ROW_STRIDE = np.uint64(0xD1342543DE82EF95)
_HALF = np.uint64(32)
_Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Reader:
    """A column prepared for look-up.

    Attributes
    ----------
    values : (N * R * F,) float64
        Flat; R is 1 where the column has no runs of its own, F is 1 where it does not change in training.
    by_run : bool
        Whether R is the table's.
    fidelities : int
        F.
    convert : callable or None
        From published values to what is told; None leaves them as they are.
    """

    values: FloatArray
    by_run: bool
    fidelities: int
    convert: Callable[[FloatArray], FloatArray] | None

    def read(self, rows: _Rows, runs: _Rows, fidelity: IntArray) -> FloatArray:
        """Look up table rows, or run numbers, at a fidelity each: (n,), (n,), (n,) to (n,)."""
        places = runs if self.by_run else rows
        if self.fidelities > 1:
            places = places * self.fidelities + fidelity
        found: FloatArray = self.values.take(places)
        return found if self.convert is None else self.convert(found)


class TableBenchmark:
    """Answers proposals from a table; see `harness.benchmark.Benchmark` for the protocol.

    A noise seed draws one of the runs present in the row: hash(noise seed, row, length of the schedule), the same run
    for every column, whatever the order or the batch.  Columns without runs of their own answer with their one value.
    The seconds told are those of training: NAS-Bench-201's 200-epoch total, without the validation pass, which its
    source does not record; NaN where a table has no times.

    Parameters
    ----------
    header : Header
        Of the table; held-out columns are not in it.
    space : EnumeratedSpace
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation column.
    constraints : sequence of Constraint
    replicate : int, optional
        Always answer with this run instead of drawing one; every row must have it.
    """

    def __init__(
        self,
        header: Header,
        space: EnumeratedSpace,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        replicate: int | None = None,
    ) -> None:
        self._header = header
        self.space = space
        self.name: str = header.meaning.name
        self.digest: str = header.digest
        self.fidelities: tuple[Fidelity, ...] = header.meaning.fidelities
        self.has_seconds: bool = header.meaning.seconds is not None
        chosen = (header.meaning.validation,) if objectives is None else objectives
        self.objectives: tuple[Objective, ...] = tuple(self._objective(item) for item in chosen)
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        if not self.objectives:
            raise HarnessError(must("objectives", "name at least one column", list(chosen)))
        self._row_of = header.array("index/rows").astype(np.intp)  # what `take` wants: no conversion in each look-up
        self._runs = header.array("index/runs").astype(np.uint64)
        self._most_runs = int(self._runs.max())
        self._schedules = mix64([fidelity.schedule for fidelity in self.fidelities])
        self._replicate = self._checked_replicate(replicate)
        self._drawn = self._readers(self._replicate)
        self._draws = any(reader.by_run for reader in self._drawn)
        self._means: list[_Reader] = []
        self._check_feasible()

    def _check_feasible(self) -> None:
        """Refuse constraints that no row keeps: a search under them has no answer."""
        if not self.constraints:
            return
        kept = [
            constraint.violation(mean_over_runs(self._header.values(constraint.name))[:, -1]) <= 0
            for constraint in self.constraints
        ]
        if not np.logical_and.reduce(kept).any():
            listed = ", ".join(map(str, self.constraints))
            raise HarnessError(f"no architecture of {self.name} keeps {listed}; loosen the constraints")

    def _column(self, name: str) -> Column:
        if name == self._header.meaning.test:
            raise HarnessError(f"the column '{name}' of {self.name} is held out: only reports may look at it")
        if name not in self._header.columns:
            raise HarnessError(unknown(f"column of {self.name}", name, self._header.columns))
        return self._header.columns[name]

    def _objective(self, item: str | Objective) -> Objective:
        if isinstance(item, Objective):
            self._column(item.name)
            return item
        column = self._column(item)
        return Objective(item, column.direction, column.unit, column.best)

    def _checked_replicate(self, replicate: int | None) -> int | None:
        if replicate is None:
            return None
        fewest = int(self._runs.min())
        if replicate >= fewest and fewest < self._most_runs:
            short = int(np.count_nonzero(self._runs <= replicate))
            rule = f"be at most {fewest - 1} in {self.name}: {short} rows have no further run"
            raise HarnessError(must("replicate", rule, replicate))
        return integer("replicate", replicate, low=0, high=fewest - 1)

    def _readers(self, fixed: int | str | None) -> list[_Reader]:
        """Prepare objectives, constraints and seconds: every run (None), the mean of them ("mean"), or a fixed one."""

        def reader(name: str, convert: Callable[[FloatArray], FloatArray] | None) -> _Reader:
            self._column(name)
            values = self._header.values(name)
            by_run = values.shape[1] > 1 and fixed is None
            if values.shape[1] > 1 and fixed is not None:
                values = mean_over_runs(values) if fixed == "mean" else values[:, int(fixed)]
            return _Reader(np.ascontiguousarray(values).reshape(-1), by_run, values.shape[-1], convert)

        objectives = [
            reader(item.name, item.to_minimised if item.direction == "maximise" else None) for item in self.objectives
        ]
        constraints = [reader(item.name, item.violation) for item in self.constraints]
        seconds = self._header.meaning.seconds
        return objectives + constraints + ([reader(seconds, None)] if seconds else [])

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals; see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not in the table (it is named), or a fidelity or a noise seed is not what it must be.
        """
        archs, n = proposals.archs, len(proposals)
        seeds = self._checked(proposals, noise_seed)
        if noise_seed is None and self._replicate is None:
            self._means = self._means or self._readers("mean")
            readers = self._means
        else:
            readers = self._drawn
        columns = np.empty((len(readers), n))
        for start in range(0, n, CHUNK):
            part = slice(start, start + CHUNK)
            rows = self._find(archs[part])
            fidelity = proposals.fidelity[part]
            runs = rows if seeds is None else self._draw(rows, seeds[part], fidelity)
            for column, reader in zip(columns, readers, strict=True):
                column[part] = reader.read(rows, runs, fidelity)
        m, c = len(self.objectives), len(self.constraints)
        seconds = columns[m + c] if self.has_seconds else np.full(n, np.nan)
        objectives, constraints = columns[:m].T, columns[m : m + c].T
        return Evaluations(archs, proposals.fidelity, proposals.tag, objectives, constraints, seconds)

    def _checked(self, proposals: Proposals, noise_seed: UInt64Array | None) -> UInt64Array | None:
        """Check what is asked; return the noise seeds, None where no run is to be drawn."""
        archs = proposals.archs
        if archs.ndim != 2 or archs.shape[1] != self.space.genes or archs.dtype.kind not in "ui":
            rule = f"be integers of shape (n, {self.space.genes})"
            raise HarnessError(must("archs", rule, f"{archs.dtype} of shape {archs.shape}"))
        if not self.space.in_range(archs):
            wrong = archs[~((archs >= 0) & (archs < self.space.cardinalities)).all(axis=1)][0]
            rule = f"have genes below {self.space.cardinalities.tolist()}"
            raise HarnessError(must("archs", rule, wrong.tolist()))
        fidelity = proposals.fidelity
        if fidelity.any() and not 0 <= fidelity.min() <= fidelity.max() < len(self.fidelities):
            rule = f"be in range({len(self.fidelities)}): {self.name} has no other"
            raise HarnessError(must("fidelity", rule, [int(fidelity.min()), int(fidelity.max())]))
        if noise_seed is None or not self._draws:
            return None
        seeds = np.asarray(noise_seed)
        if seeds.shape != (len(archs),) or seeds.dtype != np.uint64:
            rule = f"be uint64 of shape ({len(archs)},)"
            raise HarnessError(must("noise_seed", rule, f"{seeds.dtype} of shape {seeds.shape}"))
        return seeds

    def _find(self, archs: Archs) -> _Rows:
        """Return the table row of each architecture: (n, L) to (n,)."""
        rows: _Rows = self._row_of.take(self.space.positions(archs))
        if rows.min() < 0:
            missing = self.space.format(archs[rows < 0][:1])[0]
            raise HarnessError(must("archs", f"be in the table {self.name}", missing))
        return rows

    def _draw(self, rows: _Rows, seeds: UInt64Array, fidelity: IntArray) -> _Rows:
        """Return the number of the run that answers, row * R + k, k < runs of the row: (n,) each to (n,)."""
        counters = rows.astype(np.uint64)
        counters *= _ROW_STRIDE
        counters += seeds
        counters += self._schedules if len(self._schedules) == 1 else self._schedules.take(fidelity)
        draws = mix64(counters)
        draws >>= _HALF
        draws *= self._runs.take(rows)
        draws >>= _HALF
        runs: _Rows = draws.view(np.int64)
        runs += rows * self._most_runs
        return runs


def mean_over_runs(values: FloatArray) -> FloatArray:
    """Return the mean over the runs that exist, NaN where none does: (N, R, F) to (N, F)."""
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    totals = np.where(present, values, 0.0).sum(axis=1)
    means: FloatArray = np.divide(totals, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means
