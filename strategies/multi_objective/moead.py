"""MOEA/D: as many scalar problems as there are weights, each helped by those next to it."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, boolean, choice, integer, real
from harness.errors import UnfitError
from harness.problem import Problem
from harness.records import Evaluations
from harness.space import IDENTITIES
from harness.strategy import Takes
from strategies.parts.candidates import offspring, sample_new
from strategies.parts.fronts import judged
from strategies.parts.ranking import FAILED
from strategies.parts.rhythms import Generational, Told
from strategies.parts.scalarisation import lattice, tchebycheff

DECOMPOSITIONS = ("tchebycheff", "pbi")
LEAST_WEIGHT = 1e-6
"""In place of a weight of 0, at which an objective would not count at all."""


class MOEAD(Generational):
    """Keep one architecture for each weighting of the objectives; cross those of weightings that are close.

    Zhang & Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", IEEE Transactions on
    Evolutionary Computation 11(6), 2007, section III: weights on a regular lattice, a neighbourhood of the nearest
    weights, a child of two parents in the neighbourhood takes the place of every neighbour whose scalar problem it
    solves as well or better.  Scalar problems are the Tchebycheff function, and from three objectives on penalty-based
    boundary intersection, as in the code of pymoo.  Objectives are in units of the distance from the best value seen to
    the worst in the population (section V-F), so that their unit does not matter.  Mating with the whole population
    one time in ten is from Li & Zhang, "Multiobjective optimization problems with complicated Pareto sets", 2009.

    Departs from the paper: constraints come first (`strategies.parts.fronts`); the scalar problems take turns in an
    order that is drawn anew each time; operators, repeats and failed trainings are those of `nsga2`.  With parallel
    workers every result is learnt from as it comes, and idle workers get the child of the next scalar problem.

    Parameters
    ----------
    population : int
        The most weights, at least as many as there are objectives; with three objectives 20 gives 15.
    neighbours : int, optional
        Weights in a neighbourhood (T in the paper), at least 2, itself among them; a quarter of all if not given.
    neighbour_mating : float
        Probability that both parents are of the neighbourhood, from 0 to 1.
    decomposition : {"tchebycheff", "pbi"}, optional
        "tchebycheff" for two objectives and "pbi" for more, if not given.
    penalty : float
        Of the distance from the direction of the weights ("pbi"), at least 0.
    crossover : float
        Probability that a child has genes of two parents, from 0 to 1.
    mutation : float
        Mean number of genes that mutation changes, from 0 to L: each changes with probability ``mutation / L``.
    distinct : bool
        Whether an architecture is proposed once.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Zhang & Li, IEEE TEVC", 2007
    takes = Takes(fewest_objectives=2)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int = 20,
        neighbours: int | None = None,
        neighbour_mating: float = 0.9,
        decomposition: str | None = None,
        penalty: float = 5.0,
        crossover: float = 0.9,
        mutation: float = 1.0,
        distinct: bool = True,
        identity: str = "exact",
    ) -> None:
        repeats = "refuse" if boolean("distinct", distinct) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `distinct = true`")
        m, space = len(problem.objectives), problem.space
        self.population = integer("population", population, low=m, high=MOST)
        usual = "tchebycheff" if m <= 2 else "pbi"
        self.decomposition = choice("decomposition", decomposition or usual, DECOMPOSITIONS)
        self.penalty = real("penalty", penalty, low=0.0)
        self.neighbour_mating = real("neighbour_mating", neighbour_mating, low=0.0, high=1.0)
        self.crossover = real("crossover", crossover, low=0.0, high=1.0)
        self.mutation = real("mutation", mutation, low=0.0, high=space.genes)
        self.identity = choice("identity", identity, IDENTITIES)
        self.weights = np.maximum(lattice(m, _steps(m, self.population)), LEAST_WEIGHT)
        self.size = len(self.weights)
        chosen = max(2, self.size // 4) if neighbours is None else integer("neighbours", neighbours, low=2)
        if chosen > self.size:
            raise UnfitError(f"`neighbours` must be at most the number of weights, {self.size}, got {chosen}")
        distance = ((self.weights[:, None] - self.weights[None]) ** 2).sum(axis=2)
        self.near: IntArray = distance.argsort(axis=1, kind="stable")[:, :chosen]
        self._archs: Archs = np.zeros((self.size, space.genes), dtype=space.dtype)  # one for each weight
        self._objectives: FloatArray = np.full((self.size, m), np.inf)
        self._violation: FloatArray = np.full(self.size, np.inf)
        self._filled: BoolArray = np.zeros(self.size, dtype=np.bool_)
        self._ideal: FloatArray = np.full(m, np.inf)
        self._turns: list[int] = []

    def judge(self, evaluations: Evaluations) -> Sequence[Any]:
        """Return violation and objectives of each row."""
        return judged(self.problem, evaluations)

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return children for the next weights, and these; random architectures while nothing was told."""
        if not self._filled.any():
            archs, _ = sample_new(self.problem.space, n, self._known, self._keys, self.rng)
            return archs, [self._next() for _ in archs]
        turns = [self._next() for _ in range(n)]
        pairs = np.stack([self._parents(turn) for turn in turns])
        mothers, fathers = self._archs[pairs[:, 0]], self._archs[pairs[:, 1]]
        return offspring(self.problem.space, mothers, fathers, self.crossover, self.mutation, self.rng), turns

    def renew(self, archs: Archs) -> Sequence[Any]:
        """Return the next weights, for random architectures."""
        return [self._next() for _ in archs]

    def _next(self) -> int:
        """Return the weight whose turn it is."""
        if not self._turns:
            self._turns = self.rng.permutation(len(self.weights)).tolist()
        return self._turns.pop()

    def _parents(self, turn: int) -> IntArray:
        """Return two parents for the child of a weight, (2,), from its neighbourhood where anything is there."""
        near = self.near[turn]
        near = near[self._filled[near]]
        if not len(near) or self.rng.random() >= self.neighbour_mating:
            near = np.flatnonzero(self._filled)
        chosen: IntArray = near[self.rng.integers(0, len(near), size=2)]
        return chosen

    def learn(self, generation: list[Told]) -> None:
        """Put each child where it is as good or better; the first random ones only at their own weight."""
        starts = not self._filled.any()
        for told in generation:
            if told.score is not FAILED:
                self._ideal = np.minimum(self._ideal, told.score.objectives)
                places = np.array([told.note]) if starts else self.near[told.note]
                self._replace(places, told)
        if self._filled.any():
            self.size = 1

    def _replace(self, places: IntArray, told: Told) -> None:
        """Put an architecture at those of the places where nothing better is."""
        violation, objectives = told.score
        worst = np.maximum(self._objectives[self._filled].max(axis=0, initial=-np.inf), objectives)
        units = np.where(worst > self._ideal, worst - self._ideal, 1.0)
        full = self._filled[places]
        before = np.where(full[:, None], self._objectives[places], objectives)
        weights = self.weights[places]
        new = self.scalar((objectives - self._ideal) / units, weights)
        old = self.scalar((before - self._ideal) / units, weights)
        better = (violation == self._violation[places]) & (new <= old)
        rows = places[~full | (violation < self._violation[places]) | better]
        self._archs[rows], self._objectives[rows], self._violation[rows] = told.arch, objectives, violation
        self._filled[rows] = True

    def scalar(self, objectives: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the values of k scalar problems, (k,): (m,) or (k, m) objectives from the ideal point, (k, m) weights.

        Zhang & Li, 2007, equations 2 and 5 (section II).
        """
        if self.decomposition == "tchebycheff":
            return tchebycheff(objectives, weights)
        directions = weights / np.linalg.norm(weights, axis=1, keepdims=True)
        along = (objectives * directions).sum(axis=1)
        aside = np.linalg.norm(objectives - along[:, None] * directions, axis=1)
        value: FloatArray = along + self.penalty * aside
        return value


def _steps(objectives: int, most: int) -> int:
    """Return the most steps of a lattice of weights that has no more than `most` of them."""
    steps = 1
    while comb(steps + objectives, objectives - 1) <= most:
        steps += 1
    return steps
