"""Forward growth: weak learners beside a trained network, of which the strongest become part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from harness.checks import GREATEST, MOST, Archs, BoolArray, FloatArray, integer, real
from harness.training import networks
from harness.training.networks.cells import StagedNetwork
from harness.training.schedule import Member
from harness.training.supernets.morphisms import inherit
from harness.training.supernets.weak_learners import WeakLearners, candidates, grown
from strategies.one_shot.growing import NOW, Growing, GrowthSettings, Trainee
from strategies.progressive.petridish import lower_hull

WEAK = "weak"
"""A parent with its weak learners, beside the pool."""


@dataclass(frozen=True)
class PetridishSettings(GrowthSettings):
    """Choices of `PetridishInherited`; the defaults are those of the paper's cells."""

    learning_rate: float = 0.025
    weight_decay: float = 3e-4
    train_epochs: int = 80
    search_epochs: int = 80
    added: int = 3
    penalty: float = 1e-3
    first_gates: float = 0.1
    near: float = 0.025
    points: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("train_epochs", "search_epochs", "added", "points"):
            integer(name, getattr(self, name), low=1, high=MOST)
        for name in ("penalty", "first_gates", "near"):
            real(name, getattr(self, name), low=0.0, high=GREATEST)


class PetridishInherited(Growing):
    """Grow networks near the convex hull of cost and error by the candidates of the largest gates.

    Hu, Langford, Caruana, Mukherjee, Horvitz & Dey, "Efficient forward architecture search", NeurIPS 2019.  A parent is
    drawn near the lower convex hull of multiply-adds and validation error; all operations on its empty edges are
    trained beside it without changing what it computes (`harness.training.supernets.weak_learners`), with an L1 penalty
    on their gates, while it trains on; those of the largest gates, at most one on an edge, become part of it; the child
    is trained and enters the pool.

    Departs from the paper: a growth fills empty edges of the cell of NAS-Bench-201, in all cells at once, and the gates
    are shared by them, so that what is found can be looked up; a node that leads nowhere gets a skip to the output with
    its first operation.  A convolution begins silent in the child, which then starts as its parent; a skip or a pool
    has no gate in these cells and begins at full strength.  Gates are trained by the same SGD as weights.  No limit on
    multiply-adds ends the search.

    Parameters of `Growing`, and:

    Parameters
    ----------
    train_epochs, search_epochs : int
        Of each network of the pool, and of candidates beside a parent.
    added : int
        Candidates that become part of a child, at most.
    penalty : float
        Weight of the sum of the sizes of the gates.
    first_gates : float
        Gates begin uniform between minus this and this.
    near : float
        A network is near the hull whose error is at most so much larger, as a share.
    points : int
        Networks in the pool, after which it stops.
    """

    settings: PetridishSettings
    preset: ClassVar[Any] = PetridishSettings()
    family, paper, year = "growing", "Hu et al., NeurIPS", 2019

    def begin(self) -> None:
        """Set what is kept of the search where it begins."""
        self.errors = list[float]()  # in percent, of the pool
        self.drawn = list[int]()  # how often each was a parent

    @property
    def finished(self) -> bool:
        """Whether the pool is full, or nothing in it can grow."""
        phase = NOW in self.trainees or WEAK in self.trainees
        return not phase and (len(self.errors) >= self.settings.points or not self._growing().any())

    def advance(self) -> None:
        """Train a network of the pool, or weak learners beside one, for an epoch."""
        if NOW not in self.trainees and WEAK not in self.trainees:
            self._begin()
        if WEAK in self.trainees:
            self._search()
            return
        now = self.trainees[NOW]
        self.train(now, self.behind, self.settings.train_epochs)
        self.behind += 1
        if self.behind == self.settings.train_epochs:
            self.behind = 0
            self.trainees[str(len(self.errors))] = self.trainees.pop(NOW)
            self.errors.append(100 - self.charged_accuracy(now))
            self.drawn.append(0)

    def _begin(self) -> None:
        """Draw a parent and put weak learners beside a copy of it."""
        place = int(self.rng.choice(len(self.errors), p=self.chances()))
        self.drawn[place] += 1
        parent = self.trainees[str(place)]
        module = self.rebuilt(WEAK, parent.arch)
        weak = cast(WeakLearners, module)
        inherit(weak.network, parent.module)
        networks.initialise(weak.cells, Member((), self.seed()), "nb201")
        gates = self.rng.uniform(-self.settings.first_gates, self.settings.first_gates, len(weak.chosen))
        with torch.no_grad():
            weak.gates.copy_(torch.from_numpy(gates))
        self.trainees[WEAK] = Trainee.of(parent.arch, module)
        self.parent = self.child = parent.arch

    def _search(self) -> None:
        """Train weak learners; after their last epoch make the child of the best."""
        trainee = self.trainees[WEAK]
        weak = cast(WeakLearners, trainee.module)
        macs = self.costs.path(trainee.arch) + sum(self.costs.operations[one.code] for one in weak.chosen)
        strength = self.settings.penalty
        self.train(trainee, self.behind, self.settings.search_epochs, macs, lambda: strength * weak.penalty())
        self.behind += 1
        if self.behind < self.settings.search_epochs:
            return
        self.behind = 0
        taken = weak.best(self.settings.added)
        made = self.fresh(grown(trainee.arch, taken))
        inherit(made.module, weak.network)
        weak.hand_over(cast(StagedNetwork, made.module), taken)
        del self.trainees[WEAK]
        self.trainees[NOW] = made
        self.parent, self.child = trainee.arch, made.arch

    def _growing(self) -> BoolArray:
        """Return which of the pool can grow, (n,)."""
        return np.array([bool(candidates(self.trainees[str(place)].arch)) for place in range(len(self.errors))])

    def chances(self) -> FloatArray:
        """Return the probability of each network of the pool to be the next parent, (n,).

        Of those that can grow and are near the hull, or of all that can grow where none is; 1 / (1 + c) + 1 / (1 + m),
        where c is how often it was a parent and m its multiply-adds, both scaled to [0, 1].
        """
        macs = np.array([self.costs.path(self.trainees[str(place)].arch) for place in range(len(self.errors))])
        errors, able = np.array(self.errors), self._growing()
        corners = lower_hull(macs, errors)
        line = np.interp(macs, macs[corners], errors[corners])
        close = able & (errors <= line * (1 + self.settings.near))
        weights = 1 / (1 + _scaled(np.array(self.drawn, dtype=np.float64))) + 1 / (1 + _scaled(macs))
        weights = np.where(close if close.any() else able, weights, 0.0)
        return np.asarray(weights / weights.sum())

    def rebuilt(self, name: str, arch: tuple[int, ...]) -> nn.Module:
        """Return the module of a network; of a parent with its weak learners both."""
        module, batches = super().rebuilt(name, arch), self.batches
        if name != WEAK:
            return module
        network = cast(StagedNetwork, module)
        return self.laid(WeakLearners(network, candidates(arch), batches.recipe, batches.shape))

    def recommend(self) -> Archs:
        """Return the cell of the lowest validation error of the pool, (1, 6); the start while that is empty."""
        cell = self.trainees[str(int(np.argmin(self.errors)))].arch if self.errors else self.settings.start
        return np.array([cell], dtype=self.space.dtype)

    def numbers(self) -> dict[str, npt.NDArray[Any]]:
        """Return the epochs of the phase, and errors and draws of the pool."""
        return {"behind": np.array(self.behind), "errors": np.array(self.errors), "drawn": np.array(self.drawn, int)}

    def take(self, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from these."""
        self.behind = int(numbers["behind"])
        self.errors, self.drawn = numbers["errors"].tolist(), [int(count) for count in numbers["drawn"]]


def _scaled(values: FloatArray) -> FloatArray:
    """Return values scaled to [0, 1]; zeros where all are equal."""
    wide = values.max() - values.min()
    return (values - values.min()) / wide if wide > 0 else np.zeros(len(values))
