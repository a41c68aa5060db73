"""Once-for-all: one network is trained so that its subnets need no training, and specialised by evolution."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import GREATEST, MOST, Archs, FloatArray, integer, listed, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.elastic.skeleton import BLOCKS, EXPANSIONS, LARGEST, STAGES, genes_of
from harness.spaces.named import NETWORKS
from harness.spaces.own.conditional import ConditionalSpace
from harness.training.engines.resident import sgd_step
from harness.training.supernets.costs import NetworkCosts
from harness.training.supernets.elastic import ElasticSupernet, build
from strategies.one_shot.evolving import EvolutionSettings, evolve
from strategies.one_shot.supernets import Choosing, OptimiserSettings

LIMITS = (1.0, 0.8, 0.6, 0.4, 0.25)
"""Multiply-adds that a specialised subnet may have, in those of the whole network."""
_ALL = range(len(EXPANSIONS))


class Phase(NamedTuple):
    """A part of progressive shrinking: codes that a gene may have, and subnets of a step."""

    depths: Sequence[int]
    kernels: Sequence[int]
    expansions: Sequence[int]
    subnets: int


PHASES = (
    Phase((2,), (2,), (2,), 1),
    Phase((2,), _ALL, (2,), 1),
    Phase((1, 2), _ALL, (2,), 2),
    Phase(_ALL, _ALL, (2,), 2),
    Phase(_ALL, _ALL, (1, 2), 4),
    Phase(_ALL, _ALL, _ALL, 4),
)
"""The whole network; kernels; depths to two blocks, to one; expansions to three, to two."""
_SORTED: Mapping[int, tuple[int, ...]] = {1: (), 4: (), 5: EXPANSIONS[1:2]}
"""Phases before which channels are sorted, and expansions that keep theirs then."""


@dataclass(frozen=True)
class ElasticSettings(EvolutionSettings, OptimiserSettings):
    """Choices of `OFA`."""

    learning_rate: float = 0.05
    last_learning_rate: float = 0.0
    weight_decay: float = 3e-5
    clip: float = 0.0
    population: int = 20
    generations: int = 5
    parents: int = 5
    mutants: int = 10
    crossovers: int = 10
    shrinking_learning_rate: float = 0.03
    label_smoothing: float = 0.1
    distillation: float = 1.0
    phases: tuple[int, ...] = (15, 6, 3, 6, 3, 6)

    def __post_init__(self) -> None:
        OptimiserSettings.__post_init__(self)
        EvolutionSettings.__post_init__(self)
        real(
            "shrinking_learning_rate",
            self.shrinking_learning_rate,
            low=self.last_learning_rate,
            high=GREATEST,
            open_low=True,
        )
        real("label_smoothing", self.label_smoothing, low=0.0, high=1.0)
        real("distillation", self.distillation, low=0.0, high=GREATEST)
        object.__setattr__(self, "phases", listed("phases", self.phases))
        for share in self.phases:
            integer("phases", share, low=0, high=MOST)
        if len(self.phases) != len(PHASES) or not self.phases[0]:
            raise HarnessError(must("phases", f"be {len(PHASES)} shares, the first above 0", list(self.phases)))


class OFA(Choosing):
    """Progressive shrinking with distillation, then the best subnet under each of five limits on multiply-adds.

    Cai, Gan, Wang, Zhang & Han, "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR
    2020.  The whole network is trained first; then subnets of more and more kinds, drawn uniformly, learn from the
    labels and from the whole network as it was then; their gradients are summed.  After the last epoch subnets evolve
    under each of `LIMITS`, by accuracy on the validation items with inherited weights; the best of all that were
    evaluated is handed over for each limit.  Before it nothing is recommended.

    Departs from the paper: accuracies are measured, not predicted; one resolution; a limit is on multiply-adds, in
    closed form, in place of a table of latencies; one learning rate for all phases of shrinking, and no warm-up;
    channels are sorted before the kernels shrink, too, which changes nothing that is computed.  The population and the
    generations are those of measured accuracies; the paper's are 100 and 500.

    Parameters
    ----------
    learning_rate, shrinking_learning_rate : float
        At the beginning of the phase of the whole network, and of the others; each falls by a cosine over its phase,
        step by step, to `last_learning_rate`.
    weight_decay : float
        Of all but batch normalisation and biases.
    label_smoothing : float
    distillation : float
        Factor of the cross-entropy with the answers of the whole network.
    phases : tuple of 6 int
        Epochs of each phase, see `PHASES`, as shares of those of the search: with the sum of them, exactly those.
    population, generations, parents, mutants, crossovers, mutation
        Of the evolution under each limit; see `strategies.one_shot.evolving.evolve`.
    """

    settings: ElasticSettings
    supernet: ElasticSupernet
    costs: NetworkCosts
    preset: ClassVar[Any] = ElasticSettings()
    paper, year = "Cai, Gan, Wang, Zhang & Han, ICLR", 2020
    takes: ClassVar[tuple[str, ...]] = ("elastic",)
    derivations: tuple[str, ...] = tuple(f"at most {share:.0%}" for share in LIMITS)

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self.teacher: ElasticSupernet = copy.deepcopy(self.supernet).requires_grad_(requires_grad=False)
        ends = np.cumsum(self.settings.phases) * epochs / sum(self.settings.phases)
        self._phases = np.searchsorted(ends, np.arange(epochs) + 0.5).tolist()
        named = [name for name, _ in self.supernet.named_parameters()]
        plain = [".norm." in name or name.endswith("bias") for name in named]
        self._groups = [
            (self._sgd.but(weight_decay=0.0), [place for place, free in enumerate(plain) if free]),
            (self._sgd, [place for place, free in enumerate(plain) if not free]),
        ]
        self._steps = 0  # of the epoch that runs

    def made(self, partial: int, seed: int) -> tuple[nn.Module, NetworkCosts]:
        """Return the supernet and what its subnets cost."""
        given = self.batches.recipe, self.batches.shape, self.batches.classes
        return build(*given, seed=seed), NetworkCosts(NETWORKS["elastic"], *given)

    @property
    def phase(self) -> int:
        """Which of `PHASES` the next epoch belongs to."""
        return int(self._phases[min(self.done, self.epochs - 1)])

    def before_epoch(self) -> None:
        """Enter the phases that begin: the teacher is taken, channels are sorted, momentum is forgotten."""
        self._steps = 0
        before = self._phases[self.done - 1] if self.done else 0
        for phase in range(before + 1, self.phase + 1):
            if phase == 1:
                self.teacher.load_state_dict(self.supernet.state_dict())
            if phase in _SORTED:
                self.supernet.sort(_SORTED[phase])
            torch._foreach_zero_(self.velocity)

    def rate(self) -> float:
        """Return the learning rate of the weights in this step."""
        phase, per_epoch = self.phase, -(-self.batches.count("train") // self.settings.batch_size)
        steps = self._phases.count(phase) * per_epoch
        done = (self.done - self._phases.index(phase)) * per_epoch + self._steps
        low = self.settings.last_learning_rate
        high = self.settings.shrinking_learning_rate if phase else self.settings.learning_rate
        return low + (high - low) / 2 * (1 + math.cos(math.pi * done / steps))

    def update(self, loss: Tensor) -> None:
        """Take a step of SGD on the weights that a loss depends on, without decay of normalisations and biases."""
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self.settings.clip > 0:
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        for recipe, places in self._groups:
            weights, velocity = ([tensors[place] for place in places] for tensors in (self.parameters, self.velocity))
            sgd_step(weights, velocity, recipe, self.rate())
        self._steps += 1

    def draw(self, phase: Phase) -> Archs:
        """Draw the subnets of a step, uniform over what a phase has: (n, 21)."""
        allowed = (phase.depths, STAGES), (phase.kernels, STAGES * BLOCKS), (phase.expansions, STAGES * BLOCKS)
        parts = [np.array(codes)[self.rng.integers(len(codes), size=(phase.subnets, n))] for codes, n in allowed]
        return genes_of(*parts)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Train the subnets of a step on a batch."""
        chosen, archs = self.settings, self.draw(PHASES[self.phase])
        answers: Tensor | None = None
        if self.phase and chosen.distillation:
            self.charge(self.costs.path(LARGEST), len(labels), 1)
            with torch.no_grad():
                answers = torch.softmax(self.teacher.path(images, LARGEST), 1)
        losses = []
        for arch in archs.tolist():
            logits = self.supernet.path(images, arch)
            loss = functional.cross_entropy(logits, labels, label_smoothing=chosen.label_smoothing)
            if answers is not None:
                loss = loss + chosen.distillation * functional.cross_entropy(logits, answers)
            losses.append(loss)
        self.charge(float(self.costs.paths(archs).sum()), len(labels))
        total = torch.stack(losses).sum()
        self.update(total)
        return total.item() / len(losses)

    def choose(self) -> Archs:
        """Return the best subnet under each limit of all that the evolutions evaluated, (5, 21)."""
        known: dict[bytes, float] = {}
        found: dict[bytes, Archs] = {}

        def score(archs: Archs) -> FloatArray:
            new = [arch for arch in archs if arch.tobytes() not in known]
            if new:
                for arch, value in zip(new, self.charged_accuracies(np.stack(new)), strict=True):
                    known[arch.tobytes()], found[arch.tobytes()] = float(value), arch
            return np.array([known[arch.tobytes()] for arch in archs])

        limits = [share * self.costs.path(LARGEST) for share in LIMITS]
        for limit in limits:
            self._evolve(score, limit)
        archs, values = np.stack([*found.values()]), np.array([*known.values()])
        macs = self.costs.paths(archs)
        return np.stack([archs[np.where(macs <= limit, values, -1.0).argmax()] for limit in limits])

    def _evolve(self, score: Callable[[Archs], FloatArray], limit: float) -> None:
        """Evolve subnets under a limit on multiply-adds."""
        space = self.space
        assert isinstance(space, ConditionalSpace), "`takes` has seen to it"  # noqa: S101 - a fault of ours

        def draw(count: int) -> Archs:
            found = np.empty((0, space.genes), dtype=space.dtype)
            while len(found) < count:
                drawn = space.sample(64, self.rng)
                found = np.concatenate([found, drawn[self.costs.paths(drawn) <= limit]])
            return found[:count]

        def child(genes: Archs) -> Archs | None:
            whole = space.completed(genes[None].copy(), self.rng)
            return np.asarray(whole[0]) if self.costs.paths(whole)[0] <= limit else None

        evolve(score, draw, self.settings, self.rng, child)

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and those of the teacher."""
        return super().tensors() | {f"teacher.{name}": value for name, value in self.teacher.named_parameters()}
