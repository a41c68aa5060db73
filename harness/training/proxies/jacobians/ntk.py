"""The neural tangent kernel: whether gradient descent could fit items one by one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.training.proxies.subject import Subject

ITEMS = 16
"""Of the first minibatch that are used: one backward pass each."""
ROUNDING = 1e-12
"""Of the largest eigenvalue, below which the smallest one is not told from 0."""


def ntk(subject: Subject) -> dict[str, float]:
    """Return ntk = -log of the condition number of the tangent kernel of 16 items; see `condition`.

    Chen, Gong & Wang, "Neural Architecture Search on ImageNet in Four GPU Hours: A Theoretically Inspired Perspective"
    (TE-NAS), ICLR 2021, section 3.1.1, and its code: the gradient of the sum of an item's logits to all weights, those
    of batch normalisation included, biases not; training mode.  Departs from the code: 16 items instead of 72; the
    logarithm, so that a mean over initial weights means something; and the initial weights that training begins with,
    not normal ones by fan out, with which two draws of weights hardly agree on the order of networks (on 60 classes of
    micro-mnist1d, Spearman .31 instead of .77).
    """
    module = subject.fresh()
    items, _ = subject.minibatch()
    moving = [value for name, value in module.named_parameters() if name.endswith("weight")]
    sums = module(items[:ITEMS]).sum(1)
    each = torch.eye(len(sums), dtype=sums.dtype)
    slopes = torch.autograd.grad(sums, moving, each, is_grads_batched=True, allow_unused=True)
    rows = torch.cat([part.flatten(1) for part in slopes if part is not None], dim=1)
    return {"ntk": -condition(rows)}


def condition(rows: Tensor) -> float:
    """Return log(largest / smallest eigenvalue) of J J', inf where it is singular: (N, P) to a number.

    Departs from TE-NAS's code, where a condition number that is no number counts as 1e5: an undefined one must be
    worse than all others.
    """
    wide = rows.double()
    values = torch.linalg.eigvalsh(wide @ wide.T)
    largest, smallest = float(values[-1]), float(values[0])
    return math.log(largest / smallest) if smallest > ROUNDING * largest > 0.0 else math.inf
