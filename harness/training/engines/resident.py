"""The resident level, R1: one network at a time, with nothing that makes the device wait; bf16 on CUDA."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.training.engines.engine import Engine, Level, Task
from harness.training.engines.single import SingleEngine, add_to
from harness.training.networks.operations import laid_out
from harness.training.recipe import Recipe
from harness.training.schedule import Member

_FORMATS = (torch.channels_last, torch.contiguous_format)
_FASTEST: dict[tuple[object, ...], torch.memory_format] = {}
"""Memory formats by device, image shape, batch and skeleton, timed once in a process."""


class ResidentEngine(SingleEngine):
    """A step in bf16 autocast on CUDA, fp32 elsewhere, with a fused update and no look at the device.

    Weights, batch-norm statistics, classifier and loss stay in fp32 under autocast.
    """

    def __init__(self, member: Member, task: Task) -> None:
        super().__init__(member, task)
        if task.device.type == "cuda":
            self.evaluation_batch = 2500

    def choose_format(self) -> torch.memory_format:
        """Return the faster memory format for this device, image shape, batch and skeleton; timed once for each."""
        recipe, shape = self.task.recipe, self.task.dataset.shape
        key = (self.task.device, shape, recipe.batch_size, recipe.channels, recipe.cells, recipe.reduction)
        if key not in _FASTEST:
            images = torch.zeros((min(recipe.batch_size, 256), *shape), device=self.task.device)
            timed = {layout: _seconds(self.module, images, layout) for layout in _FORMATS}
            _FASTEST[key] = min(timed, key=lambda layout: timed[layout])
        return _FASTEST[key]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) float32 of normalised images."""
        with _autocast(self.task.device):
            return super().forward(images)

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch."""
        rate = self.task.learning_rate(epoch, step)
        self.update(*self.batch(step), rate)

    def update(self, images: Tensor, labels: Tensor, rate: float | Tensor) -> None:
        """Take a step of SGD on a batch and add to the sums."""
        logits = self.forward(images)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        sgd_step(self.parameters, self.momentum, self.task.recipe, rate)
        add_to(self.sums, logits, labels, loss)


def _autocast(device: torch.device) -> torch.autocast:
    # Without its cache: each weight is used once a step, and a cached copy would outlive the capture of a CUDA graph.
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False)


def _seconds(module: nn.Module, images: Tensor, layout: torch.memory_format) -> float:
    """Return the best of a few forward and backward passes of a copy of the network."""
    trial = laid_out(copy.deepcopy(module), images.device, layout)
    images = images.contiguous(memory_format=layout)
    taken = []
    for _ in range(4):
        _wait(images.device)
        started = time.perf_counter()
        with _autocast(images.device):
            loss = trial(images).sum()
        loss.backward()
        _wait(images.device)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def sgd_step(
    parameters: Sequence[Tensor], momentum: Sequence[Tensor], recipe: Recipe, learning_rate: float | Tensor
) -> None:
    """Update the parameters that have a gradient, in place; the gradients are used up and dropped.

    As `torch.optim.SGD`: g += wd p; v = mu v + g; p -= lr (g + mu v), or p -= lr v without Nesterov.  Here because
    torch's own reads a learning rate on the device back to the host, which a CUDA graph cannot do.

    Parameters
    ----------
    momentum : sequence of Tensor
        v of each parameter, zero before the first step.
    learning_rate : float or () Tensor on the device
    """
    live = [position for position, parameter in enumerate(parameters) if parameter.grad is not None]
    values = [parameters[position] for position in live]
    velocity = [momentum[position] for position in live]
    steps: list[Tensor] = [value.grad for value in values]  # type: ignore[misc]  # those without were left out
    if recipe.weight_decay:
        torch._foreach_add_(steps, values, alpha=recipe.weight_decay)
    if recipe.momentum:
        torch._foreach_mul_(velocity, recipe.momentum)
        torch._foreach_add_(velocity, steps)
        if recipe.nesterov:
            torch._foreach_add_(steps, velocity, alpha=recipe.momentum)
        else:
            steps = [step.copy_(speed) for step, speed in zip(steps, velocity, strict=True)]
    torch._foreach_mul_(steps, -learning_rate)
    torch._foreach_add_(values, steps)
    for parameter in values:
        parameter.grad = None


class ResidentLevel(Level):
    """R1: equal to R0 up to rounding, of bf16 on CUDA."""

    name = "R1"

    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        """Return the engine of the pack's only network."""
        (member,) = members
        return ResidentEngine(member, task)
