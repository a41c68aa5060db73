"""The expected cost of a network in the loss of alpha, from a table of costs of operations.

ProxylessNAS (Cai, Zhu & Han, ICLR 2019, 3.3) and FBNet (Wu et al., CVPR 2019, 3.2) sum times that were measured on a
device; here the costs are multiply-adds of one item, of the table's own network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.training.supernets.costs import PathCosts

LOSSES = ("none", "linear", "relative", "power")
"""Forms of the loss by name, see `constrained`."""


def expected_macs(weights: Tensor, costs: PathCosts) -> Tensor:
    """Return the multiply-adds of a network whose operations have weights: (6, 5) to ().

    With weights that are probabilities it is the expectation: of two operations that cost 1 and 3, at (1/2, 1/2), it
    is 2, and its gradient in the logits is (-1/2, 1/2).
    """
    operations = weights.new_tensor(costs.operations) / costs.partial**2
    return costs.base + (weights * operations).sum()


def constrained(loss: Tensor, macs: Tensor, form: str, factor: float, power: float, target: float) -> Tensor:
    """Return a loss with the cost of the network in it, ().

    Parameters
    ----------
    loss : ()
    macs : ()
        Expected multiply-adds E.
    form : {"none", "linear", "relative", "power"}
        The loss L; L + factor (E - target) / target; factor L (log E / log target)^power, both of ProxylessNAS;
        factor L (log E)^power, of FBNet.
    factor, power : float
    target : float
        Multiply-adds.
    """
    if form == "linear":
        return loss + factor * (macs - target) / target
    if form == "none":
        return loss
    relative = torch.log(macs) / (math.log(target) if form == "relative" else 1.0)
    return factor * loss * relative**power
