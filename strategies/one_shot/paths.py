"""Methods that train one path at a time: the best by inherited accuracy is chosen afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from harness.checks import MOST, Archs, choice, integer, real
from harness.errors import HarnessError, must
from strategies.one_shot.evolving import EvolutionSettings, evolve
from strategies.one_shot.supernets import Choosing, WeightSettings

PATHS, CHOICES, ANNEALING = ("uniform", "fair"), ("random", "evolution"), ("cosine", "linear")


@dataclass(frozen=True)
class PathSettings(EvolutionSettings, WeightSettings):
    """Choices of `SinglePath`, and their values where a method says no other."""

    ways: ClassVar[tuple[str, ...]] = PATHS
    paths: str = "uniform"
    annealing: str = "cosine"
    label_smoothing: float = 0.0
    chosen_by: str = "random"
    candidates: int = 100
    items: int = 0
    look_every: int = 0

    def __post_init__(self) -> None:
        WeightSettings.__post_init__(self)
        EvolutionSettings.__post_init__(self)
        choice("paths", self.paths, self.ways)
        choice("annealing", self.annealing, ANNEALING)
        choice("chosen_by", self.chosen_by, CHOICES)
        real("label_smoothing", self.label_smoothing, low=0.0, high=1.0)
        integer("candidates", self.candidates, low=1, high=MOST)
        for name in ("items", "look_every"):
            integer(name, getattr(self, name), low=0, high=MOST)
        if not self.codes:
            raise HarnessError(must("without", "leave an operation", list(self.without)))


class SinglePath(Choosing):
    """Weights trained one drawn path at a time; the best path by inherited accuracy is chosen: choices of one's own.

    An operation that is not drawn is not touched by a step: neither momentum nor decay moves it.  Of DARTS cells a path
    has two edges into each node, and no none, for the table has none.

    Parameters
    ----------
    paths : {"uniform", "fair"}
        One path in a step, uniform over the operations of each edge, and of DARTS cells over pairs of edges; or as many
        as there are operations, each of which is in one of them on each edge, their mean loss and one step.  Those of
        DARTS cells have the same pairs, drawn for each step.
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
    version = 2

    def rate(self) -> float:
        """Return the learning rate of the weights in this epoch."""
        if self.settings.annealing == "cosine":
            return super().rate()
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        return low + (high - low) * (1 - self.done / self.epochs)

    def draw(self, count: int) -> Archs:
        """Draw paths uniformly: (count, L)."""
        return self.choices.draw(self.codes, count, self.rng)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Train one path on a batch, or fair ones."""
        archs = self.choices.fair(self.codes, self.rng) if self.settings.paths == "fair" else self.draw(1)
        for arch in archs.tolist():
            self.charge(self.costs.path(arch), len(labels))
        batch, smoothing, share = (images, labels), self.settings.label_smoothing, 1 / len(archs)
        loss = sum(self.learn_path(batch, arch, smoothing, share) for arch in archs.tolist())
        self.descend()
        return loss

    def choose(self) -> Archs:
        """Return the best of the random candidates, or of an evolution: (1, L)."""
        if self.settings.chosen_by == "random":
            return self.best_of(self.draw(self.settings.candidates), self.settings.items)[None]
        return evolve(self.charged_accuracies, self.draw, self.settings, self.rng)[None]


class RSPS(SinglePath):
    """Random search with parameter sharing: uniform paths, then the best of a hundred.

    Li & Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019, as in the code of
    NAS-Bench-201: each of the hundred is scored on one batch of 512 validation items, another for each; that noise is
    part of published results.  Departs from that code: cells without a way to the output are trained like others.
    """

    version = 3
    preset = PathSettings(items=512)
    paper, year = "Li & Talwalkar, UAI", 2019


class SPOS(SinglePath):
    """Single path one-shot with uniform sampling, then evolution by inherited accuracy.

    Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020, with the values for
    ImageNet, where steps are of 1,024 items; for tables of few items give a smaller `batch_size` and `learning_rate`.

    Departs from the paper: no limit on multiply-adds; the last generation is ranked too, which the authors' code
    evaluates in vain.
    """

    version = 3
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
    is chosen, where the paper evolves several objectives.  Of DARTS cells a step trains the operations of two edges
    into each node, drawn uniformly, so that operations of an edge are trained equally often after any step and edges
    into a node in the mean: no whole number of paths with two edges a node has every edge as often as every other.
    """

    preset = PathSettings(paths="fair", without=("none",))
    paper, year = "Chu, Zhang & Xu, ICCV", 2021
