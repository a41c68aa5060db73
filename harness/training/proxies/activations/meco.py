"""MeCo: how far the channels of feature maps are from saying the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from harness.checks import FloatArray
from harness.training.proxies.subject import Subject
from harness.training.proxies.taps import outputs_of


@torch.no_grad()
def meco(subject: Subject) -> dict[str, float]:
    """Return meco: the sum over convolutions of the smallest eigenvalue of the correlations between their channels.

    Jiang, Wang & Bie, "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of
    Correlation", NeurIPS 2023, on one item of normal noise.  Departs from the authors' code: convolutions alone are
    read, where the code reads every module, so that containers count twice; the item has the shape of those of the data
    set, not that of 64 x 64 images.  As many channels as positions, or more, give 0.
    """
    module = subject.fresh()
    with outputs_of([part for part in module.modules() if isinstance(part, nn.Conv2d)]) as computed:
        module(subject.noise("meco", 1))
    return {"meco": sum(smallest_eigenvalue(answer[0].flatten(1).double().numpy()) for _, answer in computed)}


def smallest_eigenvalue(channels: FloatArray) -> float:
    """Return the smallest eigenvalue of the correlations between rows, those of constant rows 0: (C, P) to a number."""
    if channels.shape[1] <= len(channels):
        return 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.nan_to_num(np.atleast_2d(np.corrcoef(channels)))
    return max(float(np.linalg.eigvalsh(correlations)[0]), 0.0)  # below 0 by rounding alone
