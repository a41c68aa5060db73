"""Networks of four-node cells in three stages: those of NAS-Bench-201, full size or micro, and of the size space.

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, section 2.1;
Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021,
section 3.2.  A stem, three stages with a reduction between them, a head.  The recipe's `channels`, `cells` and
`reduction` give the published NAS-Bench-201 network (16, 5, "residual") or the micro one (8, 1, "pool"); the size space
uses `reduction` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from harness.checks import Archs
from harness.spaces.four_nodes import WIRING
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nats_size import costs as size_costs
from harness.spaces.nats_size.skeleton import CELL, CELLS, REDUCTIONS, channels
from harness.spaces.nb201 import costs as nb201_costs
from harness.spaces.nb201.operations import OPERATIONS, stage_widths
from harness.spaces.own import cells as own_cells
from harness.spaces.own.cells import CellSpace
from harness.training.networks.operations import ConvNorm, Head, reduction
from harness.training.networks.wired import WiredCell
from harness.training.recipe import Recipe


class Cell(WiredCell):
    """Four nodes with operations of NAS-Bench-201; see `WiredCell`."""

    def __init__(self, arch: Sequence[int], inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__(arch, inputs, outputs, geometry, wiring=WIRING, operations=OPERATIONS)


class StagedNetwork(nn.Module):
    """Stem, stages with reductions between them, head.

    Parameters
    ----------
    stages : iterable of Module
        The first takes `widths[0]` channels.
    transitions : iterable of (int, int)
        Channels before and after each reduction.
    widths : (int, int)
        Channels after the stem, and before the head.
    """

    def __init__(
        self,
        stages: Iterable[nn.Module],
        transitions: Iterable[tuple[int, int]],
        widths: tuple[int, int],
        recipe: Recipe,
        shape: Shape,
        classes: int,
    ) -> None:
        super().__init__()
        geometry = Geometry.of(shape)
        self.stem = ConvNorm(shape[0], widths[0], 3, geometry)
        self.stages = nn.ModuleList(stages)
        self.reductions = nn.ModuleList(
            reduction(recipe.reduction, before, after, geometry) for before, after in transitions
        )
        self.head = Head(widths[1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        features = self.stages[0](self.stem(images))
        for block, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features = stage(block(features))
        logits: Tensor = self.head(features)
        return logits


def nb201_network(arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> StagedNetwork:
    """Return equal cells of NAS-Bench-201 in stages of doubling width.

    Parameter names are stable: ``stages.S.K.edges.G.conv.weight`` for gene G of cell K in stage S.
    """
    return _stacked(partial(Cell, arch), recipe, shape, classes)


def own_network(space: CellSpace, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> StagedNetwork:
    """Return equal cells of one's own in stages of doubling width; parameters are named as in `nb201_network`."""
    cell = partial(WiredCell, arch, wiring=space.wiring, operations=space.operations)
    return _stacked(cell, recipe, shape, classes)


def _stacked(
    cell: Callable[[int, int, Geometry], nn.Module], recipe: Recipe, shape: Shape, classes: int
) -> StagedNetwork:
    geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
    stages = (nn.Sequential(*(cell(width, width, geometry) for _ in range(recipe.cells))) for width in widths)
    return StagedNetwork(stages, pairwise(widths), (widths[0], widths[-1]), recipe, shape, classes)


def size_network(arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> StagedNetwork:
    """Return one fixed cell in each stage, between the layers of the size space; ``stages.S.edges.G`` for gene G."""
    geometry, widths = Geometry.of(shape), channels(np.asarray(arch)).tolist()
    stages = (Cell(CELL, widths[before], widths[after], geometry) for before, after in CELLS)
    transitions = ((widths[before], widths[after]) for before, after in REDUCTIONS)
    return StagedNetwork(stages, transitions, (widths[0], widths[-1]), recipe, shape, classes)


def nb201_cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form, dead edges included: (n, 6) to two (n,) int64 arrays."""
    return nb201_costs.cost(
        archs,
        classes=classes,
        shape=shape,
        channels=recipe.channels,
        cells=recipe.cells,
        reduction=recipe.reduction,
    )


def own_cost(space: CellSpace, archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form, dead edges included: (n, E) to two (n,) int64 arrays."""
    return own_cells.cost(
        space,
        archs,
        classes=classes,
        shape=shape,
        channels=recipe.channels,
        cells=recipe.cells,
        reduction=recipe.reduction,
    )


def size_cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form: (n, 5) to two (n,) int64 arrays."""
    return size_costs.cost(archs, classes=classes, shape=shape, reduction=recipe.reduction)
