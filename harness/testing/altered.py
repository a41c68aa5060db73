"""A benchmark altered for checks: trainings fail, one more constraint is to be kept, columns are told with gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray, UInt64Array
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.search.beside import signals_of, values_of
from harness.seeding import mix64


class Altered:
    """Answers like a benchmark, but for what is altered; which architectures it concerns depends on these alone.

    Parameters
    ----------
    benchmark : Benchmark
    failing : bool
        Whether a quarter of the architectures fail (NaN).
    constrained : bool
        Whether there is one more constraint, which half of the architectures break.
    gaps : bool
        Whether the auxiliary columns, of which one is made up where there are none, are missing for half of the
        architectures.
    """

    def __init__(
        self, benchmark: Benchmark, *, failing: bool = False, constrained: bool = False, gaps: bool = False
    ) -> None:
        self.name, self.space, self.digest = benchmark.name, benchmark.space, benchmark.digest
        self.objectives, self.fidelities = benchmark.objectives, benchmark.fidelities
        self.has_seconds = benchmark.has_seconds
        self.constraints = (*benchmark.constraints, *[Constraint("made up for this check", "<=", 0.0)] * constrained)
        self.signals = signals_of(benchmark)
        self.auxiliary: tuple[Objective, ...] = getattr(benchmark, "auxiliary", ())
        self._makes_up = gaps and not self.auxiliary
        if self._makes_up:
            self.auxiliary = (Objective("made up for this check"),)
        self._benchmark, self._failing, self._constrained, self._gaps = benchmark, failing, constrained, gaps

    def look(self, signal: str, archs: Archs) -> FloatArray:
        """Return a signal as it is published: (n, L) to (n,)."""
        known = {item.name: item for item in self.signals}[signal]
        values = values_of(self._benchmark, known, archs)
        return -values if known.direction == "maximise" else values

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate proposals; see `harness.benchmark.Benchmark`."""
        told = self._benchmark.query(proposals, noise_seed=noise_seed)
        marks = mix64(self.space.code(proposals.archs)) % np.uint64(4)
        if self._failing:
            told = replace(told, objectives=np.where(marks[:, None] == 0, np.nan, told.objectives))
        if self._constrained:
            broken = np.where(marks < 2, 1.0, -1.0)
            told = replace(told, constraints=np.column_stack([told.constraints, broken]))
        if self._gaps:
            known = told.objectives[:, :1] if self._makes_up else told.auxiliary
            told = replace(told, auxiliary=np.where(marks[:, None] < 2, np.nan, known))
        return told
