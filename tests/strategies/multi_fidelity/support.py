"""The toy of nine: configurations c1 ... c9 at epochs 1, 3 and 9, a second an epoch, run by the project's own loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.checks import Archs, UInt64Array
from harness.problem import Budget, Constraint, Fidelity, Objective
from harness.records import Evaluations, Proposals, Trace
from harness.search.loop import make_problem, run_block
from strategies.multi_fidelity.base import MultiFidelity
from tests.strategies.support import ToySpace

E1 = (50, 40, 60, 30, 70, 20, 55, 45, 35)
E3 = (38, 31, 50, 22, 60, 19, 41, 33, 29)
E9 = (30, 25, 42, 14, 50, 16, 33, 26, 24)
NAN = float("nan")


def chain(*epochs: int) -> tuple[Fidelity, ...]:
    """Return the epochs of one training, each continuing the one before."""
    return tuple(
        Fidelity(f"epoch {epoch} of {epochs[-1]}", epochs[-1], epoch, index - 1 if index else None)
        for index, epoch in enumerate(epochs)
    )


class Table:
    """Architectures of one gene: errors by fidelity and architecture; an epoch takes a second, or what `speed` says."""

    name, digest, constraints, has_seconds = "nine", "nine-1", (), True
    objectives = (Objective("error", "minimise", "percent", 0.0),)

    def __init__(
        self,
        errors: Sequence[Sequence[float]] = (E1, E3, E9),
        epochs: Sequence[int] = (1, 3, 9),
        *,
        fidelities: tuple[Fidelity, ...] | None = None,
        speed: Sequence[float] | None = None,
        sizes: Sequence[float] | None = None,
    ) -> None:
        self.errors = np.array(errors, dtype=np.float64)
        self.fidelities = fidelities or chain(*epochs)
        self.space = ToySpace((self.errors.shape[1],))
        self.speed = np.ones(self.errors.shape[1]) if speed is None else np.array(speed, dtype=np.float64)
        self.sizes = sizes
        if sizes is not None:
            self.constraints = (Constraint("size", "<=", 0.0),)

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate proposals; see `harness.benchmark.Benchmark`."""
        rows = proposals.archs[:, 0].astype(np.int64)
        epochs = np.array([item.epoch for item in self.fidelities])[proposals.fidelity]
        return Evaluations(
            archs=proposals.archs,
            fidelity=proposals.fidelity,
            tag=proposals.tag,
            objectives=self.errors[proposals.fidelity, rows][:, None],
            constraints=np.zeros((len(rows), 0)) if self.sizes is None else np.array(self.sizes)[rows][:, None],
            seconds=epochs * self.speed[rows],
        )


def in_order(kind: type[MultiFidelity]) -> type[MultiFidelity]:
    """Return a strategy that begins the architectures of a table in their order, each once."""

    class InOrder(kind):  # type: ignore[misc,valid-type]
        begun = 0

        def fresh(self, n: int) -> Archs:
            most = int(self.problem.space.cardinalities[0])
            rows = np.arange(self.begun, min(self.begun + n, most), dtype=self.problem.space.dtype)[:, None]
            self.begun += len(rows)
            return rows

    InOrder.__name__ = kind.__name__
    return InOrder


def run(
    kind: type[MultiFidelity],
    table: Table | None = None,
    *,
    workers: int = 1,
    mode: str = "resumable",
    seconds: float = 1000.0,
    **hyperparameters: Any,
) -> Trace:
    """Run a strategy on a table to the end; the architectures are begun in order."""
    table = table or Table()
    problem = make_problem(table, Budget(seconds=seconds, multi_fidelity=mode), workers)
    strategy = in_order(kind)(problem, np.random.default_rng(0), **hyperparameters)
    return run_block(table, problem, [strategy], None)[0].trace


def steps(trace: Trace, table: Table | None = None) -> str:
    """Return what was told when, as ``"c1@1 1, c2@1 2"``: configuration, epoch, seconds on the clock."""
    epochs = [item.epoch for item in (table or Table()).fidelities]
    rows = zip(trace.archs[:, 0].tolist(), trace.fidelity.tolist(), trace.finished_seconds.tolist(), strict=True)
    return ", ".join(f"c{arch + 1}@{epochs[fidelity]} {seconds:g}" for arch, fidelity, seconds in rows)


def busy(trace: Trace, workers: int) -> float:
    """Return the share of the workers' time, up to the last result, that was charged."""
    return float(trace.seconds.sum() / (workers * trace.finished_seconds.max()))
