"""Synaptic flow: how much of a constant input reaches the outputs, by weights taken positive."""

from __future__ import annotations

import math

import torch
from torch import nn

from harness.training.proxies.subject import Subject, gradients, weights


def synflow(subject: Subject) -> dict[str, float]:
    """Return ``synflow = log sum |W * dR/dW|``, R the sum of all outputs on an input of ones.

    Tanaka, Kunin, Yamins & Ganguli, "Pruning neural networks without any data by iteratively conserving synaptic flow",
    NeurIPS 2020, equation 4; as a proxy, Abdelfattah et al., ICLR 2021, and its logarithm, as in NAS-Bench-Suite-Zero.
    All parameters and statistics are taken positive, so that no ReLU cuts anything; batch normalisation is the
    identity, without which the score is meaningless; float64, which deep networks need.  0 where there is no path from
    inputs to outputs, as there.
    """
    module = subject.fresh(torch.float64).eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.reset_parameters()
                if part.running_var is not None:
                    part.running_var.fill_(1.0 - part.eps)  # so that it divides by 1
        for parameter in module.parameters():
            parameter.abs_()
    ones = torch.ones((1, *subject.items.shape[1:]), dtype=torch.float64)
    scored = weights(module)
    slopes = gradients(module(ones).sum(), scored)
    flow = sum(float((weight.detach() * part).abs().sum()) for weight, part in zip(scored, slopes, strict=True))
    return {"synflow": math.log(flow) if flow > 0.0 else 0.0}
