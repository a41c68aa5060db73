"""CMA-ES on a relaxation of the genes."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, FloatArray, boolean, integer
from harness.errors import HarnessError
from harness.problem import Problem
from harness.space import SearchSpace
from harness.strategy import Takes
from strategies.parts.candidates import no_archs, require_free_genes
from strategies.parts.ranking import FAILED
from strategies.parts.rhythms import Generational, Told

_STEP = 0.5  # any value gives the same search: decoding does not see scale


class CMAES(Generational):
    """Draw real vectors from a normal distribution that is fitted to the better ones; the largest entry is the code.

    Hansen & Ostermeier, "Completely Derandomized Self-Adaptation in Evolution Strategies", Evolutionary Computation
    9(2), 2001, as Hansen's package `cma` does it with its defaults (weighted recombination, active update), on vectors
    with an entry for each value of each gene: a gene's code is the position of its largest entry.  The distribution
    starts at 0 with equal variances, so each value of a gene is as likely; the population is 4 + floor(3 ln d).
    Results enter by rank.  Nothing depends on the order of codes.

    Departs from the package: its criteria to stop are not asked, and populations of five have no mirrored vectors,
    which need generations that are drawn whole.  The relaxed objective is constant around most points, so the variance
    collapses on one architecture: an architecture proposed before counts with its known result at no charge
    (`look_up`), and `patience` generations without anything new make it start again from its first distribution,
    conditional on architectures that are new; the search is finished when there are none.  Without `look_up` repeats
    are proposed.

    With parallel workers, idle ones get more vectors of the same distribution, and the distribution is updated whenever
    a population's worth of results is told, those drawn before the last update among them.  Failed trainings are left
    out, and replaced by further vectors.  Results are ranked as in `strategies.parts.ranking`: constraints first.  In
    spaces with rules of validity, vectors that decode to nothing valid are drawn anew, up to a hundred times, then
    random architectures take their place; a space where fewer than one coding in a hundred is valid (a partial table)
    is refused.

    Needs the package `cma`: ``pip install 'nas-harness[evolution]'``.

    Parameters
    ----------
    population : int, optional
        Vectors of a generation (lambda), at least 5; 4 + floor(3 ln d) if not given, d the sum of the cardinalities.
    look_up : bool
        Whether known results are used at no charge.
    """

    family, paper, year = "evolution", "Hansen & Ostermeier, Evolutionary Computation", 2001
    takes = Takes(objectives=1)
    libraries = ("cma",)
    patience = 5

    def __init__(
        self, problem: Problem, rng: np.random.Generator, *, population: int | None = None, look_up: bool = True
    ) -> None:
        repeats = "look_up" if boolean("look_up", look_up) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `look_up = true`")
        require_free_genes("CMAES", problem.space)
        self.dimensions = int(problem.space.cardinalities.sum())
        default = max(4 + int(3 * log(self.dimensions)), 5)
        self.population = default if population is None else integer("population", population, low=5, high=MOST)
        self._package = _package()
        self._starts = 0
        self._usable: list[Told] = []
        self._start()

    def _start(self) -> None:
        """Forget everything but known results."""
        options = {
            "popsize": self.population,
            "randn": lambda *shape: self.rng.standard_normal(shape),
            "seed": np.nan,  # the global generator is left alone
            "CMA_mirrors": 0,  # of populations below six: they wait for a whole generation to be drawn at once
            "verbose": -9,
        }
        self._search = self._package.CMAEvolutionStrategy(np.zeros(self.dimensions), _STEP, options)
        self._drawn = False  # since the last update
        self._starts += 1
        self._usable.clear()
        self.size = self.population

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return what n vectors decode to."""
        space = self.problem.space
        archs, vectors = no_archs(space), np.zeros((0, self.dimensions))
        for _ in range(100):
            drawn = self._draw(n - len(archs))
            decoded = decode(space, drawn)
            valid = space.is_valid(decoded)
            archs, vectors = np.concatenate([archs, decoded[valid]]), np.concatenate([vectors, drawn[valid]])
            if len(archs) == n:
                break
        if len(archs) < n:
            more = space.sample(n - len(archs), self.rng)
            archs, vectors = np.concatenate([archs, more]), np.concatenate([vectors, self._conditional(more)])
        return archs, [(self._starts, vector) for vector in vectors]

    def _draw(self, n: int) -> FloatArray:
        self._drawn = True
        return np.array(self._search.ask(n))

    def renew(self, archs: Archs) -> Sequence[Any]:
        """Start again."""
        self._start()
        return [(self._starts, vector) for vector in self._conditional(archs)]

    def _conditional(self, archs: Archs) -> FloatArray:
        """Draw vectors of the first distribution that decode to architectures: (n, L) to (n, d)."""
        vectors = _STEP * self.rng.standard_normal((len(archs), self.dimensions))
        rows, first = np.arange(len(archs)), 0
        for gene, count in enumerate(self.problem.space.cardinalities.tolist()):
            block = vectors[:, first : first + count]
            largest, wanted = block.argmax(axis=1), archs[:, gene]
            block[rows, largest], block[rows, wanted] = block[rows, wanted], block[rows, largest]
            first += count
        return vectors

    def learn(self, generation: list[Told]) -> None:
        """Update the distribution once a population of results that did not fail is there."""
        self._usable += [told for told in generation if told.score is not FAILED and told.note[0] == self._starts]
        self.size = self.population - len(self._usable)
        if self.size:
            return
        if not self._drawn:  # the package wants to be asked before it is told
            self._draw(1)
        ranks = {score: float(rank) for rank, score in enumerate(sorted({told.score for told in self._usable}))}
        self._search.tell([told.note[1] for told in self._usable], [ranks[told.score] for told in self._usable])
        self.size, self._drawn = self.population, False
        self._usable.clear()


def decode(space: SearchSpace, vectors: FloatArray) -> Archs:
    """Return the position of the largest entry of each gene: (n, d) to (n, L), d the sum of the cardinalities."""
    ends = np.cumsum(space.cardinalities).tolist()
    blocks = zip([0, *ends], ends, strict=False)
    return np.stack([vectors[:, start:end].argmax(axis=1) for start, end in blocks], axis=1).astype(space.dtype)


def _package() -> Any:
    try:
        return importlib.import_module("cma")
    except ImportError as error:
        raise HarnessError("the strategy CMAES needs cma: pip install 'nas-harness[evolution]'") from error
