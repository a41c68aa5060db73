"""The interface of levels and engines: a level makes an engine for a pack of networks, a state says how far it is.

The trainer has the work cut into packs, keeps checkpoints and collects the curves; `harness.training.engines.loop`
drives a pack at any level.  The same network trained at another level, in another pack or in another order starts from
the same weights and sees the same batches (`harness.training.schedule`), so levels differ by rounding only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from harness.checks import FloatArray, IntArray
from harness.training import networks, schedule
from harness.training.curves import UNFINISHED
from harness.training.data.augment import EpochPlan
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe
from harness.training.schedule import Member

EPOCH_METRICS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
FINAL_METRICS = ("test_loss", "test_accuracy")
MEMBER_COLUMNS = ("seconds", "status", "diverged_epoch")
"""What a state says of each member beside its metrics."""


@dataclass(frozen=True)
class Task:
    """What all networks of a training have in common.

    Attributes
    ----------
    network : str
        One of `harness.training.networks.KINDS`.
    recipe : Recipe
    dataset : Dataset
    device : device
    epochs : int or None
        Of the recipe's schedule, after which all networks stop; None for all of them.
    """

    network: str
    recipe: Recipe
    dataset: Dataset
    device: torch.device
    epochs: int | None = None

    @property
    def last(self) -> int:
        """The epoch after which networks stop, counted from 1."""
        return self.recipe.epochs if self.epochs is None else self.epochs

    @property
    def images(self) -> int:
        """Training images, each seen once in an epoch."""
        return len(self.dataset.labels["train"])

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return schedule.steps_per_epoch(self.images, self.recipe.batch_size)

    def build(self, member: Member) -> nn.Module:
        """Return a member's network with its initial weights, on the CPU, in fp32."""
        shape, classes = self.dataset.shape, self.dataset.classes
        return networks.build(self.network, member.arch, self.recipe, shape, classes, seed=member.seed)

    def epoch_plan(self, member: Member, epoch: int) -> EpochPlan:
        """Draw what a member sees in an epoch (epochs count from 0)."""
        return schedule.epoch_plan(member, epoch, self.recipe, self.dataset, network=self.network)

    def learning_rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step."""
        return schedule.learning_rate(self.recipe, epoch, step, self.steps)


@dataclass
class State:
    """Everything about a pack of M networks between two steps; enough to continue to the same numbers.

    Attributes
    ----------
    epoch : int
        Whole epochs done, evaluation included.
    step : int
        Steps done in the epoch after them; all of its steps if only its evaluation is missing.
    tensors : dict of str to Tensor
        Parameters, buffers and momentum under the level's own names, and ``"sums"``.  Live tensors of the device while
        `on_epoch` runs (copy what is kept longer), tensors of the CPU after a checkpoint was read.
    metrics : dict of str to array
        `EPOCH_METRICS` (M, E) and `FINAL_METRICS` (M,) float64, NaN where missing; accuracies in percent.
    seconds : (M,) float64
        Real seconds so far, shared equally by the members.
    status, diverged_epoch : (M,) int64
        As in `Curves`.
    """

    epoch: int
    step: int
    metrics: dict[str, FloatArray]
    seconds: FloatArray
    status: IntArray
    diverged_epoch: IntArray
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def fresh(cls, members: int, epochs: int) -> State:
        """Return the state of a pack before its first step, without tensors."""
        metrics: dict[str, FloatArray] = {name: np.full((members, epochs), np.nan) for name in EPOCH_METRICS}
        metrics |= {name: np.full(members, np.nan) for name in FINAL_METRICS}
        status = np.full(members, UNFINISHED, dtype=np.int64)
        return cls(0, 0, metrics, np.zeros(members), status, np.full(members, -1, dtype=np.int64))


OnEpoch = Callable[[State], bool]
"""Called at the end of each epoch, and once when training is interrupted; True asks the level to return at once."""
Interrupted = Callable[[], bool]
"""Polled between steps and batches; True asks for one last `OnEpoch` call and a return before the next step."""


OnTrained = Callable[[int, Mapping[str, torch.Tensor], Mapping[str, npt.NDArray[np.float32]]], None]
"""Called with each member that came to its end: its position, what `Engine.network` gives of it, and the probabilities
of classes that it predicts for the items of each split of `PREDICTED`, (items, K), as its level evaluates it."""
PREDICTED = ("valid", "test")


class Engine(Protocol):
    """M networks that take their steps side by side; `harness.training.engines.loop.run` drives it.

    Attributes
    ----------
    task : Task
    sums : (M, 2) float64 Tensor
        On the device: cross-entropy summed over images and number of correct images since the epoch began.  The loop
        sets it to zero before an epoch, `step` adds to it in place without waiting for the device.
    """

    task: Task
    sums: torch.Tensor

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the live parameters, buffers and momentum by name; without ``"sums"``."""
        ...

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Copy the tensors of an earlier state into the live ones."""
        ...

    def begin(self, epoch: int) -> None:
        """Prepare an epoch: orders and augmentation of each member, training mode."""
        ...

    def step(self, epoch: int, step: int) -> None:
        """Train every member on its batch number `step` of the epoch."""
        ...

    def evaluate(
        self, split: str, interrupted: Interrupted, predicted: list[torch.Tensor] | None = None
    ) -> FloatArray | None:
        """Return (M, 2) summed loss and number correct over a split, None if interrupted.

        The probabilities of classes, (M, B, K) on the CPU, of each batch are appended to `predicted`.
        """
        ...

    def network(self, position: int) -> dict[str, torch.Tensor]:
        """Return a member's live parameters and running statistics ("model.NAME") and momentum ("momentum.NAME").

        Names are those of a network of its own; shapes agree with its own up to axes of length 1.
        """
        ...

    def freeze(self, members: IntArray) -> None:
        """Stop training the members (positions in the pack), so that nothing of them can reach the others."""
        ...


class Level(ABC):
    """A speed of the trainer; found by name in `harness.training.trainer`.

    As it stands it trains everything, everywhere, one network at a time.

    Attributes
    ----------
    name : str
        For example ``"R0"``.
    packed : bool
        Whether it is worth its while only for networks side by side.
    """

    name: ClassVar[str]
    packed: ClassVar[bool] = False

    def unfit(self, task: Task) -> str | None:
        """Say why the level cannot train this (for example ``"needs a CUDA device"``), or return None if it can."""
        return None

    def packs(self, members: Sequence[Member], task: Task) -> list[list[int]]:
        """Cut the work: positions in `members` of each pack, every position once."""
        return [[position] for position in range(len(members))]

    def precision(self, task: Task) -> torch.dtype:
        """Return the type that feature maps are rounded to; as it stands, bf16 on CUDA."""
        return torch.bfloat16 if task.device.type == "cuda" else torch.float32

    @abstractmethod
    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        """Return the networks of a pack with their initial weights."""

    def kernels(self) -> AbstractContextManager[None]:
        """Return the settings of torch's kernels that an engine is made and run with; left, they are as before.

        As it stands, `fast_kernels`.
        """
        return fast_kernels()


@contextmanager
def fast_kernels() -> Iterator[None]:
    """Let cuDNN try its algorithms and use TF32, and restore what was allowed before."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        yield


def never() -> bool:
    """Answer that nothing interrupts."""
    return False
