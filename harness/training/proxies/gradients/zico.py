"""ZiCo: gradients that are large and agree between minibatches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.training.proxies.setting import BATCHES
from harness.training.proxies.subject import Subject, fan_in, gradients, loss_of, redraw, weights


def zico(subject: Subject) -> dict[str, float]:
    """Return zico of the gradients of the loss on two minibatches; see `inverse_variation`.

    Li, Yang, Bhardwaj & Marculescu, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients", ICLR 2023,
    equation 12.  Weights as in He et al. 2015, normal by fan in, as in the authors' code.
    """
    module = subject.fresh()
    redraw(module, subject.stream("zico"), fan_in)
    scored = weights(module)
    found = [gradients(loss_of(module, *subject.minibatch(number)), scored) for number in range(BATCHES)]
    return {"zico": inverse_variation([torch.stack(layer) for layer in zip(*found, strict=True)])}


def inverse_variation(layers: list[Tensor]) -> float:
    """Return the sum over layers of ``log sum mean |g| / sd(g)``, over weights whose gradients differ.

    Parameters
    ----------
    layers : list of (B, …) Tensor
        Gradients of a layer in each of B minibatches; mean and population standard deviation are over them.  A layer
        whose sum is 0 adds nothing.

    Examples
    --------
    >>> round(inverse_variation([torch.tensor([[1.0, -1.0, 5.0], [3.0, 1.0, 5.0]])]), 4)  # log 3
    1.0986
    """
    every = torch.cat([layer.flatten(1) for layer in layers], dim=1).double()  # at once: layers are many and small
    deviation = every.std(0, correction=0)
    ratios = torch.where(deviation > 0, every.abs().mean(0) / deviation, 0.0)
    sizes = [layer[0].numel() for layer in layers]
    sums = [float(part.sum()) for part in ratios.split(sizes)]  # type: ignore[no-untyped-call]  # torch has no types of it
    return sum(math.log(ratio) for ratio in sums if ratio > 0.0)
