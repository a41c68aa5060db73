"""Genetic algorithms with crossover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from harness.checks import MOST, Archs, boolean, choice, integer, real
from harness.problem import Problem
from harness.space import IDENTITIES
from harness.strategy import Takes
from strategies.parts.candidates import MUTATED, offspring, sample_new
from strategies.parts.ranking import FAILED, linear_ranking, tournament
from strategies.parts.rhythms import Generational, Told


class Preset(NamedTuple):
    """Values that a study ran; `rate` is the share of genes that mutation changes in the mean, None for one gene."""

    population: int
    offspring: int
    tournament: int
    crossover: float
    rate: float | None
    initial: int | None
    mutated: str


PRESETS = {"common": Preset(20, 20, 2, 0.9, None, None, "all"), "ofa": Preset(25, 100, 1, 0.5, 0.1, 100, "copies")}


class GeneticAlgorithm(Generational):
    """Cross two good parents, mutate the child; the best of parents and children, or of children alone, live on.

    The (mu + lambda) and (mu, lambda) schemes of Bäck, Fogel & Michalewicz, "Handbook of Evolutionary Computation",
    1997, with tournaments, uniform crossover (Syswerda, ICGA 1989) and mutation of each gene with probability 1/L.  In
    the field since Xie & Yuille, "Genetic CNN", ICCV 2017.  The defaults are common ones (20 + 20, tournaments of two,
    crossover of nine pairs in ten); on NAS-Bench-201, 10 + 10 is better at 150 evaluations.

    The preset "ofa" is the evolution of Cai et al., "Once for All", ICLR 2020, as in the authors' code: of a population
    of 100 the best quarter are parents, drawn evenly; half of 100 children are mutants, each gene of which changes with
    probability 0.1, half are crossed and not mutated; parents live on.  Children that are too large for the device are
    drawn again, where bounds are known before training: so is everything that is proposed (`FeasibleSpace`).  There a
    predictor answers, and here the benchmark does; which half a child belongs to is drawn, a mutation takes another
    value, and nothing is proposed twice unless ``distinct = false``.

    Departs from Genetic CNN: selection is by rank, not by roulette; crossover exchanges genes, not stages
    (`SearchSpace.crossover`); survivors are chosen.  In spaces with rules of validity, or with an order of values, a
    mutation is an edit of the space's.  Among equal results the younger lives on, or populations freeze on plateaus.

    A child that was proposed before is bred again, up to a hundred times, and then replaced by a random architecture
    that is new (`distinct`); the search is finished when there is none.  Without, repeats are proposed.  With parallel
    workers, those that wait for the last of a generation get more children of the same parents, and a generation ends
    with the first lambda results; while the first random ones run, more random ones.  Parents are ranked as in
    `strategies.parts.ranking`: constraints first.  Failed trainings are never parents; comma selection keeps its
    parents where all children failed.

    Parameters
    ----------
    preset : {"common", "ofa"}
        Sets `population`, `offspring`, `tournament`, `crossover`, `mutation`, `initial` and `mutated` where they have
        their defaults; other values of theirs override it.
    population : int
        Parents (mu), at least 1.
    offspring : int
        Children of a generation (lambda), at least 1; without `plus` at least `population`.
    plus : bool
        Whether parents compete with their children.
    selection : {"tournament", "rank"}
        How parents are drawn: the best of `tournament` drawn with replacement, or by linear ranking (Baker, ICGA 1985)
        where the best is drawn twice as often as the average.
    tournament : int
        Contestants, at least 1.
    crossover : float
        Probability that a child has two parents, from 0 to 1.
    mutation : float
        Mean number of genes that mutation changes, from 0 to L: each changes with probability ``mutation / L``.
    distinct : bool
        Whether an architecture is proposed once.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    initial : int, optional
        Random architectures before the first children, at least 1; `population` if not given.
    mutated : {"all", "copies"}, optional
        Whether all children are mutated, or those that have one parent alone; the preset's if not given.
    """

    family, paper, year = "evolution", "Bäck, Fogel & Michalewicz, Handbook of Evolutionary Computation", 1997
    takes = Takes(objectives=1)
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"preset": "common", "initial": None, "mutated": None}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int = 20,
        offspring: int = 20,
        plus: bool = True,
        selection: str = "tournament",
        tournament: int = 2,
        crossover: float = 0.9,
        mutation: float = 1.0,
        distinct: bool = True,
        identity: str = "exact",
        preset: str = "common",
        initial: int | None = None,
        mutated: str | None = None,
    ) -> None:
        common, chosen = PRESETS["common"], PRESETS[choice("preset", preset, tuple(PRESETS))]
        population = chosen.population if population == common.population else population
        offspring = chosen.offspring if offspring == common.offspring else offspring
        tournament = chosen.tournament if tournament == common.tournament else tournament
        crossover = chosen.crossover if crossover == common.crossover else crossover
        if chosen.rate is not None and mutation == 1.0:
            mutation = chosen.rate * problem.space.genes
        repeats = "refuse" if boolean("distinct", distinct) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `distinct = true`")
        self.population = integer("population", population, low=1, high=MOST)
        self.offspring = integer("offspring", offspring, low=1 if boolean("plus", plus) else self.population, high=MOST)
        self.plus = plus
        self.selection = choice("selection", selection, ("tournament", "rank"))
        self.tournament = integer("tournament", tournament, low=1, high=MOST)
        self.crossover = real("crossover", crossover, low=0.0, high=1.0)
        self.mutation = real("mutation", mutation, low=0.0, high=problem.space.genes)
        self.identity = choice("identity", identity, IDENTITIES)
        self.initial = integer(
            "initial", chosen.initial or population if initial is None else initial, low=1, high=MOST
        )
        self.mutated = choice("mutated", chosen.mutated if mutated is None else mutated, MUTATED)
        self.size = self.initial
        self._parents: list[Told] = []  # the best first

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return children of the parents; random architectures, all different, while there are none."""
        space, count = self.problem.space, len(self._parents)
        if not count:
            archs, _ = sample_new(space, n, self._known, self._keys, self.rng)
            return archs, [None] * len(archs)
        if self.selection == "tournament":
            drawn = tournament(count, self.tournament, 2 * n, self.rng)
        else:
            drawn = linear_ranking(count, 2.0, 2 * n, self.rng)
        mothers, fathers = np.stack([parent.arch for parent in self._parents])[drawn].reshape(2, n, -1)
        bred = offspring(space, mothers, fathers, self.crossover, self.mutation, self.rng, mutated=self.mutated)
        return bred, [None] * n

    def learn(self, generation: list[Told]) -> None:
        """Choose the next parents."""
        trained = [told for told in generation if told.score is not FAILED]
        if not self._parents or trained:
            self.size = self.offspring if trained else self.initial
            candidates = trained + self._parents if self.plus else trained
            self._parents = sorted(candidates, key=_younger_first)[: self.population]


def _younger_first(told: Told) -> tuple[float, float, int]:
    return (*told.score, -told.tag)
