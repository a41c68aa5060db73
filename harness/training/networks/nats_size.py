"""Networks of the NATS-Bench size space: one fixed cell, five widths.

Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021,
section 3.2.  Of the recipe's skeleton only `reduction` is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from harness.checks import Archs
from harness.spaces.four_nodes import EDGES, SKIP
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nats_size import costs
from harness.spaces.nats_size.skeleton import CELL, CELLS, REDUCTIONS, channels
from harness.spaces.nb201.operations import KERNELS
from harness.training.networks.operations import Conv, Head, Norm, ReLUConvNorm, Stem, reduction
from harness.training.recipe import Recipe


class Widen(nn.Module):
    """A skip between unequal widths: 1x1 convolution and batch normalisation, no ReLU."""

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, 1, geometry)
        self.norm = Norm(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        normed: Tensor = self.norm(self.conv(features))
        return normed


class SizeCell(nn.Module):
    """The operations of `skeleton.CELL`, named by edge; those that leave node 0 change the width."""

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        self.edges = nn.ModuleList()
        for (source, _), operation in zip(EDGES, CELL, strict=True):
            before = outputs if source else inputs
            if operation != SKIP:
                self.edges.append(ReLUConvNorm(before, outputs, KERNELS[operation], geometry))
            else:
                self.edges.append(nn.Identity() if before == outputs else Widen(before, outputs, geometry))

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        first: Tensor = self.edges[0](features)
        second: Tensor = self.edges[1](features) + self.edges[2](first)
        last: Tensor = self.edges[3](features) + self.edges[4](first) + self.edges[5](second)
        return last


class SizeNetwork(nn.Module):
    """Stem, cell, reduction, cell, reduction, cell, head between the layers of `skeleton.CELLS` and `REDUCTIONS`."""

    def __init__(self, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> None:
        super().__init__()
        geometry = Geometry.of(shape)
        widths = channels(np.asarray(arch)).tolist()
        self.stem = Stem(shape[0], widths[0], geometry)
        self.stages = nn.ModuleList(SizeCell(widths[before], widths[after], geometry) for before, after in CELLS)
        self.reductions = nn.ModuleList(
            reduction(recipe.reduction, widths[before], widths[after], geometry) for before, after in REDUCTIONS
        )
        self.head = Head(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        features = self.stages[0](self.stem(images))
        for block, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features = stage(block(features))
        logits: Tensor = self.head(features)
        return logits


def cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form: (n, 5) to two (n,) int64 arrays."""
    return costs.cost(archs, classes=classes, shape=shape, reduction=recipe.reduction)
