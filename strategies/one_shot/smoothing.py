"""Perturbation of mixing weights in steps of the weights (Chen & Hsieh, "SmoothDARTS", ICML 2020)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

PERTURBATIONS = ("random", "adversarial")
"""Kinds of perturbation: uniform noise (SDARTS-RS), and the worst within reach (SDARTS-ADV)."""


def on_simplex(weights: Tensor, values: Tensor, searched: Tensor) -> Tensor:
    """Cut values to [0, 1] and let rows sum to 1; a row of zeros becomes a one-hot of the largest weight: (E, K).

    Parameters
    ----------
    weights, values : (E, K)
    searched : (K,)
        1 for operations that are searched among, 0 for others.
    """
    cut = (values * searched).clamp(0, 1)
    total = cut.sum(-1, keepdim=True)
    largest = functional.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights)
    return torch.where(total > 0, cut / total.clamp_min(1e-12), largest)


def smoothed(weights: Tensor, size: float, rng: np.random.Generator, searched: Tensor) -> Tensor:
    """Put uniform noise in +-size on mixing weights, cut them to [0, 1], let rows sum to 1 again: (E, K) to the same.

    Parameters
    ----------
    weights : (E, K)
    size : float
    rng : Generator
    searched : (K,)
        As in `on_simplex`.
    """
    noise = weights.new_tensor(rng.uniform(-size, size, tuple(weights.shape)))
    return on_simplex(weights, weights + noise, searched)


def attacked(
    weights: Tensor,
    size: float,
    rng: np.random.Generator,
    searched: Tensor,
    loss: Callable[[Tensor], Tensor],
    steps: int,
) -> Tensor:
    """Move mixing weights by at most `size` each to where the loss is larger: (E, K) to the same.

    Projected gradient ascent from a random start, in steps of 2 size / `steps` along the sign of the gradient; the
    weights stay what they are where the loss has not risen in the end, as in the authors' code.

    Parameters
    ----------
    weights : (E, K)
    size : float
    rng : Generator
    searched : (K,)
        As in `on_simplex`.
    loss : callable
        From mixing weights to ().
    steps : int
        Gradients; there are two evaluations of the loss beside.
    """
    with torch.no_grad():
        before = loss(weights)
    moved = smoothed(weights, size, rng, searched)
    for _ in range(steps):
        leaf = moved.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf), leaf)
        step = moved + 2 * size / steps * gradient.sign() - weights
        moved = on_simplex(weights, weights + step.clamp(-size, size), searched)
    with torch.no_grad():
        return moved if loss(moved) > before else weights
