"""Networks of the elastic space: inverted residuals in three stages.

Cai, Gan, Wang, Zhang & Han, "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020,
3.2; the block is that of Sandler et al., "MobileNetV2", CVPR 2018.  The recipe's `channels` is the width of the first
stage; it doubles at each of the two reductions, which pool.  Departs from the paper, for small inputs: the first block
of a stage does not reduce, so that every block has a residual; ReLU in place of h-swish, and no squeeze-and-excitation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from harness.checks import Archs
from harness.spaces.elastic import costs
from harness.spaces.elastic.skeleton import blocks
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nb201.operations import stage_widths
from harness.training.networks.operations import Conv, ConvNorm, Head, Norm, PoolTransition
from harness.training.recipe import Recipe


class Depthwise(nn.Module):
    """Depthwise convolution and batch normalisation."""

    def __init__(self, channels: int, kernel: int, geometry: Geometry) -> None:
        super().__init__()
        self.conv = Conv(channels, channels, kernel, geometry, groups=channels)
        self.norm = Norm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        normed: Tensor = self.norm(self.conv(features))
        return normed


class InvertedResidual(nn.Module):
    """A 1x1 convolution to the middle width, a depthwise one, and a 1x1 convolution back, added to the input."""

    def __init__(self, width: int, kernel: int, expansion: int, geometry: Geometry) -> None:
        super().__init__()
        middle = expansion * width
        self.expand = ConvNorm(width, middle, 1, geometry)
        self.depthwise = Depthwise(middle, kernel, geometry)
        self.project = ConvNorm(middle, width, 1, geometry)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        middle = functional.relu(self.depthwise(functional.relu(self.expand(features))))
        result: Tensor = features + self.project(middle)
        return result


class ElasticNetwork(nn.Module):
    """Stem, stages with reductions between them, head.

    Parameter names are stable: ``stages.S.B.PART`` for block B of stage S.
    """

    def __init__(self, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> None:
        super().__init__()
        geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
        self.stem = ConvNorm(shape[0], widths[0], 3, geometry)
        self.stages = nn.ModuleList(
            nn.ModuleList(InvertedResidual(width, *block, geometry) for block in stage)
            for width, stage in zip(widths, blocks(arch), strict=True)
        )
        self.reductions = nn.ModuleList(PoolTransition(*pair, geometry) for pair in pairwise(widths))
        self.head = Head(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        features: Tensor = functional.relu(self.stem(images))
        for place, stage in enumerate(self.stages):
            if place:
                features = self.reductions[place - 1](features)
            for block in stage:  # type: ignore[attr-defined]  # torch says Module
                features = block(features)
        logits: Tensor = self.head(features)
        return logits


def elastic_network(arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> ElasticNetwork:
    """Return the network of an architecture."""
    return ElasticNetwork(arch, recipe, shape, classes)


def elastic_cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form: (n, 21) to two (n,) int64 arrays."""
    return costs.cost(archs, classes=classes, shape=shape, channels=recipe.channels)
