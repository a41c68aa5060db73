"""Subnets: architectures evaluated with the weights that a supernet holds.

Two treatments of batch normalisation, chosen by name.  ``"batch"`` normalises by the statistics of the evaluation
batches, of about 500 validation items in a fixed order.  ``"recalibrated"`` builds the network of the architecture by
itself, forgets its statistics, and lets training items through it: their mean statistics, a batch counting as much as
another, are used in evaluation (Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling",
ECCV 2020, 3.4); no validation item enters them.  Nothing is drawn, so that the answer for an architecture does not
depend on what else is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from harness.checks import Archs, FloatArray
from harness.spaces.layers import Shape
from harness.training.networks.operations import Norm, laid_out
from harness.training.recipe import Recipe
from harness.training.supernets.batches import Batch, Batches

STATISTICS = ("batch", "recalibrated")
"""Treatments of batch normalisation in evaluation."""
RECALIBRATING = 2000
"""Training items that recalibrate, at most."""


class Shared(Protocol):
    """A network that holds the weights of many, one of which it computes at a time."""

    alone: Callable[[Sequence[int], Recipe, Shape, int], nn.Module]
    """Makes the network of an architecture by itself, which in training mode computes what `path` does."""

    def path(self, images: Tensor, arch: Sequence[int]) -> Tensor:
        """Return the logits of one architecture, normalised by the statistics of the batch: (B, classes)."""

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits; None where there is nothing."""


def standalone(supernet: Shared, arch: Sequence[int], batches: Batches) -> nn.Module:
    """Return the network of an architecture with copies of the weights, normalisations that have none at 1 and 0.

    In training mode it computes what `Shared.path` does.
    """
    with torch.device("meta"):
        network = supernet.alone([*map(int, arch)], batches.recipe, batches.shape, batches.classes)
    network.to_empty(device=batches.device)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, Norm):
                part.reset_parameters()
        for name, parameter in network.named_parameters():
            source = supernet.weight_of(name, arch)
            if source is not None:
                parameter.copy_(source)
    return laid_out(network, batches.device, batches.layout)


@torch.no_grad()
def accuracies(
    supernet: Shared, archs: Archs, batches: Batches, statistics: str = "batch", items: Sequence[Batch] | None = None
) -> FloatArray:
    """Return the accuracy in percent of architectures on the validation items, with inherited weights.

    Parameters
    ----------
    supernet : Shared
    archs : (n, L) integers
    batches : Batches
    statistics : {"batch", "recalibrated"}
        With partial channels ``"batch"`` alone: no network of its own has them.
    items : sequence of (images, labels), optional
        In place of all validation items.

    Returns
    -------
    (n,) float64
    """
    items = batches.evaluation() if items is None else items
    calibrating = batches.evaluation("train", RECALIBRATING, 100) if statistics == "recalibrated" else []
    found = np.empty(len(archs))
    for row, genes in enumerate(np.asarray(archs).tolist()):
        if statistics == "recalibrated":
            network = standalone(supernet, genes, batches)
            recalibrate(network, calibrating)
            found[row] = accuracy(network, items)
        else:
            found[row] = accuracy(partial(supernet.path, arch=genes), items)
    return found


@torch.no_grad()
def accuracy(network: Callable[[Tensor], Tensor], items: Sequence[Batch]) -> float:
    """Return the share of items that a network classifies correctly, in percent."""
    right = sum(int((network(images).argmax(1) == labels).sum()) for images, labels in items)
    return 100 * right / sum(len(labels) for _, labels in items)


@torch.no_grad()
def recalibrate(network: nn.Module, items: Sequence[Batch]) -> None:
    """Set running statistics to the means over batches, and put the network into evaluation mode."""
    norms = [part for part in network.modules() if isinstance(part, Norm)]
    network.train()
    for place, (images, _) in enumerate(items):
        for norm in norms:
            norm.momentum = 1 / (place + 1)  # a cumulative mean
        network(images)
    network.eval()
