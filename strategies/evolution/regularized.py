"""Regularised (aging) evolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from harness.checks import MOST, Archs, choice, integer
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.space import DRAWS
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import no_archs
from strategies.parts.ranking import FAILED, Score, scores

_TOURNAMENTS = 64  # tournaments drawn in one call
_BROOD = 8  # mutants of a parent drawn in one call, because one costs as much as eight


class Preset(NamedTuple):
    """Values that a study ran."""

    population: int
    sample: int
    mutation: str


PRESETS = {
    "paper": Preset(100, 25, "gene"),
    "nb101": Preset(100, 10, "gene"),
    "nats": Preset(10, 3, "node"),
    "naszilla": Preset(30, 10, "gene"),
}


class RegularizedEvolution(Strategy):
    """Aging evolution: mutate the best of a random sample, drop the oldest.

    Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, Algorithm 1.  The sample
    is drawn with replacement, as that algorithm is written: the candidate drawn stays in the population.

    Presets name what later studies ran: "nb101" is 100/10 (Ying et al., "NAS-Bench-101", ICML 2019), "nats" 10/3 with
    mutations that draw a node before one of its genes (Dong et al., "NATS-Bench", TPAMI 2021), "naszilla" 30/10 (White
    et al., "BANANAS", AAAI 2021).  With the paper's 100/25 the first hundred trainings are random, so at small budgets
    the smaller populations are better.

    Departs from the paper: `SearchSpace.mutate` is the mutation (no identity mutation); a failed training never enters
    the population.  Departs from the code of the presets: invalid cells are never proposed (nb101); a mutation always
    changes the gene, also in the size space (nats); the population starts at its full size, and a mutation is one edit
    (naszilla: from 10 to 29; each gene of NAS-Bench-201 with probability 1/4).  Duplicates are proposed again.  With
    parallel workers the population is ordered by completion, and children may be proposed before the last of the
    initial population is told.  Constraints are compared as in `strategies.parts.ranking`.

    Parameters
    ----------
    population : int
        Architectures kept (P in the paper), at least 1.
    sample : int
        Size of the tournament (S in the paper), 1 <= sample <= population.
    preset : {"paper", "nb101", "nats", "naszilla"}
        Sets `population`, `sample` and `mutation` where they have their defaults; other values of theirs override it.
    mutation : {"gene", "node"}, optional
        Whether a mutation draws a gene, or a node and then a gene of it (`SearchSpace.mutate`); the preset's if not
        given.
    """

    family, paper, year = "evolution", "Real et al., AAAI", 2019
    takes = Takes(objectives=1, forbidden_duplicates=False)
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"preset": "paper", "mutation": None}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int = 100,
        sample: int = 25,
        preset: str = "paper",
        mutation: str | None = None,
    ) -> None:
        super().__init__(problem, rng)
        paper, chosen = PRESETS["paper"], PRESETS[choice("preset", preset, tuple(PRESETS))]
        population = chosen.population if population == paper.population else population
        sample = chosen.sample if sample == paper.sample else sample
        self.mutation = choice("mutation", chosen.mutation if mutation is None else mutation, DRAWS)
        self.population = integer("population", population, low=1, high=MOST)
        self.sample = integer("sample", sample, low=1, high=self.population)
        self._outstanding = 0
        self._initialised = False
        # The population is a ring: slot `_next` is filled next, and holds the oldest once all slots are in use.
        self._archs: Archs = np.zeros((self.population, problem.space.genes), dtype=problem.space.dtype)
        self._scores: list[Score] = []
        self._broods: list[list[Archs]] = [[] for _ in range(self.population)]
        self._next = 0
        self._tournaments: list[list[int]] = []
        self._tournaments_among = 0
        self._one = np.full(1, problem.full_fidelity, dtype=np.int64)
        self._untagged = np.zeros(1, dtype=np.int64)

    def propose(self, n: int) -> Proposals:
        """Return the whole initial population first, then `n` children; none while nobody can be a parent yet."""
        space = self.problem.space
        if not self._initialised:
            self._initialised = True
            self._outstanding = self.population
            return self.proposals(space.sample(self.population, self.rng))
        if not self._scores:
            if self._outstanding:
                return self.proposals(no_archs(space))
            self._outstanding = n  # every training so far failed: there is nothing to mutate
            return self.proposals(space.sample(n, self.rng))
        self._outstanding += n
        if n == 1:
            return Proposals(self._child(), self._one, self._untagged)
        return self.proposals(np.concatenate([self._child() for _ in range(n)]))

    def _child(self) -> Archs:
        """Return a mutant of the winner of a tournament, (1, L)."""
        parent = self._winner()
        brood = self._broods[parent]
        if not brood:
            copies = np.repeat(self._archs[parent : parent + 1], _BROOD, axis=0)
            mutants = self.problem.space.mutate(copies, self.rng, by=self.mutation)
            brood.extend([mutants[row : row + 1] for row in range(_BROOD)])
        return brood.pop()

    def _winner(self) -> int:
        """Return the slot of the best of a random sample of the population; the first drawn among equals."""
        alive = len(self._scores)
        if not self._tournaments or self._tournaments_among != alive:
            self._tournaments = self.rng.integers(0, alive, size=(_TOURNAMENTS, self.sample)).tolist()
            self._tournaments_among = alive
        return min(self._tournaments.pop(), key=self._scores.__getitem__)

    def tell(self, evaluations: Evaluations) -> None:
        """Add results to the population in the order given, each in place of the oldest once it is full."""
        super().tell(evaluations)
        self._outstanding -= len(evaluations)
        for row, score in enumerate(scores(evaluations)):
            if score is FAILED:
                continue
            slot = self._next
            self._scores[slot : slot + 1] = [score]  # longer by one until all slots are in use
            self._archs[slot] = evaluations.archs[row]
            self._broods[slot].clear()
            self._next = (slot + 1) % self.population
