"""Networks of DARTS cells: a stem, normal and reduction cells that each read the two cells before them, a classifier.

Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, 2.1 and A.1.1: the evaluation network,
without its auxiliary head and without drop-path.  The recipe's `channels`, `cells`, `reduction_cells` and `stem_stride`
give the published network (36, 20, one third and two thirds, 1) or a micro one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.spaces.darts import costs
from harness.spaces.darts.cells import GENES, NODES, OPERATION_GENES, OPERATIONS, sources
from harness.spaces.layers import Cost, Geometry, Shape
from harness.training.networks.operations import (
    Classifier,
    Conv,
    ConvNorm,
    MaxPool3,
    Norm,
    Pool3,
    ReLUConvNorm,
    Separable,
    SeparableTwice,
)
from harness.training.recipe import Recipe

STEM = 3
"""Width of the stem, in widths of the first cell."""


class FactorisedReduction(nn.Module):
    """Halve the size: a 1x1 convolution of every other position beside one of the positions between, normalised."""

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        self.even = Conv(inputs, outputs // 2, 1, geometry)
        self.odd = Conv(inputs, outputs - outputs // 2, 1, geometry)
        self.norm = Norm(outputs)
        self._step, self._next = geometry.size(2), 0 if geometry.signal else 1

    def forward(self, rectified: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/2, W/2)."""
        down, along = self._step
        even = rectified[:, :, ::down, ::along]
        odd = rectified[:, :, self._next :: down, 1::along]
        normed: Tensor = self.norm(torch.cat([self.even(even), self.odd(odd)], dim=1))
        return normed


class RectifiedReduction(FactorisedReduction):
    """ReLU before it: what a cell reads of the cell before a reduction."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/2, W/2)."""
        return super().forward(functional.relu(features))


def operation(name: str, width: int, geometry: Geometry, stride: int) -> nn.Module | None:
    """Return what computes an operation of the space; None for a skip that changes nothing.

    All but the pools take their input rectified.
    """
    family, kernel = name[:-4], 5 if name.endswith("5x5") else 3
    if name == "skip_connect":
        return None if stride == 1 else FactorisedReduction(width, width, geometry)
    if family == "sep_conv":
        return SeparableTwice(width, kernel, geometry, stride=stride)
    if family == "dil_conv":
        return Separable(width, kernel, geometry, stride=stride, dilation=2)
    return (MaxPool3 if family == "max_pool" else Pool3)(geometry, stride=stride)


class DARTSCell(nn.Module):
    """Four nodes after two inputs; each sums two operations, the output is all four side by side.

    Parameters
    ----------
    genes : sequence of 11 int
        Of one cell; see `harness.spaces.darts.space`.
    inputs : (int, int)
        Channels of the cell before the last one, and of the last one.
    width : int
        Of every node.
    reduces : bool
        Whether operations on the two inputs have stride 2.
    after_reduction : bool
        Whether the last cell reduces, so that what was before it has twice the size.
    """

    def __init__(
        self,
        genes: Sequence[int],
        inputs: tuple[int, int],
        width: int,
        geometry: Geometry,
        *,
        reduces: bool,
        after_reduction: bool,
    ) -> None:
        super().__init__()
        before, last = inputs
        self.before: nn.Module = (
            RectifiedReduction(before, width, geometry) if after_reduction else ReLUConvNorm(before, width, 1, geometry)
        )
        self.last = ReLUConvNorm(last, width, 1, geometry)
        self.edges = nn.ModuleDict()
        reads: list[int] = sources(np.asarray(genes)[None])[0].tolist()
        for edge, (source, gene) in enumerate(zip(reads, OPERATION_GENES, strict=True)):
            stride = 2 if reduces and source < NODES[0] else 1
            block = operation(OPERATIONS[genes[gene]], width, geometry, stride)
            if block is not None:
                self.edges[str(edge)] = block
        self._reads = reads

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """(B, inputs, H, W) twice to (B, 4 width, H, W), or half of that size."""
        nodes: list[Tensor] = [self.before(before), self.last(last)]
        rectified: dict[int, Tensor] = {}
        for edge in range(0, len(self._reads), 2):
            first, second = (self._edge(key, nodes, rectified) for key in (edge, edge + 1))
            nodes.append(first + second)
        return torch.cat(nodes[NODES[0] :], dim=1)

    def _edge(self, edge: int, nodes: Sequence[Tensor], rectified: dict[int, Tensor]) -> Tensor:
        source, key = self._reads[edge], str(edge)
        if key not in self.edges:
            return nodes[source]
        block = self.edges[key]
        if isinstance(block, Pool3):
            pooled: Tensor = block(nodes[source])
            return pooled
        if source not in rectified:
            rectified[source] = functional.relu(nodes[source])
        result: Tensor = block(rectified[source])
        return result


class DARTSNetwork(nn.Module):
    """Stem, cells, mean over positions, classifier.

    Parameter names are stable: ``cells.K.edges.E`` for edge E (0 to 7, two of each node) of cell K.
    """

    def __init__(self, genes: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> None:
        super().__init__()
        geometry = Geometry.of(shape)
        before = last = STEM * recipe.channels
        width, reduces_before = recipe.channels, False
        self.stem = ConvNorm(shape[0], last, 3, geometry, stride=recipe.stem_stride)
        self.cells = nn.ModuleList()
        for reduces in costs.order(recipe.cells, recipe.reduction_cells):
            width *= 2 if reduces else 1
            own = genes[GENES:] if reduces else genes[:GENES]
            cell = DARTSCell(own, (before, last), width, geometry, reduces=reduces, after_reduction=reduces_before)
            self.cells.append(cell)
            before, last, reduces_before = last, len(NODES) * width, reduces
        self.head = Classifier(last, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        before = last = self.stem(images)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: Tensor = self.head(last)
        return logits


def darts_network(arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> DARTSNetwork:
    """Return the network of a pair of cells.

    Raises
    ------
    HarnessError
        If the images cannot be halved as often as the recipe says.
    """
    check_halves(recipe, shape)
    return DARTSNetwork(arch, recipe, shape, classes)


def check_halves(recipe: Recipe, shape: Shape) -> None:
    """Refuse images whose sides are not divisible by the stem's stride and by two for each reduction cell."""
    _, height, width = shape
    times = recipe.stem_stride * 2 ** sum(costs.order(recipe.cells, recipe.reduction_cells))
    if width % times or (height != 1 and height % times):
        raise HarnessError(must("shape", f"have a height (unless 1) and width divisible by {times}", shape))


def darts_cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form: (n, 22) to two (n,) int64 arrays."""
    check_halves(recipe, shape)
    return costs.cost(
        archs,
        classes=classes,
        shape=shape,
        channels=recipe.channels,
        cells=recipe.cells,
        reduction_cells=recipe.reduction_cells,
        stem_stride=recipe.stem_stride,
    )
