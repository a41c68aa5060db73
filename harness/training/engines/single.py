"""The engine of one network at a time, without its step: the network, its momentum, its batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import FloatArray, IntArray
from harness.training.data.augment import DeviceImages, DevicePlan, resident
from harness.training.engines.engine import Interrupted, Task
from harness.training.networks.operations import laid_out
from harness.training.schedule import Member


class SingleEngine:
    """One network with SGD momentum; subclasses take the step.

    Attributes
    ----------
    member : Member
    task : Task
    module : Module
        On the device, in fp32, with the initial weights.
    memory_format : memory format
        Of weights and images.  On a CPU channels come last: 1.2 to 2 times as fast, for signals and images alike.
    parameters : list of Parameter
    momentum : list of Tensor
        Starts at zero, which gives the same first step as torch's lazy start.
    sums : (1, 2) float64 Tensor
    """

    evaluation_batch = 256

    def __init__(self, member: Member, task: Task) -> None:
        self.member, self.task = member, task
        self.module = task.build(member)
        self.memory_format = self.choose_format()
        laid_out(self.module, task.device, self.memory_format)
        self.data: dict[str, DeviceImages] = resident(task.dataset, task.device, augment=task.recipe.augment)
        self.parameters = list(self.module.parameters())
        self.momentum = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.sums = torch.zeros((1, 2), dtype=torch.float64, device=task.device)
        self._plan: DevicePlan | None = None

    def choose_format(self) -> torch.memory_format:
        """Return the memory format to use; the network is built and still on the CPU."""
        return torch.channels_last if self.task.device.type == "cpu" else torch.contiguous_format

    def tensors(self) -> dict[str, Tensor]:
        """Return the live parameters, buffers and momentum."""
        names = [name for name, _ in self.module.named_parameters()]
        momentum = {f"momentum.{name}": value for name, value in zip(names, self.momentum, strict=True)}
        return {f"model.{name}": value for name, value in self.module.state_dict().items()} | momentum

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the tensors of an earlier state into the live ones."""
        for name, value in self.tensors().items():
            value.copy_(tensors[name])

    def begin(self, epoch: int) -> None:
        """Draw the epoch's order and augmentation; training mode."""
        self._plan = DevicePlan.of(self.task.epoch_plan(self.member, epoch), self.task.device)
        self.module.train()

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return images (B, C, H, W) and labels (B,) of a step of the epoch that was begun; the last may be smaller."""
        assert self._plan is not None, "the loop begins an epoch before its steps"  # noqa: S101 - a fault of ours
        size = self.task.recipe.batch_size
        batch = self._plan.batch(step * size, (step + 1) * size)
        return self.data["train"].augmented(batch), self.data["train"].labels[batch.order]

    @torch.no_grad()
    def evaluate(
        self, split: str, interrupted: Interrupted, predicted: list[Tensor] | None = None
    ) -> FloatArray | None:
        """Return (1, 2) summed loss and number correct over a split, None if interrupted; see `Engine`."""
        self.module.eval()
        data = self.data[split]
        sums = torch.zeros_like(self.sums)
        for start in range(0, len(data), self.evaluation_batch):
            if interrupted():
                return None
            stop = start + self.evaluation_batch
            logits = self.forward(data.plain(start, stop))
            add_to(sums, logits, data.labels[start:stop])
            if predicted is not None:
                predicted.append(torch.softmax(logits.float(), 1).unsqueeze(0).cpu())
        return sums.cpu().numpy()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) float32 of normalised images."""
        logits: Tensor = self.module(images.contiguous(memory_format=self.memory_format))
        return logits

    def network(self, position: int) -> dict[str, Tensor]:
        """Return `tensors`: there is one network."""
        return self.tensors()

    def freeze(self, members: IntArray) -> None:
        """Do nothing: the loop ends when its only network has diverged."""


def add_to(sums: Tensor, logits: Tensor, labels: Tensor, loss: Tensor | None = None) -> None:
    """Add a batch's summed cross-entropy and number correct to `sums` (1, 2), without waiting for the device.

    Parameters
    ----------
    loss : () Tensor, optional
        The batch's mean cross-entropy where it is already known.
    """
    mean = functional.cross_entropy(logits, labels) if loss is None else loss.detach()
    sums[0, 0] += mean.double() * len(labels)
    sums[0, 1] += (logits.detach().argmax(1) == labels).sum()
