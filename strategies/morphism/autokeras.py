"""AutoKeras-style search: a Gaussian process on edit distances, and a tree of morphisms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from math import exp, inf
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts import moves as moving
from strategies.parts.candidates import distinct, no_archs, sample_new
from strategies.parts.model_based import Learning, ModelBased, Valued
from strategies.parts.targets import transformed

_COOLEST, _COOLING = 1e-4, 0.9
_DRAWN = 100  # random architectures that are candidates where morphisms lead to nothing new


class AutoKeras(ModelBased):
    """Search a tree of network morphisms for the best confidence bound of a Gaussian process on edit distances.

    Jin, Song & Hu, "Auto-Keras: an efficient neural architecture search system", KDD 2019, Algorithm 1.  A queue holds
    all architectures told, by their result.  At a temperature T that falls from 1 by a tenth at a time, the best one is
    taken from the queue and, with probability ``exp(min((best - value) / T, 1))``, expanded: `children` of it by one
    random move each enter the queue with their confidence bounds, ``mean - 2.576 std``, so that results and bounds
    stand in one queue, as published.  The child of the lowest bound is trained.

    It is called AutoKeras-style because no weights are inherited: every child is a whole training.  Departs from the
    authors' code: T is in units of the standard deviation of the results told, where that has raw metrics; the first
    model waits for `initial` random architectures, where that starts from a few hand-made ones; where morphisms lead
    to nothing new, the best of a hundred random architectures by its bound is trained.  The learner's departures:
    `edit_distance_gp`.

    Constraints, failures, parallel workers, duplicates: see `ModelBased`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1; one in the paper.
    children : int
        Children of an expansion, at least 1.
    expansions : int
        Architectures taken from the queue at once, at least 1, so that one prediction serves the children of all; one
        in the paper.
    moves : {"morphism", "neighbours"}
        See `strategies.parts.moves`: network morphisms, and all edits in spaces that know none; or all edits.
    temperature : float
        T at the start, greater than 1e-4, at which the search of the tree ends.
    target : {"identity", "log", "normal_scores"}
        What the model learns; see `strategies.parts.targets`.
    """

    family, paper, year = "network morphism", "Jin, Song & Hu, KDD", 2019
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "edit_distance_gp", "encoding": "one_hot"}
    beta = 2.576

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 1,
        children: int = 8,
        moves: str = "morphism",
        expansions: int = 8,
        temperature: float = 1.0,
        target: str = "identity",
    ) -> None:
        super().__init__(
            problem, rng, surrogate=surrogate, initial=initial, batch=batch, acquisition="ucb", target=target
        )
        self.children = integer("children", children, low=1, high=MOST)
        self.expansions = integer("expansions", expansions, low=1, high=MOST)
        self.moves = moving.Moves(choice("moves", moves, moving.NAMES), problem.space)
        self.temperature = real("temperature", temperature, low=_COOLEST, open_low=True)
        self._exhausted: set[bytes] = set()  # told, and all that they lead to has been proposed
        self._results: tuple[Archs, FloatArray] = no_archs(problem.space), np.zeros(0)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new moves of the best that have any, and note the results from which the tree starts."""
        objectives = np.array([self._scores[row][1] for row in ranked])
        self._results = told[ranked], transformed(self.target, objectives)
        archs, keys = no_archs(self.problem.space), list[Hashable]()
        for row in ranked:
            if told[row].tobytes() in self._exhausted:
                continue
            new, new_keys = self._new([self.moves(told[row])[0]], keys)
            archs, keys = np.concatenate([archs, new]), keys + new_keys
            if len(archs) > self.batch:
                return archs, keys
            if not keys:
                self._exhausted.add(told[row].tobytes())
        taken = self._taken.union(keys)
        drawn, drawn_keys = sample_new(self.problem.space, _DRAWN, taken, self.keys, self.rng)
        return np.concatenate([archs, drawn]), keys + drawn_keys

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return what the tree brings up with its bounds; the pool where it brings up nothing."""
        told, values = self._results
        if self._learnt():  # bounds are weighted by the probability to be feasible: results are valued alike
            values = yield from value(told)
        scale = float(np.std(values)) or 1.0
        numbers = count()
        queue = [(result, next(numbers), arch) for result, arch in zip(values.tolist(), told, strict=True)]
        heapify(queue)
        found: dict[Hashable, tuple[Archs, float]] = {}
        best, temperature = inf, self.temperature
        while queue and temperature > _COOLEST:
            parents = []
            for _ in range(min(self.expansions, len(queue))):
                here, _, arch = heappop(queue)
                if exp(min((best - here) / (scale * temperature), 1.0)) >= self.rng.random():
                    parents.append(arch)
                temperature *= _COOLING
            new, new_keys = self._expanded(parents, found)
            bounds: list[float] = (yield from value(new)).tolist() if len(new) else []
            for child, key, bound in zip(new, new_keys, bounds, strict=True):
                heappush(queue, (bound, next(numbers), child))
                found[key] = child, bound
            best = min(best, *bounds, inf)
        if not found:
            return archs, keys, (yield from value(archs))
        children = np.array([child for child, _ in found.values()], dtype=archs.dtype)
        return children, list(found), np.array([bound for _, bound in found.values()])

    def _expanded(self, parents: list[Archs], found: Collection[Hashable]) -> tuple[Archs, list[Hashable]]:
        """Return new architectures one random move from one of others, (L,) each: (k, L) and their keys."""
        around = [self.moves(arch)[0] for arch in parents]
        return self._new([moved[self.rng.permutation(len(moved))[: self.children]] for moved in around], found)

    def _new(self, drawn: list[Archs], found: Collection[Hashable]) -> tuple[Archs, list[Hashable]]:
        """Return what is new of architectures and breaks nothing that is known in closed form, with its keys."""
        archs = np.concatenate([no_archs(self.problem.space), *drawn])
        archs = archs[self._broken(archs) <= 0] if self.problem.constraints else archs
        return distinct(archs, self._taken.union(found), self.keys)
