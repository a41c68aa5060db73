"""The evolution of architectures by inherited accuracy, of single-path one-shot and of once-for-all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.errors import HarnessError, must


@dataclass(frozen=True)
class EvolutionSettings:
    """How an evolution goes; see `evolve`."""

    population: int = 50
    generations: int = 20
    parents: int = 10
    mutants: int = 25
    crossovers: int = 25
    mutation: float = 0.1

    def __post_init__(self) -> None:
        real("mutation", self.mutation, low=0.0, high=1.0, open_low=True)
        for name in ("population", "parents"):
            integer(name, getattr(self, name), low=1, high=MOST)
        for name in ("generations", "mutants", "crossovers"):
            integer(name, getattr(self, name), low=0, high=MOST)
        if self.parents > self.population:
            raise HarnessError(must("parents", f"be at most the population of {self.population}", self.parents))


def evolve(
    score: Callable[[Archs], FloatArray],
    draw: Callable[[int], Archs],
    settings: EvolutionSettings,
    rng: np.random.Generator,
    child: Callable[[Archs], Archs | None] = lambda arch: arch,
) -> Archs:
    """Return the best architecture of an evolution: (L,).

    Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, algorithm 1: the
    parents are the best of all generations; a generation is mutants, crossovers, and random ones to fill it.

    Parameters
    ----------
    score : callable
        From (n, L) to (n,), higher is better.
    draw : callable
        From a number to so many random architectures.
    settings : EvolutionSettings
    rng : Generator
    child : callable
        From the genes of a mutant or a crossover, (L,), to the architecture that it is; None where it is none that may
        be, and another is made.
    """
    known: dict[bytes, float] = {}
    genes: dict[bytes, Archs] = {}
    generation = _unseen(lambda: draw(1)[0], settings.population, known)
    for place in range(settings.generations + 1):
        if generation:
            for arch, value in zip(generation, score(np.stack(generation)), strict=True):
                known[arch.tobytes()], genes[arch.tobytes()] = float(value), arch
        parents = [genes[key] for key in sorted(known, key=lambda key: -known[key])[: settings.parents]]
        if place == settings.generations:
            break

        def mutant(parents: list[Archs] = parents) -> Archs | None:
            parent = parents[rng.integers(len(parents))]
            return child(np.where(rng.random(len(parent)) < settings.mutation, draw(1)[0], parent))

        def crossed(parents: list[Archs] = parents) -> Archs | None:
            first, second = (parents[rng.integers(len(parents))] for _ in range(2))
            return child(np.where(rng.random(len(first)) < 0.5, first, second))

        seen = dict(known)
        generation = _unseen(mutant, settings.mutants, seen)
        generation += _unseen(crossed, settings.crossovers, seen)
        generation += _unseen(lambda: draw(1)[0], settings.population - len(generation), seen)
    return parents[0]


def _unseen(make: Callable[[], Archs | None], count: int, seen: dict[bytes, float]) -> list[Archs]:
    """Make architectures that were not seen, at most `count`, in ten times as many tries; they are seen then."""
    made = list[Archs]()
    for _ in range(10 * max(count, 0)):
        if len(made) == count:
            break
        arch = make()
        if arch is not None and arch.tobytes() not in seen:
            seen[arch.tobytes()] = math.nan
            made.append(arch)
    return made
