"""Differential evolution on categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, boolean, choice, integer, real
from harness.problem import Problem
from harness.space import SearchSpace
from harness.strategy import Takes
from strategies.parts.candidates import exact_keys, no_archs, require_free_genes, sample_new
from strategies.parts.ranking import FAILED, Score
from strategies.parts.rhythms import Generational, Told

_FEWEST = 4  # a target and three others


class DifferentialEvolution(Generational):
    """Add the difference of two vectors to a third, cross it with a fourth, and keep the better of the two.

    Storn & Price, "Differential Evolution", Journal of Global Optimization 11, 1997, scheme DE/rand/1/bin; on
    categories by the encoding of Awad, Mallik & Hutter, "DEHB", IJCAI 2021: a vector in [0, 1]^L has a coordinate for
    each gene, [0, 1] is cut into as many equal bins as the gene has values, and the vector is kept, not the category.
    Defaults are those of DEHB's code: 20 vectors, F = Cr = 0.5, each better trial replaces its target at once
    ("immediate"), coordinates outside [0, 1] are drawn anew.  A trial as good as its target replaces it: equal
    categories drift.  The order of a gene's codes matters, whether or not it means something: for genes without one,
    `genetic_algorithm` is the principled choice.

    Departs from DEHB's code: codes are floor(x K), where the code compares x with multiples of 1/K that rounding
    has moved and loses categories; vectors start uniformly within the bins of random architectures, not on their lower
    edges; the target is never one of the three others.  Departs from Storn & Price: replacement is immediate.  In
    spaces with rules of validity, a trial that decodes to nothing valid is drawn anew, up to a hundred times; a space
    where fewer than one coding in a hundred is valid (a partial table) is refused.

    A trial that decodes to an architecture proposed before is compared with its known result at no charge (`look_up`);
    after a hundred in a row the population has converged, and starts again from random vectors; the search is finished
    when no architecture is new.  Without, it is proposed again.  Targets are taken in turn; with parallel workers
    several trials may be running, each compared with what its target is when it is told.  While too few of the first
    vectors are told, workers wait.  A vector that failed is replaced by a random one.  Results are compared as in
    `strategies.parts.ranking`: constraints first.

    Parameters
    ----------
    population : int
        Vectors (NP), at least 4.
    scale : float
        Factor of the difference (F), from 0 to 2.
    crossover : float
        Probability of a coordinate to come from the mutant (Cr), from 0 to 1; one always does.
    repair : {"random", "clip"}
        What becomes of coordinates outside [0, 1]: a uniform draw, or the bound.
    look_up : bool
        Whether known results are compared at no charge.
    """

    family, paper, year = "evolution", "Storn & Price, Journal of Global Optimization", 1997
    takes = Takes(objectives=1)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        population: int = 20,
        scale: float = 0.5,
        crossover: float = 0.5,
        repair: str = "random",
        look_up: bool = True,
    ) -> None:
        repeats = "look_up" if boolean("look_up", look_up) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `look_up = true`")
        require_free_genes("DifferentialEvolution", problem.space)
        self.population = integer("population", population, low=_FEWEST, high=MOST)
        self.scale = real("scale", scale, low=0.0, high=2.0)
        self.crossover = real("crossover", crossover, low=0.0, high=1.0)
        self.repair = choice("repair", repair, ("random", "clip"))
        self._vectors: FloatArray = np.zeros((0, problem.space.genes))
        self._scores: list[Score | None] = []  # None: not told yet
        self._usable: list[int] = []  # vectors with a result
        self._turn = 0

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return the first vectors, then a trial for the next target; none while too few of the first are told."""
        space = self.problem.space
        if not self._scores:
            if self.repeats == "charge":
                archs = space.sample(self.population, self.rng)
            else:
                archs, _ = sample_new(space, self.population, self._known, exact_keys, self.rng)
            self._scores = [None] * len(archs)
            self._vectors = encode(space, archs, self.rng)
            return archs, list(enumerate(self._vectors))
        target = self._next_target()
        if target is None or (self._scores[target] is not FAILED and len(self._usable) < _FEWEST and self._running):
            return no_archs(space), []
        if self._scores[target] is not FAILED and len(self._usable) >= _FEWEST:
            for _ in range(self.patience):
                vector = self._trial(target)
                arch = decode(space, vector[None])
                if space.is_valid(arch)[0]:
                    return arch, [(target, vector)]
        arch = space.sample(1, self.rng)
        return arch, [(target, encode(space, arch, self.rng)[0])]

    def _next_target(self) -> int | None:
        """Return whose turn it is: not of those not told yet."""
        count = len(self._scores)
        for turn in range(self._turn, self._turn + count):
            if self._scores[turn % count] is not None:
                self._turn = turn + 1
                return turn % count
        return None

    def _trial(self, target: int) -> FloatArray:
        """Return the target crossed with a mutant: (L,)."""
        others = [row for row in self._usable if row != target]
        draws = self.rng.integers(np.arange(len(others), len(others) - 3, -1)).tolist()
        base, plus, minus = (self._vectors[others.pop(draw)] for draw in draws)
        uniform = self.rng.random((2, len(base)))
        crossed = uniform[0] < self.crossover
        crossed[self.rng.integers(len(base))] = True
        mutant = base + self.scale * (plus - minus)
        return combined(self._vectors[target], mutant, crossed, uniform[1] if self.repair == "random" else None)

    def renew(self, archs: Archs) -> Sequence[Any]:
        """Start again: every vector gives way to a random one, the first to this."""
        self._scores = [FAILED if score is not None else None for score in self._scores]
        self._usable.clear()
        return [(self._next_target() or 0, vector) for vector in encode(self.problem.space, archs, self.rng)]

    def learn(self, generation: list[Told]) -> None:
        """Put a trial in the place of its target unless it is worse."""
        for _, _, score, (target, vector) in generation:
            held = self._scores[target]
            if held is None or score <= held:
                if score is not FAILED and held in (None, FAILED):
                    self._usable.append(target)
                self._scores[target], self._vectors[target] = score, vector


def combined(target: FloatArray, mutant: FloatArray, crossed: BoolArray, fresh: FloatArray | None) -> FloatArray:
    """Return a target of which some coordinates are the mutant's, inside [0, 1], (L,).

    Parameters
    ----------
    target, mutant : (L,) float64
    crossed : (L,) bool
        Which coordinates are the mutant's.
    fresh : (L,) float64 or None
        What coordinates outside [0, 1] become; None for the bound.
    """
    trial = np.where(crossed, mutant, target)
    inside: FloatArray = np.clip(trial, 0.0, 1.0)
    return inside if fresh is None else np.where(inside == trial, trial, fresh)


def encode(space: SearchSpace, archs: Archs, rng: np.random.Generator | None = None) -> FloatArray:
    """Return vectors that decode to architectures: uniform within the bins, without a generator their centres.

    (n, L) to (n, L), in [0, 1).
    """
    within = 0.5 if rng is None else rng.random(archs.shape)
    vectors: FloatArray = (archs + within) / space.cardinalities
    return vectors


def decode(space: SearchSpace, vectors: FloatArray) -> Archs:
    """Return the code of the bin that each coordinate lies in: (n, L) in [0, 1] to (n, L).

    Examples
    --------
    >>> from harness.testing.toy import ToySpace
    >>> decode(ToySpace(), np.array([[0.0, 0.24, 0.25, 0.99, 1.0]]))
    array([[0, 0, 1, 3, 3]], dtype=uint8)
    """
    codes = (vectors * space.cardinalities).astype(np.int64)
    return np.minimum(codes, space.cardinalities - 1).astype(space.dtype)
