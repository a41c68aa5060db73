"""The second-order gradient of DARTS (Liu et al., ICLR 2019, equations 6 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

BatchT = TypeVar("BatchT")
STEP = 0.01
"""Length of the step of the finite difference, over all weights."""


def unrolled_gradient(
    loss: Callable[[BatchT], Tensor],
    training: BatchT,
    validation: BatchT,
    weights: Sequence[Tensor],
    velocity: Sequence[Tensor],
    alphas: Sequence[Tensor],
    *,
    rate: float,
    momentum: float,
    weight_decay: float,
) -> tuple[Tensor, list[Tensor]]:
    """Return the validation loss after one step of the weights, and its gradient in the architecture parameters.

    With w' = w - rate (momentum v + dL_T/dw + weight_decay w) the gradient is that of L_V at w', minus rate times the
    mixed second derivative of L_T times u = dL_V/dw', by a central difference of length `STEP` along u, as in the
    authors' code.  The weights are copied and put back, so that they are the same bits afterwards.

    Parameters
    ----------
    loss : callable
        Of a batch; differentiable in `weights` and `alphas`.
    training, validation : batch
    weights, velocity : sequence of Tensor
        Leaves, and the momentum of each.
    alphas : sequence of Tensor
    rate, momentum, weight_decay : float
        Of SGD without Nesterov's rule.

    Returns
    -------
    () Tensor, list of Tensor
    """
    before = [weight.detach().clone() for weight in weights]
    first = torch.autograd.grad(loss(training), weights, allow_unused=True)
    with torch.no_grad():
        for weight, speed, gradient in zip(weights, velocity, first, strict=True):
            change = momentum * speed + weight_decay * weight
            weight -= rate * (change if gradient is None else change + gradient)
    after = loss(validation)
    found = torch.autograd.grad(after, [*alphas, *weights], allow_unused=True)
    direct, direction = found[: len(alphas)], found[len(alphas) :]
    norm = torch.sqrt(sum((part.square().sum() for part in direction if part is not None), torch.zeros(())))
    size = STEP / norm.item() if norm > 0 else 0.0
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            for weight, old, part in zip(weights, before, direction, strict=True):
                weight.copy_(old if part is None else old + sign * size * part)
        sides.append(torch.autograd.grad(loss(training), alphas, allow_unused=True))
    with torch.no_grad():
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)
    gradients = []
    for alpha, own, plus, minus in zip(alphas, direct, *sides, strict=True):
        total = torch.zeros_like(alpha) if own is None else own
        if size and plus is not None and minus is not None:
            total = total - rate * (plus - minus) / (2 * size)
        gradients.append(total)
    return after.detach(), gradients
