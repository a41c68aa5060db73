"""SGD with Nesterov momentum over many tensors at once; the learning rate may live on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.training.recipe import Recipe


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
