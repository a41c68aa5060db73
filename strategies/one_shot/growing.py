"""The part that growing methods share: networks with weights of their own, trained in turn, and their state."""

from __future__ import annotations

import copy
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import GREATEST, MOST, Archs, FloatArray, boolean, integer, listed, real
from harness.errors import HarnessError, must
from harness.one_shot import OneShot, SearchData, Spent, generator_state, restore_generator
from harness.space import SearchSpace
from harness.training import networks
from harness.training.engines.resident import sgd_step
from harness.training.networks.operations import laid_out
from harness.training.recipe import Recipe
from harness.training.supernets.batches import Batches
from harness.training.supernets.costs import TRAINING_STEP, PathCosts
from harness.training.supernets.morphisms import child
from harness.training.supernets.subnets import accuracy

SMALLEST = (0, 0, 0, 1, 0, 0)
"""A skip from input to output, and nothing else."""
NOW = "now"
"""The network that is trained, among those that are kept."""


@dataclass(frozen=True)
class GrowthSettings:
    """How networks are trained, and what they grow from; see `Growing`."""

    batch_size: int = 64
    learning_rate: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    start: tuple[int, ...] = SMALLEST

    def __post_init__(self) -> None:
        integer("batch_size", self.batch_size, low=2, high=MOST)
        real("learning_rate", self.learning_rate, low=0.0, high=GREATEST, open_low=True)
        real("momentum", self.momentum, low=0.0, high=1.0)
        boolean("nesterov", self.nesterov)
        real("weight_decay", self.weight_decay, low=0.0, high=GREATEST)
        codes = tuple(integer("start", code, low=0, high=255) for code in listed("start", self.start))
        object.__setattr__(self, "start", codes)


@dataclass(eq=False)
class Trainee:
    """A network with the velocity of its weights.

    Attributes
    ----------
    arch : tuple of 6 int
    module : Module
        From images to logits.
    velocity : list of Tensor
        Of each parameter, in their order.
    """

    arch: tuple[int, ...]
    module: nn.Module
    velocity: list[Tensor]

    @classmethod
    def of(cls, arch: Sequence[int], module: nn.Module) -> Trainee:
        """Return a network at rest."""
        return cls(tuple(map(int, arch)), module, [torch.zeros_like(value) for value in module.parameters()])

    def tensors(self) -> dict[str, Tensor]:
        """Return live parameters, running statistics and velocities by name."""
        named = [name for name, _ in self.module.named_parameters()]
        values = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        moving = {f"velocity.{name}": value for name, value in zip(named, self.velocity, strict=True)}
        return {f"weights.{name}": value.detach() for name, value in values.items()} | moving

    def twin(self) -> Trainee:
        """Return a copy at rest."""
        return Trainee.of(self.arch, copy.deepcopy(self.module))


class Growing(OneShot):
    """A method that makes networks larger and keeps what they have learnt.

    Networks are those of the table, with batch normalisation of their own; each is trained by SGD with a cosine
    schedule over its own epochs, from `learning_rate` to 0, at rest where it begins.  What is recommended is judged by
    the table: by a training of that cell from scratch.

    Parameters
    ----------
    batch_size : int
    learning_rate, momentum : float
    nesterov : bool
    weight_decay : float
    start : sequence of 6 int
        The smallest cell; the default is a skip from input to output.
    """

    settings: Any

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        start = np.array([self.settings.start])
        if start.shape != (1, space.genes) or not space.is_valid(start).all():
            raise HarnessError(must("start", f"be a cell that the table has, {space.genes} codes", self.settings.start))
        self.batches = Batches(data)
        self.costs = PathCosts.of(self.batches.recipe, self.batches.shape, self.batches.classes)
        self.behind = 0  # epochs of what is trained now
        self.macs = 0.0  # of the epoch that runs
        self.train_loss = math.nan
        self.parent: tuple[int, ...] = self.settings.start
        self.child: tuple[int, ...] = self.settings.start
        chosen = self.settings
        nesterov = chosen.nesterov and chosen.momentum > 0
        self._sgd = Recipe(
            "growth", epochs, momentum=chosen.momentum, weight_decay=chosen.weight_decay, nesterov=nesterov
        )
        self.begin()
        self.trainees = {NOW: self.fresh(self.settings.start)}

    @abstractmethod
    def begin(self) -> None:
        """Set what is kept of the search where it begins."""

    def epoch(self) -> Spent:
        """Train one network for a pass over the training items."""
        began, self.macs = time.perf_counter(), 0.0
        self.advance()
        return Spent(self.macs, time.perf_counter() - began)

    @abstractmethod
    def advance(self) -> None:
        """Do what comes next, for one epoch."""

    @abstractmethod
    def numbers(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on beside networks, by name."""

    @abstractmethod
    def take(self, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what `numbers` returned."""

    def laid(self, module: nn.Module) -> nn.Module:
        """Move a network to the device, into the memory format that is fast there."""
        return laid_out(module, self.batches.device, self.batches.layout)

    def fresh(self, arch: Sequence[int]) -> Trainee:
        """Return an untrained network, with a seed of its own."""
        batches, seed = self.batches, self.seed()
        module = networks.build("nb201", arch, batches.recipe, batches.shape, batches.classes, seed=seed)
        return Trainee.of(arch, self.laid(module))

    def child_of(self, parent: Trainee, cell: Sequence[int]) -> Trainee:
        """Return the network of a cell that morphisms make of another's, at its function, with its weights."""
        given = self.batches.recipe, self.batches.shape, self.batches.classes
        return Trainee.of(cell, self.laid(child(parent.module, parent.arch, cell, *given, seed=self.seed())))

    def seed(self) -> int:
        """Draw the seed of initial weights."""
        return int(self.rng.integers(2**63))

    def train(
        self,
        trainee: Trainee,
        done: int,
        epochs: int,
        macs: float | None = None,
        penalty: Callable[[], Tensor] | None = None,
    ) -> None:
        """Train a network for one of its epochs, and charge it.

        Parameters
        ----------
        trainee : Trainee
        done, epochs : int
            Its epochs behind it, and in all: the schedule moves with each step.
        macs : float, optional
            Of one item; by default those of its cell.
        penalty : callable, optional
            What is added to the loss.
        """
        parameters, size = list(trainee.module.parameters()), self.settings.batch_size
        steps = -(-self.batches.count("train") // size)
        each, total, count = self.costs.path(trainee.arch) if macs is None else macs, 0.0, 0
        trainee.module.train()
        for step, (images, labels) in enumerate(self.batches.training(self.rng, size)):
            rate = self.settings.learning_rate / 2 * (1 + math.cos(math.pi * (done + step / steps) / epochs))
            loss = functional.cross_entropy(trainee.module(images), labels)
            whole = loss if penalty is None else loss + penalty()
            whole.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            sgd_step(parameters, trainee.velocity, self._sgd, rate)
            total, count = total + loss.item() * len(labels), count + len(labels)
            self.macs += TRAINING_STEP * each * len(labels)
        self.train_loss = total / count

    def accuracy(self, trainee: Trainee) -> float:
        """Return the validation accuracy of a network in percent, with its running statistics."""
        trainee.module.eval()
        found = accuracy(trainee.module, self.batches.evaluation())
        trainee.module.train()
        return found

    def charged_accuracy(self, trainee: Trainee) -> float:
        """Return `accuracy`, and charge the forward passes."""
        self.macs += self.costs.path(trainee.arch) * self.batches.count("valid")
        return self.accuracy(trainee)

    def inherited(self, archs: Archs) -> FloatArray:
        """Return validation accuracies of the networks that are kept, NaN for all other cells: (n, 6) to (n,)."""
        kept = {trainee.arch: trainee for trainee in reversed(self.trainees.values())}  # of equal cells the first
        cells = [tuple(map(int, arch)) for arch in archs]
        return np.array([self.accuracy(kept[cell]) if cell in kept else np.nan for cell in cells])

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the loss of the last epoch, and the lineage: the cell that weights came from, and the one trained."""
        lineage = np.array([self.parent, self.child], dtype=np.float64)
        return {"train_loss": np.array(self.train_loss), "lineage": lineage}

    def rebuilt(self, name: str, arch: tuple[int, ...]) -> nn.Module:
        """Return the module of a network of a state, before its weights are read."""
        batches = self.batches
        return self.laid(networks.build("nb201", arch, batches.recipe, batches.shape, batches.classes, seed=0))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all networks with their velocities, the generator, and how far the method is."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, trainee in self.trainees.items():
            arrays[f"{name}/arch"] = np.array(trainee.arch)
            arrays |= {f"{name}/{key}": value.cpu().numpy().copy() for key, value in trainee.tensors().items()}
        lineage = {"parent": np.array(self.parent), "child": np.array(self.child)}
        loss = {"train_loss": np.array(self.train_loss), "generator": generator_state(self.rng)}
        return arrays | lineage | loss | {f"numbers/{name}": value for name, value in self.numbers().items()}

    @torch.no_grad()
    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        prefix = "numbers/"
        self.take({name.removeprefix(prefix): values for name, values in state.items() if name.startswith(prefix)})
        self.trainees = {}
        for name in [key.removesuffix("/arch") for key in state if key.endswith("/arch")]:
            arch = tuple(map(int, state[f"{name}/arch"]))
            trainee = Trainee.of(arch, self.rebuilt(name, arch))
            for key, value in trainee.tensors().items():
                value.copy_(torch.from_numpy(np.array(state[f"{name}/{key}"])))
            self.trainees[name] = trainee
        self.parent, self.child = (tuple(map(int, state[name])) for name in ("parent", "child"))
        self.train_loss = float(state["train_loss"])
        restore_generator(self.rng, state["generator"])
