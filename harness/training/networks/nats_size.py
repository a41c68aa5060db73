"""Networks of the NATS-Bench size space: one fixed cell, five widths.

Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021,
section 3.2.  Gene j codes width 8 (gene + 1).  Of the recipe's skeleton only `reduction` is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from harness.checks import Archs
from harness.training.networks import counting
from harness.training.networks.operations import Conv, Geometry, Head, Norm, ReLUConvNorm, Stem, reduction
from harness.training.recipe import Recipe

CARDINALITIES = (8,) * 5
WIDTH_STEP = 8


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
    """``|3x3~0|+|3x3~0|3x3~1|+|skip~0|3x3~1|3x3~2|``; the edges that leave node 0 change the width.

    The operations are named by gene, in the order of the official strings.
    """

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        skip = nn.Identity() if inputs == outputs else Widen(inputs, outputs, geometry)
        self.edges = nn.ModuleList(
            skip if gene == 3 else ReLUConvNorm(inputs if gene in (0, 1) else outputs, outputs, 3, geometry)
            for gene in range(6)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        first: Tensor = self.edges[0](features)
        second: Tensor = self.edges[1](features) + self.edges[2](first)
        last: Tensor = self.edges[3](features) + self.edges[4](first) + self.edges[5](second)
        return last


class SizeNetwork(nn.Module):
    """Stem to c0, cell c0 to c0, reduction to c1, cell to c2, reduction to c3, cell to c4, head."""

    def __init__(self, arch: Sequence[int], recipe: Recipe, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        geometry = Geometry(signal=shape[1] == 1)
        c0, c1, c2, c3, c4 = (WIDTH_STEP * (int(gene) + 1) for gene in arch)
        self.stem = Stem(shape[0], c0, geometry)
        self.stages = nn.ModuleList(SizeCell(a, b, geometry) for a, b in ((c0, c0), (c1, c2), (c3, c4)))
        self.reductions = nn.ModuleList(
            reduction(recipe.reduction, before, after, geometry) for before, after in ((c0, c1), (c2, c3))
        )
        self.head = Head(c4, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        features = self.stages[0](self.stem(images))
        for block, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features = stage(block(features))
        logits: Tensor = self.head(features)
        return logits


def cost(archs: Archs, recipe: Recipe, shape: tuple[int, int, int], classes: int) -> counting.Cost:
    """Return parameters and MACs in closed form: (n, 5) to two (n,) int64 arrays."""
    geometry = Geometry(signal=shape[1] == 1)
    area = geometry.area(3)
    c0, c1, c2, c3, c4 = WIDTH_STEP * (np.asarray(archs, dtype=np.int64).T + 1)
    channels, height, width = shape
    positions = [height * width, *(height * width // geometry.area(2) ** stage for stage in (1, 2))]
    total = counting.conv_norm(channels, c0, area, positions[0])
    for before, after, places in ((c0, c0, positions[0]), (c1, c2, positions[1]), (c3, c4, positions[2])):
        total += counting.conv_norm(before, after, area, places) * 2
        total += counting.conv_norm(before, after, 1, places) * (before != after).astype(np.int64)
        total += counting.conv_norm(after, after, area, places) * 3
    total += counting.reduction(recipe.reduction, c0, c1, geometry, positions[1])
    total += counting.reduction(recipe.reduction, c2, c3, geometry, positions[2])
    return total + counting.head(c4, classes)
