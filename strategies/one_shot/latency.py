"""Losses of alpha with the expected cost of a network in them.

ProxylessNAS (Cai, Zhu & Han, ICLR 2019, 3.3) and FBNet (Wu et al., CVPR 2019, 3.2) sum times that were measured on a
device; here the costs are multiply-adds of one item, of the table's own network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOSSES = ("none", "linear", "relative", "power")
"""Forms of the loss by name, see `constrained`."""


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
