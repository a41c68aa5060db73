"""The supernet of the size space: the widest network, of which every layer can be narrowed.

A network of the space is the first channels of every layer.  It is computed by slices, or by masks: the widest network
is computed, and what a layer gives, after its normalisation, is multiplied by ones and then zeros.  A mask comes after
normalisation, for that shifts zeros.  Masks need not be of zeros and ones, so that a layer can be a mixture of its
widths (Wan et al., "FBNetV2", CVPR 2020, 3.1).

Departs from the code of NATS-Bench, where the output of the stem, of a cell or of a reduction alone is masked: here the
nodes of a cell and the layers of a reduction are too, and what is normalised in the head, so that one width of each
layer computes the network of the table exactly.  A skip between layers of different widths is a 1x1 convolution, as in
the table; in a mixture it is that times the probability of different widths, and the input times that of equal ones.

Batch normalisation has the statistics of the batch, in training and in evaluation; within cells it has no affine
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from operator import add

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.four_nodes import SKIP
from harness.spaces.layers import Geometry, Shape
from harness.spaces.nats_size.skeleton import CARDINALITIES, CELL, CELLS, LAYERS, REDUCTIONS, WIDTHS
from harness.training import networks
from harness.training.networks.cells import Cell, StagedNetwork, size_network
from harness.training.networks.operations import (
    Classifier,
    Conv,
    ConvNorm,
    Norm,
    ResidualBlock,
    convolved,
    forget_statistics,
    normalised_by,
)
from harness.training.recipe import Recipe
from harness.training.schedule import Member

NETWORK = "nats_size supernet"
"""Names the streams of initial weights."""
WIDEST = WIDTHS[-1]
LARGEST = tuple(count - 1 for count in CARDINALITIES)
"""The widest network."""
_SKIP = str(CELL.index(SKIP))
"""Name of the edge of a cell that skips; it leaves the input."""

Limit = Callable[[Tensor, int], Tensor]
"""What the normalised features (B, C, H, W) of a layer, by its number, become: (B, C, H, W)."""
Same = Sequence[Tensor | bool]
"""For each cell, whether the layers before and after it are equally wide, or with which probability."""


class SizeSupernet(StagedNetwork):
    """All networks of the size space in one.

    Parameters
    ----------
    recipe : Recipe
        Of which `reduction` counts.
    shape : (C, H, W)
    classes : int
    """

    alone = staticmethod(size_network)
    """The network of an architecture by itself."""

    def __init__(self, recipe: Recipe, shape: Shape, classes: int) -> None:
        geometry, pairs = Geometry.of(shape), [(WIDEST, WIDEST)] * len(REDUCTIONS)
        cells = [Cell(CELL, WIDEST, WIDEST, geometry) for _ in CELLS]
        for cell, (before, after) in zip(cells, CELLS, strict=True):
            if before != after:
                cell.edges[_SKIP] = ConvNorm(WIDEST, WIDEST, 1, geometry)
            for part in cell.modules():
                if isinstance(part, Norm):
                    part.affine, part.weight, part.bias = False, None, None  # type: ignore[assignment]  # torch takes it for not affine
        super().__init__(cells, pairs, (WIDEST, WIDEST), recipe, shape, classes)
        self._given = recipe, shape, classes
        forget_statistics(self)

    def path(self, images: Tensor, arch: Sequence[int]) -> Tensor:
        """Return the logits of one architecture, by slices: (B, C, H, W) normalised images to (B, classes) float32."""
        same = [arch[before] == arch[after] for before, after in CELLS]
        return self._through(images, arch, same, lambda features, _: features)

    def mixture(self, images: Tensor, weights: Tensor) -> Tensor:
        """Return the logits of a mixture of widths, by masks that are sums of masks.

        Parameters
        ----------
        images : (B, C, H, W)
            Normalised.
        weights : (5, 8)
            Of the widths of each layer; rows sum to 1.

        Returns
        -------
        (B, classes) float32
        """
        masks = weights @ _masks().to(weights)

        def masked(features: Tensor, layer: int) -> Tensor:
            return features * masks[layer][:, None, None]

        return self._through(images, LARGEST, _same(weights), masked, masked)

    def interpolated(self, images: Tensor, weights: Tensor, pairs: Sequence[Sequence[int]]) -> Tensor:
        """Return the logits of a mixture of two widths of each layer, the narrower one stretched to the other.

        Features of the narrower width are averaged over channels, in as many bins as the other has channels (Dong &
        Yang, "Network Pruning via Transformable Architecture Search", NeurIPS 2019, 3.1).

        Parameters
        ----------
        images : (B, C, H, W)
            Normalised.
        weights : (5, 8)
            Of the widths of each layer, 0 but for two; rows sum to 1.
        pairs : 5 sequences of 2 int
            The two of each layer, the narrower one first.

        Returns
        -------
        (B, classes) float32
        """
        stretches = [
            row[wide] * torch.eye(WIDTHS[wide]).to(row) + row[narrow] * _stretch(WIDTHS[narrow], WIDTHS[wide]).to(row)
            for row, (narrow, wide) in zip(weights, pairs, strict=True)
        ]

        def stretched(features: Tensor, layer: int) -> Tensor:
            return functional.linear(features.permute(0, 2, 3, 1), stretches[layer]).permute(0, 3, 1, 2)

        return self._through(images, [wide for _, wide in pairs], _same(weights), stretched)

    def _through(
        self, images: Tensor, codes: Sequence[int], same: Same, limit: Limit, limit_head: Limit | None = None
    ) -> Tensor:
        """Compute the first channels of every layer, with what limits them."""
        widths = [WIDTHS[code] for code in codes]
        features = limit(_conv_norm(self.stem, images, widths[0]), 0)
        for place, (cell, (_, after)) in enumerate(zip(self.stages, CELLS, strict=True)):
            if place:
                layer = REDUCTIONS[place - 1][1]
                features = _reduced(self.reductions[place - 1], features, widths[layer], layer, limit)
            features = _cell(cell, features, widths[after], after, limit, same[place])  # type: ignore[arg-type]  # torch says Module
        normed = normalised_by(features, self.head.norm)
        if limit_head is not None:
            normed = limit_head(normed, LAYERS - 1)
        return Classifier.forward(self.head, _fitted(functional.relu(normed), WIDEST))

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits; None for what a cell normalises by."""
        found = dict(self.named_parameters()).get(name)
        shape = _shapes(tuple(map(int, arch)), *self._given)[name]
        return None if found is None else found[tuple(map(slice, shape))]


@lru_cache(maxsize=16)
def _shapes(arch: tuple[int, ...], recipe: Recipe, shape: Shape, classes: int) -> dict[str, torch.Size]:
    """Return the shapes of the parameters of a network of its own, by name."""
    with torch.device("meta"):
        network = size_network(arch, recipe, shape, classes)
    return {name: parameter.shape for name, parameter in network.named_parameters()}


def _masks() -> Tensor:
    """Return the mask of each width: (8, 64)."""
    return torch.from_numpy((np.arange(WIDEST) < np.array(WIDTHS)[:, None]).astype(np.float32))


def _stretch(narrow: int, wide: int) -> Tensor:
    """Return what averages channels in as many bins as are wanted: (wide, wide), 0 from `narrow` on.

    >>> _stretch(2, 3)
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.0000, 1.0000, 0.0000]])
    """
    return functional.pad(functional.adaptive_avg_pool1d(torch.eye(narrow), wide).T, (0, wide - narrow))


def _same(weights: Tensor) -> Same:
    """Return with which probability the layers before and after each cell are equally wide."""
    return [before == after or (weights[before] * weights[after]).sum() for before, after in CELLS]


def _conv_norm(layer: nn.Module, features: Tensor, width: int) -> Tensor:
    """Convolve with the first channels of a layer, and normalise: (B, C, H, W) to (B, width, H', W')."""
    assert isinstance(layer, ConvNorm)  # noqa: S101 - torch says Module
    return normalised_by(_conv(layer.conv, features, width), layer.norm)


def _conv(layer: Conv, features: Tensor, width: int) -> Tensor:
    return convolved(features, layer.weight[:width, : features.shape[1]], layer)


def _fitted(features: Tensor, width: int) -> Tensor:
    """Return the first channels, and zeros where there are not so many: (B, C, H, W) to (B, width, H, W)."""
    return functional.pad(features[:, :width], (0, 0, 0, 0, 0, max(width - features.shape[1], 0)))


def _reduced(block: nn.Module, features: Tensor, width: int, layer: int, limit: Limit) -> Tensor:
    """Compute the first channels of the block between two stages."""
    if not isinstance(block, ResidualBlock):
        return limit(_conv_norm(block, functional.avg_pool2d(features, block.halve, block.halve), width), layer)  # type: ignore[arg-type]  # torch says Module
    shortcut = _conv(block.shortcut, functional.avg_pool2d(features, block.halve, block.halve), width)
    inner = limit(_conv_norm(block.a, functional.relu(features), width), layer)
    return limit(shortcut + _conv_norm(block.b, functional.relu(inner), width), layer)


def _cell(cell: Cell, features: Tensor, width: int, layer: int, limit: Limit, same: Tensor | bool) -> Tensor:
    """Compute the first channels of a cell."""
    nodes = [features]
    for edges in cell.into[1:]:
        terms = [
            _conv_norm(cell.edges[key], functional.relu(nodes[source]), width)
            if key
            else _skipped(cell, nodes[source], width, same)
            for source, key in edges
        ]
        nodes.append(limit(reduce(add, terms), layer))  # sources ascend
    return nodes[-1]


def _skipped(cell: Cell, features: Tensor, width: int, same: Tensor | bool) -> Tensor:
    """Compute the skip of a cell, of which some is a convolution where its layers may differ."""
    if same is True:
        return features
    changed = _conv_norm(cell.edges[_SKIP], features, width)
    return changed if same is False else same * _fitted(features, width) + (1 - same) * changed


def build(recipe: Recipe, shape: Shape, classes: int, *, seed: int) -> SizeSupernet:
    """Return a supernet with the initial weights of a seed, on the CPU, in fp32.

    Weights start as those of networks of their own do (`harness.training.networks.build`).
    """
    networks.check_shape(shape)
    with torch.device("meta"):
        supernet = SizeSupernet(recipe, shape, classes)
    supernet.to_empty(device="cpu")
    networks.initialise(supernet, Member((), seed), NETWORK)
    return supernet
