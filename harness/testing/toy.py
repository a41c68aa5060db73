"""A small benchmark without files: for conformance checks, tests and examples."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, integer
from harness.errors import HarnessError
from harness.growth import GeneGrowth, Growth
from harness.problem import Constraint, Fidelity, Objective, Signal
from harness.records import Evaluations, Proposals
from harness.seeding import mix64
from harness.space import SearchSpace


class ToySpace(SearchSpace):
    """Five genes of four values each; written ``"0-3-1-2-0"``."""

    description = "Five genes of four values each, uniform."

    def __init__(self) -> None:
        super().__init__("toy", [4] * 5)

    @property
    def growth(self) -> Growth:
        """Growth of one gene to its next value; the level is the sum of the genes."""
        return GeneGrowth(self.cardinalities, steps=True)

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as digits joined by hyphens."""
        return ["-".join(map(str, row)) for row in np.asarray(archs).tolist()]

    def _genes(self, text: str) -> list[int]:
        """Read digits joined by hyphens."""
        row = [int(part) if part.isdigit() else -1 for part in text.split("-")]
        if len(row) != self.genes or not all(0 <= value < 4 for value in row):
            raise HarnessError(f"`text` must be five digits 0 to 3 joined by '-', got {text!r}")
        return row


class ToyBenchmark:
    """Error in percent, a noisy sum over genes with one interaction; half the training tells most of it.

    Parameters
    ----------
    failing : bool
        Whether architectures that begin with 3-3 fail (NaN).
    has_seconds : bool
        Whether it knows training seconds.
    constraints : tuple of Constraint
        On the column ``"size"``, the sum of the genes.
    objectives : int
        How many: 1, the error; 2, and the size; 3, and the spread of the genes.
    auxiliary : bool
        Whether it tells the error in training, half of the error of the same training.
    """

    name = "toy"
    digest = "toy-1"
    fidelities = (Fidelity("epoch 5 of 10", 10, 5), Fidelity("epoch 10 of 10", 10, 10, continues=0))
    signals = (
        Signal("size", "minimise", "", 0.0),
        Signal("score", "maximise", "", 0.25),
        Signal("untimed", "minimise", "", None),
    )
    runs = 3

    def __init__(
        self,
        *,
        failing: bool = False,
        has_seconds: bool = True,
        constraints: tuple[Constraint, ...] = (),
        objectives: int = 1,
        auxiliary: bool = False,
    ) -> None:
        known = (Objective("error", "minimise", "percent", 0.0), Objective("size"), Objective("spread"))
        self.objectives = known[: integer("objectives", objectives, low=1, high=len(known))]
        self.space = ToySpace()
        self.has_seconds = has_seconds
        self.constraints = constraints
        self.auxiliary = (Objective("train_error", "minimise", "percent", 0.0),) * auxiliary
        self._failing = failing

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate proposals; see `harness.benchmark.Benchmark`."""
        archs = proposals.archs.astype(np.int64)
        values = self.values(archs)
        if noise_seed is not None:
            run = mix64(noise_seed ^ mix64(self.space.code(archs))) % np.uint64(self.runs)
            values = values + 0.5 * (run.astype(np.float64) - 1.0)
        values = values + np.where(proposals.fidelity == 0, 5.0 + archs[:, 4], 0.0)
        if self._failing:
            values = np.where((archs[:, 0] == 3) & (archs[:, 1] == 3), np.nan, values)
        size = archs.sum(axis=1)
        seconds = (10.0 + size) * np.where(proposals.fidelity == 0, 0.5, 1.0)
        violations = [constraint.violation(size) for constraint in self.constraints]
        return Evaluations(
            archs=proposals.archs,
            fidelity=proposals.fidelity,
            tag=proposals.tag,
            objectives=np.stack([values, size, np.ptp(archs, axis=1)], axis=1)[:, : len(self.objectives)],
            constraints=np.stack(violations, axis=1) if violations else np.empty((len(archs), 0)),
            seconds=seconds if self.has_seconds else np.full(len(archs), np.nan),
            auxiliary=0.5 * values[:, None][:, : len(self.auxiliary)],
        )

    def look(self, signal: str, archs: Archs) -> FloatArray:
        """Return the sum of the genes ("size", "untimed"), or what half the error tells, without noise: (n,)."""
        archs = np.asarray(archs, dtype=np.int64)
        values: FloatArray = -self.values(archs) if signal == "score" else archs.sum(axis=1).astype(np.float64)
        return values

    def values(self, archs: Archs) -> FloatArray:
        """Return the error without noise at the full fidelity: (n, 5) to (n,), least at 0-1-2-3-0."""
        wanted = np.array([0, 1, 2, 3, 0])
        distance = np.abs(archs.astype(np.int64) - wanted)
        errors: FloatArray = (
            10.0 + distance @ np.array([5.0, 4.0, 3.0, 2.0, 1.0]) + 2.0 * distance[:, 0] * distance[:, 1]
        )
        return errors
