"""Networks of four-node cells in three stages: those of NAS-Bench-201, full size or micro, and of the size space.

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, section 2.1;
Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021,
section 3.2.  A stem, three stages with a reduction between them, a head.  The recipe's `channels`, `cells` and
`reduction` give the published NAS-Bench-201 network (16, 5, "residual") or the micro one (8, 1, "pool"); the size space
uses `reduction` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from harness.checks import Archs
from harness.spaces.four_nodes import EDGES, NODES, SKIP, live_edges
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nats_size import costs as size_costs
from harness.spaces.nats_size.skeleton import CELL, CELLS, REDUCTIONS, channels
from harness.spaces.nb201 import costs as nb201_costs
from harness.spaces.nb201.operations import KERNELS, POOL, stage_widths
from harness.training.networks.operations import ConvNorm, Head, Pool3, ReLUConvNorm, reduction
from harness.training.recipe import Recipe


class Cell(nn.Module):
    """Four nodes; node j is the sum of the operations on its edges, the output is node 3.

    Operations of dead edges exist, so that they are counted, but are not computed: their weights change nothing.

    Parameters
    ----------
    arch : sequence of 6 int
        Operation on each of `four_nodes.EDGES`.
    inputs, outputs : int
        Width of node 0, and of the others; where they differ, convolutions and skips that leave node 0 change it.
    """

    def __init__(self, arch: Sequence[int], inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for gene, ((source, _), operation) in enumerate(zip(EDGES, arch, strict=True)):
            width = outputs if source else inputs
            if operation in KERNELS:
                self.edges[str(gene)] = ReLUConvNorm(width, outputs, KERNELS[operation], geometry)
            elif operation == POOL:
                self.edges[str(gene)] = Pool3(geometry)
            elif operation == SKIP and width != outputs:
                self.edges[str(gene)] = ConvNorm(width, outputs, 1, geometry)
        self.into: list[list[tuple[int, str]]] = [[] for _ in range(NODES)]
        for gene in live_edges(arch):
            source, target = EDGES[gene]
            self.into[target].append((source, str(gene) if str(gene) in self.edges else ""))

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        nodes = [features]
        for edges in self.into[1:]:
            total: Tensor | None = None
            for source, key in edges:  # sources ascend
                term: Tensor = self.edges[key](nodes[source]) if key else nodes[source]
                total = term if total is None else total + term
            # True zeros: a product with zero would keep NaN.
            nodes.append(features.new_zeros(features.shape) if total is None else total)
        return nodes[-1]


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
    geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
    stages = (nn.Sequential(*(Cell(arch, width, width, geometry) for _ in range(recipe.cells))) for width in widths)
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


def size_cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form: (n, 5) to two (n,) int64 arrays."""
    return size_costs.cost(archs, classes=classes, shape=shape, reduction=recipe.reduction)
