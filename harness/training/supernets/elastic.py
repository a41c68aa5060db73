"""The once-for-all network: one network with elastic depth, width and kernels, of which every subnet is a slice.

Cai, Gan, Wang, Zhang & Han, "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020,
3.3, as in the authors' code.  A stage of depth d is its first d blocks.  A block of a smaller expansion is its first
channels, which `ElasticSupernet.sort` makes the important ones.  A smaller kernel is the centre of the larger one,
seven to five to three, times a matrix that all channels of a layer share, and that begins as the identity.

Batch normalisation has affine parameters, which are sliced too, and the statistics of the batch, in training and in
evaluation: running averages over many subnets belong to none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.elastic.skeleton import BLOCKS, EXPANSIONS, KERNELS, blocks
from harness.spaces.layers import Geometry, Shape
from harness.spaces.nb201.operations import stage_widths
from harness.training import networks
from harness.training.networks.elastic import InvertedResidual, elastic_network
from harness.training.networks.operations import (
    ConvNorm,
    Head,
    PoolTransition,
    forget_statistics,
    normalised_by,
    pointwise,
)
from harness.training.recipe import Recipe
from harness.training.schedule import Member

NETWORK = "elastic supernet"
"""Names the streams of initial weights."""
_SMALLER = KERNELS[-2::-1]
"""Kernels that are made of the next larger ones, in that order."""


class ElasticBlock(InvertedResidual):
    """An inverted residual of the largest kernel and expansion, and the smaller ones in it."""

    def __init__(self, width: int, geometry: Geometry) -> None:
        super().__init__(width, KERNELS[-1], EXPANSIONS[-1], geometry)
        self.width, self.geometry = width, geometry
        self.transforms = nn.ParameterDict(
            {str(kernel): nn.Parameter(torch.empty((geometry.area(kernel),) * 2)) for kernel in _SMALLER}
        )

    @torch.no_grad()
    def reset_transforms(self) -> None:
        """Let the matrices of smaller kernels be identities."""
        for matrix in self.transforms.values():
            matrix.copy_(torch.eye(len(matrix)))

    def filters(self, kernel: int, middle: int) -> Tensor:
        """Return the depthwise filters of a kernel, of the first channels: (middle, 1, h, w)."""
        weight: Tensor = self.depthwise.conv.weight[:middle]
        for smaller in _SMALLER:
            if kernel <= smaller:
                height, width = self.geometry.size(smaller)
                top, left = ((size - inner) // 2 for size, inner in zip(weight.shape[2:], (height, width), strict=True))
                centre = weight[:, :, top : top + height, left : left + width]
                weight = functional.linear(centre.flatten(1), self.transforms[str(smaller)]).reshape(centre.shape)
        return weight

    def path(self, features: Tensor, kernel: int, expansion: int) -> Tensor:
        """Compute with a kernel and an expansion: (B, C, H, W) to the same."""
        middle = expansion * self.width
        inner = pointwise(features, self.expand.conv.weight[:middle])
        inner = functional.relu(normalised_by(inner, self.expand.norm))
        inner = functional.conv2d(
            inner, self.filters(kernel, middle), padding=self.geometry.padding(kernel), groups=middle
        )
        inner = functional.relu(normalised_by(inner, self.depthwise.norm))
        return features + normalised_by(pointwise(inner, self.project.conv.weight[:, :middle]), self.project.norm)

    @torch.no_grad()
    def sort(self, kept: Sequence[int] = ()) -> None:
        """Put middle channels in the order of the L1 norms of the weights that read them, the largest first.

        Parameters
        ----------
        kept : sequence of int
            Expansions that keep their channels: those are sorted among themselves.
        """
        importance = self.project.conv.weight.abs().sum((0, 2, 3))
        ends = [0, *(expansion * self.width for expansion in sorted(kept)), len(importance)]
        parts = [start + importance[start:end].argsort(descending=True, stable=True) for start, end in pairwise(ends)]
        order = torch.cat(parts)
        for norm in (self.expand.norm, self.depthwise.norm):
            norm.weight.copy_(norm.weight[order])
            norm.bias.copy_(norm.bias[order])
        for conv in (self.expand.conv, self.depthwise.conv):
            conv.weight.copy_(conv.weight[order])
        self.project.conv.weight.copy_(self.project.conv.weight[:, order])


class ElasticSupernet(nn.Module):
    """All networks of the elastic space in one.

    Parameters
    ----------
    recipe : Recipe
        Of which `channels` counts.
    shape : (C, H, W)
    classes : int
    """

    alone = staticmethod(elastic_network)
    """The network of an architecture by itself."""

    def __init__(self, recipe: Recipe, shape: Shape, classes: int) -> None:
        super().__init__()
        geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
        self.stem = ConvNorm(shape[0], widths[0], 3, geometry)
        self.stages = nn.ModuleList(
            nn.ModuleList(ElasticBlock(width, geometry) for _ in range(BLOCKS)) for width in widths
        )
        self.reductions = nn.ModuleList(PoolTransition(*pair, geometry) for pair in pairwise(widths))
        self.head = Head(widths[-1], classes)
        forget_statistics(self)

    @property
    def blocks(self) -> list[ElasticBlock]:
        """Blocks of all stages."""
        return [block for block in self.modules() if isinstance(block, ElasticBlock)]

    def path(self, images: Tensor, arch: Sequence[int]) -> Tensor:
        """Return the logits of one architecture: (B, C, H, W) normalised images to (B, classes) float32."""
        features = functional.relu(self.stem(images))
        for place, stage in enumerate(blocks(arch)):
            if place:
                features = self.reductions[place - 1](features)
            for block, (kernel, expansion) in zip(self.stages[place], stage, strict=False):  # type: ignore[call-overload]  # torch says Module
                features = block.path(features, kernel, expansion)
        logits: Tensor = self.head(features)
        return logits

    def sort(self, kept: Sequence[int] = ()) -> None:
        """Sort the middle channels of all blocks; the function of the whole network stays.  See `ElasticBlock.sort`."""
        for block in self.blocks:
            block.sort(kept)

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits, by its name there."""
        stages, found = blocks(arch), dict(self.named_parameters())
        place, _, part = name.removeprefix("stages.").partition(".")
        if not name.startswith("stages."):
            return found[name]
        row, _, part = part.partition(".")
        block: ElasticBlock = self.stages[int(place)][int(row)]  # type: ignore[index]  # torch says Module
        kernel, expansion = stages[int(place)][int(row)]
        middle, weight = expansion * block.width, found[name]
        if part == "depthwise.conv.weight":
            return block.filters(kernel, middle)
        if part == "project.conv.weight":
            return weight[:, :middle]
        return weight if part.startswith("project") else weight[:middle]


def build(recipe: Recipe, shape: Shape, classes: int, *, seed: int) -> ElasticSupernet:
    """Return a supernet with the initial weights of a seed, on the CPU, in fp32.

    Weights start as those of networks of their own do (`harness.training.networks.build`).
    """
    networks.check_shape(shape)
    with torch.device("meta"):
        supernet = ElasticSupernet(recipe, shape, classes)
    supernet.to_empty(device="cpu")
    networks.initialise(supernet, Member((), seed), NETWORK)
    for block in supernet.blocks:
        block.reset_transforms()
    return supernet
