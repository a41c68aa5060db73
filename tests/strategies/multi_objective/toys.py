"""What the tests of evolution and local search with several objectives share: problems, results, a driver."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.checks import Archs, FloatArray
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy
from tests.strategies.support import ToySpace, problem

Objectives = Callable[[Archs], FloatArray]


def two(space: ToySpace | None = None, **more) -> Problem:
    return problem(space or ToySpace((4,) * 6), objectives=2, **more)


def opposed(archs: Archs) -> FloatArray:
    """Two objectives that pull every gene to opposite ends; all architectures are on fronts of a few."""
    values = archs.astype(float)
    return np.stack([values.sum(axis=1), ((values - 3) ** 2).sum(axis=1)], axis=1)


def distant(archs: Archs) -> FloatArray:
    """A line of trade-offs in two genes, at a distance that the other genes add to both objectives."""
    place, distance = (4.0 * archs[:, 0] + archs[:, 1]) / 15.0, archs[:, 2:].astype(float).sum(axis=1)
    return np.stack([place + distance, 1.0 - place + distance], axis=1)


def rugged(archs: Archs) -> FloatArray:
    """Fixed values without structure in two objectives: many fronts, no ties."""
    weights = 1.0 + np.arange(archs.shape[1])[:, None] * np.sqrt([2.0, 3.0])
    phases = sum((archs[:, gene, None] + 1.0) * weights[gene] for gene in range(archs.shape[1]))  # whatever the batch
    return np.modf(np.sin(phases) * 43758.5453)[0] + 1.0


def evaluate(proposals: Proposals, objectives: Objectives, constraints: Objectives | None = None) -> Evaluations:
    archs = proposals.archs
    broken = np.zeros((len(archs), 0)) if constraints is None else constraints(archs)
    return Evaluations(archs, proposals.fidelity, proposals.tag, objectives(archs), broken, np.ones(len(archs)))


def drive(
    strategy: Strategy, objectives: Objectives, evaluations: int, *, constraints: Objectives | None = None, asked=1
) -> Archs:
    """Ask and tell until so many are told, or it is finished; return the architectures in the order told."""
    archs: list[Archs] = []
    while sum(map(len, archs)) < evaluations:
        proposals = strategy.ask(asked)
        if not len(proposals):
            break
        archs.append(proposals.archs)
        strategy.tell(evaluate(proposals, objectives, constraints))
    return np.concatenate(archs)[:evaluations]


def scattered(strategy: Strategy, objectives: Objectives, evaluations: int, workers: int, seed: int = 0) -> Archs:
    """Keep so many rows running, and tell one of them drawn at random; return the architectures in the order told."""
    rng, running, told = np.random.default_rng(seed), list[Proposals](), list[Archs]()
    while len(told) < evaluations:
        while len(running) < workers:
            proposals = strategy.ask(workers - len(running))
            if not len(proposals):
                break
            running += [proposals.take([row]) for row in range(len(proposals))]
        if not running:
            break
        row = running.pop(int(rng.integers(len(running))))
        strategy.tell(evaluate(row, objectives))
        told.append(row.archs)
    return np.concatenate(told)


def failing(objectives: Objectives) -> Objectives:
    """Every architecture whose first gene is 0 fails in the first objective alone; the second is known all the same."""

    def values(archs: Archs) -> FloatArray:
        found = objectives(archs)
        found[archs[:, 0] == 0, 0] = np.nan
        return found

    return values


def unlike_units(objectives: Objectives, scale: float, shift: float) -> Objectives:
    """The second objective in another unit; exact where the scale is a power of two."""
    return lambda archs: objectives(archs) * [1.0, scale] + [0.0, shift]
