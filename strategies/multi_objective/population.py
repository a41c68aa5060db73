"""Populations of several objectives: bred as genetic algorithms breed; what survives is the subclass's choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, boolean, choice, integer, real
from harness.problem import Problem
from harness.records import Evaluations
from harness.space import IDENTITIES
from strategies.parts.candidates import no_archs, offspring, sample_new
from strategies.parts.fronts import judged
from strategies.parts.ranking import FAILED
from strategies.parts.rhythms import Generational, Told


class Population(Generational):
    """Base of the evolutionary strategies of several objectives; subclasses define `survive`.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator
    population, children : int
        Random architectures at the start; results from which the strategy learns at once after that.
    crossover, mutation : float
        See `strategies.parts.candidates.offspring`.
    distinct : bool
        Whether an architecture is proposed once.
    identity : {"exact", "string", "functional"}
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int,
        children: int,
        crossover: float,
        mutation: float,
        distinct: bool,
        identity: str,
    ) -> None:
        repeats = "refuse" if boolean("distinct", distinct) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `distinct = true`")
        self.population = integer("population", population, low=1, high=MOST)
        self.children = children
        self.crossover = real("crossover", crossover, low=0.0, high=1.0)
        self.mutation = real("mutation", mutation, low=0.0, high=problem.space.genes)
        self.identity = choice("identity", identity, IDENTITIES)
        self.size = self.population
        self._archs: Archs = no_archs(problem.space)  # the population, (p, L)
        self._objectives: FloatArray = np.zeros((0, len(problem.objectives)))
        self._violation: FloatArray = np.zeros(0)
        self._levels: IntArray = np.zeros(0, dtype=np.int64)  # (p,), lower wins a tournament

    def survive(self, objectives: FloatArray, violation: FloatArray) -> tuple[IntArray, IntArray]:
        """Return which rows live on, at most `population`, and the level of each: lower wins a tournament.

        Rows are all parents and children that did not fail, the youngest first.
        """
        raise NotImplementedError(f"{type(self).__name__} must define survive")

    def judge(self, evaluations: Evaluations) -> Sequence[Any]:
        """Return violation and objectives of each row."""
        return judged(self.problem, evaluations)

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return children of the population; random architectures, all different, while there is none."""
        space, count = self.problem.space, len(self._archs)
        if not count:
            archs, _ = sample_new(space, n, self._known, self._keys, self.rng)
            return archs, [None] * len(archs)
        pairs = self.rng.integers(0, count, size=(2, 2 * n))
        beaten: BoolArray = self._levels[pairs[1]] < self._levels[pairs[0]]
        mothers, fathers = self._archs[np.where(beaten, pairs[1], pairs[0])].reshape(2, n, -1)
        return offspring(space, mothers, fathers, self.crossover, self.mutation, self.rng), [None] * n

    def learn(self, generation: list[Told]) -> None:
        """Choose who lives on; among equals that is the younger, or populations freeze on plateaus."""
        trained = [told for told in reversed(generation) if told.score is not FAILED]
        if not trained:
            return
        archs = np.concatenate([np.stack([told.arch for told in trained]), self._archs])
        objectives = np.concatenate([np.stack([told.score.objectives for told in trained]), self._objectives])
        violation = np.concatenate([[told.score.violation for told in trained], self._violation])
        rows, self._levels = self.survive(objectives, violation)
        self._archs, self._objectives, self._violation = archs[rows], objectives[rows], violation[rows]
        self.size = self.children
