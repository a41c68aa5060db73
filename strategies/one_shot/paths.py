"""Methods that train one path at a time: the best by inherited accuracy is chosen afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.four_nodes import EDGES
from harness.training.supernets.subnets import accuracies
from harness.training.supernets.written import written_paths
from strategies.one_shot.supernets import SupernetMethod, WeightSettings

PATHS, CHOICES, ANNEALING = ("uniform", "fair"), ("random", "evolution"), ("cosine", "linear")


@dataclass(frozen=True)
class PathSettings(WeightSettings):
    """Choices of `SinglePath`, and their values where a method says no other."""

    paths: str = "uniform"
    annealing: str = "cosine"
    label_smoothing: float = 0.0
    chosen_by: str = "random"
    candidates: int = 100
    items: int = 0
    look_every: int = 0
    population: int = 50
    generations: int = 20
    parents: int = 10
    mutants: int = 25
    crossovers: int = 25
    mutation: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("paths", self.paths, PATHS)
        choice("annealing", self.annealing, ANNEALING)
        choice("chosen_by", self.chosen_by, CHOICES)
        real("label_smoothing", self.label_smoothing, low=0.0, high=1.0)
        real("mutation", self.mutation, low=0.0, high=1.0, open_low=True)
        for name in ("candidates", "population", "parents"):
            integer(name, getattr(self, name), low=1, high=MOST)
        for name in ("items", "look_every", "generations", "mutants", "crossovers"):
            integer(name, getattr(self, name), low=0, high=MOST)
        if self.parents > self.population:
            raise HarnessError(must("parents", f"be at most the population of {self.population}", self.parents))
        if not self.codes:
            raise HarnessError(must("without", "leave an operation", list(self.without)))


class SinglePath(SupernetMethod):
    """Weights trained one drawn path at a time; the best path by inherited accuracy is chosen: choices of one's own.

    An operation that is not drawn is not touched by a step: neither momentum nor decay moves it.

    Parameters
    ----------
    paths : {"uniform", "fair"}
        One path in a step, uniform over the operations of each edge; or as many as there are operations, each of which
        is in one of them on each edge, their mean loss and one step.
    annealing : {"cosine", "linear"}
        Of the learning rate of the weights.
    label_smoothing : float
    chosen_by : {"random", "evolution"}
        Whether the best of random candidates is taken, or of an evolution.
    candidates : int
        Random ones.
    items : int
        Validation items that a random candidate is scored on, drawn anew for each; 0 for all, the same for each.
    look_every : int
        Epochs between choices, each of which is charged; 0 for one, at the end.  Before the first nothing is
        recommended.
    population, generations, parents, mutants, crossovers : int
        Of the evolution: the parents are the best of all generations; a generation that mutants and crossovers do not
        fill is filled with random architectures.  None is evaluated twice.
    mutation : float
        Probability that a gene of a mutant is drawn anew.
    """

    settings: PathSettings
    preset: ClassVar[Any] = PathSettings()

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        single = self.settings.paths == "uniform"
        self._written = written_paths(self.supernet, self.batches) if single else None
        self._codes = np.array(self.settings.codes, dtype=self.space.dtype)
        self._chosen: Archs = np.empty((0, len(EDGES)), dtype=self.space.dtype)

    def rate(self) -> float:
        """Return the learning rate of the weights in this epoch."""
        if self.settings.annealing == "cosine":
            return super().rate()
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        return low + (high - low) * (1 - self.done / self.epochs)

    def draw(self, count: int) -> Archs:
        """Draw paths uniformly: (count, 6)."""
        return self._codes[self.rng.integers(len(self._codes), size=(count, len(EDGES)))]

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Train one path on a batch, or fair ones."""
        if self.settings.paths == "fair":
            archs = np.stack([self.rng.permutation(self._codes) for _ in EDGES], axis=1)
        else:
            archs = self.draw(1)
        if self._written is not None:
            (arch,) = archs.tolist()
            self.charge(self.costs.path(arch), len(labels))
            value = self._written.learn(images, labels, arch, self.settings.label_smoothing)
            self.descend()
            return value
        losses = [
            functional.cross_entropy(
                self.supernet.path(images, arch), labels, label_smoothing=self.settings.label_smoothing
            )
            for arch in archs.tolist()
        ]
        for arch in archs.tolist():
            self.charge(self.costs.path(arch), len(labels))
        loss = torch.stack(losses).mean()
        self.update(loss)
        return loss.item()

    def after_epoch(self) -> None:
        """Choose a path where it is due."""
        every = self.settings.look_every
        if self.done == self.epochs or (every and self.done % every == 0):
            choose = self._of_random if self.settings.chosen_by == "random" else self._of_evolution
            self._chosen = choose()[None]

    def _of_random(self) -> Archs:
        """Return the best of the random candidates, (6,)."""
        archs, chosen = self.draw(self.settings.candidates), self.settings
        if not chosen.items:
            found = self.charged_accuracies(archs)
            return np.asarray(archs[int(np.argmax(found))])
        scores, batches = list[float](), self.batches.validating(self.rng, chosen.items)
        for arch in archs:
            batch = next(batches)
            self.charge(self.costs.path(arch), len(batch[1]), 1)
            scores.append(float(accuracies(self.supernet, arch[None], self.batches, chosen.statistics, [batch])[0]))
        return np.asarray(archs[int(np.argmax(scores))])

    def _of_evolution(self) -> Archs:
        """Return the best of an evolution, (6,)."""
        return evolve(self.charged_accuracies, self.draw, self.settings, self.rng)

    def recommend(self) -> Archs:
        """Return the path that was chosen last, (1, 6); none before the first choice, (0, 6)."""
        return self._chosen

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"chosen": self._chosen.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self._chosen = np.array(state["chosen"], dtype=self.space.dtype)


def evolve(
    score: Callable[[Archs], FloatArray],
    draw: Callable[[int], Archs],
    settings: PathSettings,
    rng: np.random.Generator,
) -> Archs:
    """Return the best architecture of the evolution of SPOS: (L,).

    Parameters
    ----------
    score : callable
        From (n, L) to (n,), higher is better.
    draw : callable
        From a number to so many random architectures.
    settings : PathSettings
    rng : Generator
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

        def mutant(parents: list[Archs] = parents) -> Archs:
            parent = parents[rng.integers(len(parents))]
            return np.where(rng.random(len(parent)) < settings.mutation, draw(1)[0], parent)

        def crossed(parents: list[Archs] = parents) -> Archs:
            first, second = (parents[rng.integers(len(parents))] for _ in range(2))
            return np.where(rng.random(len(first)) < 0.5, first, second)

        seen = dict(known)
        generation = _unseen(mutant, settings.mutants, seen)
        generation += _unseen(crossed, settings.crossovers, seen)
        generation += _unseen(lambda: draw(1)[0], settings.population - len(generation), seen)
    return parents[0]


def _unseen(make: Callable[[], Archs], count: int, seen: dict[bytes, float]) -> list[Archs]:
    """Make architectures that were not seen, at most `count`, in ten times as many tries; they are seen then."""
    made = list[Archs]()
    for _ in range(10 * max(count, 0)):
        if len(made) == count:
            break
        arch = make()
        if arch.tobytes() not in seen:
            seen[arch.tobytes()] = math.nan
            made.append(arch)
    return made


class RSPS(SinglePath):
    """Random search with parameter sharing: uniform paths, then the best of a hundred.

    Li & Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019, as in the code of
    NAS-Bench-201: each of the hundred is scored on one batch of 512 validation items, another for each; that noise is
    part of published results.  Departs from that code: cells without a way to the output are trained like others.
    """

    version = 2
    preset = PathSettings(items=512)
    paper, year = "Li & Talwalkar, UAI", 2019


class SPOS(SinglePath):
    """Single path one-shot with uniform sampling, then evolution by inherited accuracy.

    Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, with the values for
    ImageNet, where steps are of 1,024 items; for tables of few items give a smaller `batch_size` and `learning_rate`.

    Departs from the paper: no limit on multiply-adds; the last generation is ranked too, which the authors' code
    evaluates in vain.
    """

    version = 2
    preset = PathSettings(
        batch_size=1024,
        learning_rate=0.5,
        last_learning_rate=0.0,
        annealing="linear",
        weight_decay=4e-5,
        label_smoothing=0.1,
        nesterov=False,
        clip=0.0,
        statistics="recalibrated",
        chosen_by="evolution",
    )
    paper, year = "Guo et al., ECCV", 2020


class FairNAS(SinglePath):
    """Strict fairness: in each step every operation of every edge is trained once.

    Chu, Zhang & Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search", ICCV 2021.
    None is left out by default: a path with it trains less.

    Departs from the paper: gradients are averaged over the paths of a step, not summed; the best of random candidates
    is chosen, where the paper evolves several objectives.
    """

    preset = PathSettings(paths="fair", without=("none",))
    paper, year = "Chu, Zhang & Xu, ICCV", 2021
