"""R2: the whole training step of one network as a CUDA graph; see `harness.training.engines.step_graphs`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.training.data.augment import DevicePlan
from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Engine, Interrupted, Member, OnEpoch, State, never
from harness.training.engines.loop import run
from harness.training.engines.packed.engine import FusedEngine
from harness.training.engines.packed.images.networks import has_kernels
from harness.training.engines.resident import ResidentEngine, fast_kernels
from harness.training.engines.single import Work, packs
from harness.training.engines.step_graphs import StepGraphs
from harness.training.recipe import Recipe
from harness.training.schedule import epoch_plan, learning_rate

__all__ = ["NAME", "packs", "train_pack", "unfit"]

NAME = "R2"


class GraphEngine(ResidentEngine):
    """Steps of `ResidentEngine`, captured on CUDA; on other devices the same step runs uncaptured."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        images = len(work.dataset.labels["train"])
        self._graphs = StepGraphs(self._whole_step, self._live, work.recipe, images, work.device)

    def begin(self, epoch: int) -> None:
        """Copy the epoch's plan and learning rates to their places on the device; training mode."""
        work = self.work
        plan = epoch_plan(work.member, epoch, work.recipe, work.dataset, network=work.network)
        rates = [learning_rate(work.recipe, epoch, step, work.steps) for step in range(work.steps)]
        self._graphs.begin(DevicePlan.of(plan, work.device), rates)
        self.module.train()

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch."""
        self._graphs.step(step)

    def _live(self) -> list[Tensor]:
        return [*self.tensors().values(), self.sums]

    def _whole_step(self, batch: DevicePlan, rate: Tensor) -> None:
        data = self.data["train"]
        self.update(data.augmented(batch), data.labels[batch.order], rate)


def unfit(network: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> str | None:
    """Say that graphs need CUDA."""
    return None if device.type == "cuda" else "needs a CUDA device"


def train_pack(
    members: Sequence[Member],
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    network: str,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
) -> State:
    """Train one network by replaying graphs; equal to R1 up to the choice of kernels.

    Networks that the fused levels have kernels for are trained as packs of one.
    """
    (member,) = members
    with fast_kernels():
        engine: Engine
        if network == "nb201" and not dataset.is_signal and has_kernels(device):
            engine = FusedEngine(members, recipe, dataset, device)
        else:
            engine = GraphEngine(Work(member, recipe, dataset, device, network))
        return run(engine, recipe, dataset, state=state, on_epoch=on_epoch, interrupted=interrupted)
