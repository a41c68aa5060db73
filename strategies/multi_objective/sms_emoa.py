"""SMS-EMOA: the member that adds least hypervolume leaves."""

from __future__ import annotations

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.judging.indicators import contributions
from harness.problem import Problem
from harness.strategy import Takes
from strategies.multi_objective.population import Population
from strategies.parts.fronts import bounds, normalise, pareto_ranks

REFERENCE = 1.0 + 10.0
"""Of every objective, in units of the population's range from its least value: so far that the ends stay."""


class SMSEMOA(Population):
    """Breed one child of two random parents; of the last front the member leaves whose hypervolume is missed least.

    Beume, Naujoks & Emmerich, "SMS-EMOA: Multiobjective selection based on dominated hypervolume", European Journal of
    Operational Research 181(3), 2007, Algorithms 1 and 2: (mu + 1), parents drawn uniformly.  Hypervolumes are those of
    objectives in units of the population's range, with a reference point ten ranges behind the worst, as in the code of
    pymoo: the ends of a front stay.  Operators, repeats and failed trainings are those of `nsga2`; constraints come
    first.  Departs from the paper: of equals the oldest leaves.  With parallel workers every result is learnt from as
    it comes, and idle workers get children of the population as it is.

    Parameters
    ----------
    population : int
        Members (mu in the paper), at least 1.
    crossover : float
        Probability that a child has genes of two parents, from 0 to 1.
    mutation : float
        Mean number of genes that mutation changes, from 0 to L: each changes with probability ``mutation / L``.
    distinct : bool
        Whether an architecture is proposed once.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Beume, Naujoks & Emmerich, EJOR", 2007
    takes = Takes(fewest_objectives=2)
    libraries = ("moocore",)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int = 20,
        crossover: float = 0.9,
        mutation: float = 1.0,
        distinct: bool = True,
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            population=population,
            children=1,
            crossover=crossover,
            mutation=mutation,
            distinct=distinct,
            identity=identity,
        )

    def survive(self, objectives: FloatArray, violation: FloatArray) -> tuple[IntArray, IntArray]:
        """Return the rows without those that leave, one after the other; all are equal in tournaments."""
        ranks = pareto_ranks(objectives, violation)
        rows = np.arange(len(objectives))
        while len(rows) > self.population:
            last = np.flatnonzero(ranks[rows] == ranks[rows].max())
            if len(last) == 1:
                leaves = last[0]
            else:
                units = normalise(objectives[rows[last]], *bounds(objectives[rows]))
                missed = contributions(units, REFERENCE)
                leaves = last[len(last) - 1 - missed[::-1].argmin()]
            rows = np.delete(rows, leaves)
        return rows, np.zeros(len(rows), dtype=np.int64)
