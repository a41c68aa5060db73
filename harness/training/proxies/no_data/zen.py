"""The Zen score: how far features move when noise does, with what batch normalisation hides put back."""

from __future__ import annotations

import math

import torch
from torch import nn

from harness.training.proxies.subject import Subject, redraw, standard
from harness.training.proxies.taps import ReLUs, inputs_of

STEP = 0.01
"""Of the disturbance, in standard deviations of the input."""


@torch.no_grad()
def zen(subject: Subject) -> dict[str, float]:
    """Return ``log E|f(x) - f(x + 0.01 e)|``, zen, with the sum over normalisations of the log of what they divide by.

    Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021, algorithm 1.  x and e are
    standard normal, weights N(0, 1), f the features before pooling (what the last ReLU gives), ``|.|`` the sum of
    absolute differences, and what a normalisation divides by is the root of the channels' mean batch variance at x.
    Departs from the authors' code, which reads running variances after two passes (0.81 + 0.19 times that of a
    batch); one repeat, not 32.  Normalisations of constants, which only stand behind nodes that nothing reaches,
    are left out.
    """
    module = subject.fresh()
    redraw(module, subject.stream("zen"), standard)
    x, disturbance = subject.noise("zen"), subject.noise("zen disturbance")
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    with inputs_of(norms) as seen, ReLUs() as at:
        module(x)
    with ReLUs() as near:
        module(x + STEP * disturbance)
    moved = float((at.outputs[-1] - near.outputs[-1]).abs().flatten(1).sum(1).mean())
    if moved == 0.0:
        return {"zen": -math.inf}
    variances = [float(features.transpose(0, 1).flatten(1).var(1, correction=0).mean()) for _, features in seen]
    return {"zen": math.log(moved) + sum(0.5 * math.log(each) for each in variances if each > 0.0)}
