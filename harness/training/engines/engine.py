"""What every level of the trainer offers: one module, three functions, one kind of state.

A level trains packs of networks; the trainer cuts the work into packs, keeps checkpoints and collects the curves.  The
same network trained at another level, in another pack or in another order starts from the same weights and sees the
same batches (`harness.training.schedule`), so levels differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from harness.checks import FloatArray, IntArray
from harness.training.curves import UNFINISHED
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe

EPOCH_METRICS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
FINAL_METRICS = ("test_loss", "test_accuracy")


@dataclass(frozen=True)
class Member:
    """One network of a pack: an architecture and a seed."""

    arch: tuple[int, ...]
    seed: int

    @property
    def text(self) -> str:
        """The exact genotype as digits, for example ``"432100"``: it names the member's random streams."""
        return "".join(map(str, self.arch))


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


class Engine(Protocol):
    """M networks that take their steps side by side; `harness.training.engines.loop.run` drives it.

    Attributes
    ----------
    sums : (M, 2) float64 Tensor
        On the device: cross-entropy summed over images and number of correct images since the epoch began.  The loop
        sets it to zero before an epoch, `step` adds to it in place without waiting for the device.
    """

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

    def evaluate(self, split: str, interrupted: Interrupted) -> FloatArray | None:
        """Return (M, 2) summed loss and number correct over a split, None if interrupted."""
        ...

    def freeze(self, members: IntArray) -> None:
        """Stop training the members (positions in the pack), so that nothing of them can reach the others."""
        ...


class Level(Protocol):
    """A module that trains packs; found by name in `harness.training.trainer`."""

    NAME: str
    """For example ``"R0"``."""

    def unfit(self, network: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> str | None:
        """Say why the level cannot train this (for example ``"needs a CUDA device"``), or None if it can."""
        ...

    def packs(
        self, members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device, *, network: str
    ) -> list[list[int]]:
        """Cut the work: positions in `members` of each pack, every position once."""
        ...

    def train_pack(
        self,
        members: Sequence[Member],
        recipe: Recipe,
        dataset: Dataset,
        device: torch.device,
        *,
        network: str,
        state: State | None,
        on_epoch: OnEpoch,
        interrupted: Interrupted,
    ) -> State:
        """Train a pack from the beginning, or from a state, to the end or to where it was asked to stop.

        The state returned has every status set to something else than unfinished if and only if the pack is done.
        """
        ...


def never() -> bool:
    """Answer that nothing interrupts."""
    return False
