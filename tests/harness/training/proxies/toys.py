"""Small networks whose scores can be told by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from harness.training.proxies.subject import Subject


def conv(weight: float) -> nn.Conv2d:
    """Return a convolution of one number."""
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


def subject(module: nn.Module, items: Tensor | None = None, labels: Tensor | None = None, batch: int = 0) -> Subject:
    """Return a subject of any module, whose items are one 1 where none are given."""
    items = torch.ones((1, 1, 1, 1)) if items is None else items
    labels = torch.zeros(len(items), dtype=torch.int64) if labels is None else labels
    return Subject(module, items, labels, batch or len(items), common=lambda name: np.random.default_rng(len(name)))


def linear_subject(seed: int = 0) -> Subject:
    """Return a subject of one linear layer of 3 inputs and 4 classes on 5 items."""
    rng = np.random.default_rng(seed)
    layer = nn.Linear(3, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.normal(size=(4, 3))))
        layer.bias.copy_(torch.from_numpy(rng.normal(size=4)))
    items = torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32))
    return subject(layer, items, torch.tensor([0, 1, 2, 3, 1]))
