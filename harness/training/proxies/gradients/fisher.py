"""Fisher information of channels, at the outputs of layers."""

from __future__ import annotations

import math

from torch import Tensor


def information(weight: Tensor, answers: Tensor, slopes: Tensor) -> float:
    """Return fan_in times the sum over channels of mean_n (sum over positions of a * dL/da)^2 / 2, of one layer.

    Theis, Korshunova, Tejani & Huszar, "Faster gaze prediction with dense networks and Fisher pruning", 2018; Turner et
    al., "BlockSwap: Fisher-guided Block Substitution for Network Compression on a Budget", ICLR 2020, equation 3; as a
    proxy, summed over layers, Abdelfattah et al., ICLR 2021.  A channel's value stands for each of its weights, hence
    the factor.

    Parameters
    ----------
    weight : (C_out, C_in, ...) Tensor
    answers, slopes : (N, C_out, ...) Tensor
        What the convolution or classifier gives, before batch normalisation, and the gradient of the loss there.
    """
    of_channels = (answers * slopes).reshape(*answers.shape[:2], -1).sum(2)
    return float(of_channels.square().mean(0).sum()) * math.prod(weight.shape[1:]) / 2
