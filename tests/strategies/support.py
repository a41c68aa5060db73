"""What the tests of the strategies share: a toy space, objectives, a learner without randomness, a driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from harness.checks import Archs, FloatArray
from harness.problem import Budget, Constraint, Objective, Problem
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace
from harness.strategy import Strategy
from harness.surrogate import Prediction, Surrogate

ObjectiveFunction = Callable[[Archs], FloatArray]


class ToySpace(SearchSpace):
    """Independent genes; the strings are the digits."""

    def __init__(self, cardinalities: Sequence[int] = (4,) * 6) -> None:
        super().__init__("toy", cardinalities)

    def format(self, archs: Archs) -> list[str]:
        return ["".join(map(str, row)) for row in archs.tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        return np.array([[int(digit) for digit in text] for text in texts], dtype=self.dtype)


class NearestNeighbour(Surrogate):
    """Predicts the target of the nearest row seen; the uncertainty is the distance. Draws `thirst` numbers in fit."""

    def __init__(self, space: SearchSpace, *, encoding: str = "one_hot", thirst: int = 0) -> None:
        super().__init__(space, encoding=encoding, thirst=thirst)
        self.thirst = thirst
        self.fits: list[tuple[Archs, FloatArray]] = []  # shared by fitted copies, so that tests can look

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        assert np.all(np.isfinite(targets))
        rng.random(self.thirst)
        self.fits.append((archs.copy(), targets.copy()))
        fitted = type(self)(self.space, encoding=self.encoding, thirst=self.thirst)
        fitted.fits, fitted.archs, fitted.targets = self.fits, archs, targets
        return fitted

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        distance = (archs[:, None, :] != self.archs[None]).sum(axis=2)
        mean = self.targets[distance.argmin(axis=1)]
        return Prediction(mean, distance.min(axis=1).astype(float), np.stack([mean - 1, mean + 1]))


def distance_to_origin(archs: Archs) -> FloatArray:
    """One optimum, at all zeros, and no other local one."""
    return np.asarray(archs, dtype=np.float64).sum(axis=1)


def rugged(archs: Archs) -> FloatArray:
    """Fixed values without structure: many local optima, no ties."""
    weights = 1.0 + np.arange(archs.shape[1]) * np.sqrt(2.0)
    return np.modf(np.sin((archs + 1.0) @ weights) * 43758.5453)[0] + 1.0


def problem(
    space: SearchSpace | None = None, *, duplicates: str = "charged", objectives: int = 1, **more: Any
) -> Problem:
    names = [Objective(f"error_{index}") for index in range(objectives)]
    return Problem(space or ToySpace(), tuple(names), Budget(evaluations=100, duplicates=duplicates), **more)


def constrained(space: SearchSpace | None = None) -> Problem:
    return problem(space, constraints=(Constraint("size", "<=", 0.0),))


def evaluate(
    proposals: Proposals, objective: ObjectiveFunction, constraint: ObjectiveFunction | None = None
) -> Evaluations:
    archs = proposals.archs
    constraints = np.zeros((len(archs), 0)) if constraint is None else constraint(archs)[:, None]
    return Evaluations(
        archs, proposals.fidelity, proposals.tag, objective(archs)[:, None], constraints, np.ones(len(archs))
    )


def drive(
    strategy: Strategy, objective: ObjectiveFunction, evaluations: int, *, asked: int = 1, told: int | None = None
) -> tuple[Archs, FloatArray]:
    """Ask `asked` at a time, tell in groups of `told` (default: all at once); stop early when it is finished."""
    archs: list[Archs] = []
    while sum(map(len, archs)) < evaluations:
        proposals = strategy.ask(asked)
        if not len(proposals):
            break
        archs.append(proposals.archs)
        results = evaluate(proposals, objective)
        step = told or len(results)
        for start in range(0, len(results), step):
            strategy.tell(results.take(slice(start, start + step)))
    seen = np.concatenate(archs)[:evaluations]
    return seen, objective(seen)


def edits(archs: Archs, arch: Archs) -> FloatArray:
    """Genes that differ: (n, L) and (L,) to (n,)."""
    return (archs != arch).sum(axis=1)
