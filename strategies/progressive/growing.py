"""The base of strategies that grow architectures: the simplest first, then children of what was trained."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from harness.checks import Archs
from harness.problem import Problem
from harness.strategy import Plan
from strategies.parts.candidates import distinct, no_archs
from strategies.parts.model_based import ModelBased


class Growing(ModelBased):
    """Base of model-based strategies whose candidates are children of what was trained, in `SearchSpace.growth`.

    The initial design is the simplest architectures and their children, at most `initial` of them, chosen at random.
    Failed trainings have no children, and children that break an upper bound known in closed form
    (`SearchSpace.costs`) are left out, as growth would not bring them back.  Where too little was trained to fit a
    model, random architectures are.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, **settings: Any) -> None:
        super().__init__(problem, rng, **settings)
        self.growth = problem.space.growth

    def plan(self, n: int) -> Plan:
        """Return the next level or batch; none while the one before runs."""
        if self._running:
            return self.proposals(no_archs(self.problem.space))
        proposed = yield from super().plan(n)
        return proposed

    def design(self) -> Archs:
        """Return the simplest architectures and children of theirs, and take their keys."""
        smallest = self.growth.smallest()
        if len(smallest) >= self.initial:
            smallest = smallest[self.rng.permutation(len(smallest))[: self.initial - 1]]
        children = [self.growth.grow(arch) for arch in smallest]
        archs, keys = distinct(np.concatenate([smallest, *children]), self._taken, self.keys)
        if len(archs) > self.initial:
            first = len(smallest)
            rest = first + self.rng.permutation(len(archs) - first)[: self.initial - first]
            chosen = [*range(first), *np.sort(rest).tolist()]
            archs, keys = archs[chosen], [keys[row] for row in chosen]
        self._taken.update(keys)
        return archs

    def children(self, parents: Archs) -> tuple[Archs, list[Hashable]]:
        """Return the children of parents, (p, L), that are not taken, with their keys."""
        space = self.problem.space
        archs = np.concatenate([no_archs(space), *[self.growth.grow(arch) for arch in parents]])
        known = space.costs(archs) if self.problem.constraints else {}
        kept = np.ones(len(archs), dtype=bool)
        for item in self.problem.constraints:
            if item.name in known and item.sense == "<=":
                kept &= item.violation(known[item.name]) <= 0
        return distinct(archs[kept], self._taken, self.keys)
