"""A benchmark altered for checks: some of its trainings fail, or one more constraint is to be kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray, UInt64Array
from harness.problem import Constraint
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
    """

    def __init__(self, benchmark: Benchmark, *, failing: bool = False, constrained: bool = False) -> None:
        self.name, self.space, self.digest = benchmark.name, benchmark.space, benchmark.digest
        self.objectives, self.fidelities = benchmark.objectives, benchmark.fidelities
        self.has_seconds = benchmark.has_seconds
        self.constraints = (*benchmark.constraints, *[Constraint("made up for this check", "<=", 0.0)] * constrained)
        self.signals = signals_of(benchmark)
        self._benchmark, self._failing, self._constrained = benchmark, failing, constrained

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
        return told
