"""Networks of the NAS-Bench-201 cell space (the topology space of NATS-Bench), full size or micro.

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, section 2.1.
A stem, three stages of equal cells with a reduction between them, a head.  The recipe's `channels`, `cells` and
`reduction` give the published network (16, 5, "residual") or the micro one (8, 1, "pool").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from harness.checks import Archs, IntArray
from harness.training.networks import counting
from harness.training.networks.operations import Geometry, Head, Pool3, ReLUConvNorm, Stem, reduction
from harness.training.recipe import Recipe

CARDINALITIES = (5,) * 6
NONE, SKIP, CONV_1X1, CONV_3X3, POOL = range(5)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) of each gene, in the order of the official strings."""
OUTPUT = 3


def live_edges(arch: Sequence[int]) -> list[int]:
    """Return the genes that are computed: not none, and on a path to the output.

    Edges that leave a node nothing reaches stay: a convolution there gives zeros to its batch normalisation, whose bias
    is trained and reaches the output, as in the original code.

    Examples
    --------
    >>> live_edges([3, 0, 2, 0, 1, 0])  # node 2 leads nowhere: its 1x1 convolution is dead
    [0, 4]
    """
    useful = {OUTPUT}
    live: list[int] = []
    for gene in range(len(EDGES) - 1, -1, -1):  # by falling target: a target is known before edges into its sources
        source, target = EDGES[gene]
        if arch[gene] != NONE and target in useful:
            useful.add(source)
            live.append(gene)
    return live[::-1]


class Cell(nn.Module):
    """Four nodes; node j is the sum of the operations on its edges, the output is node 3.

    Operations of dead edges exist, so that they are counted, but are not computed: their weights change nothing.

    Parameters
    ----------
    arch : sequence of 6 int
        Operation on each of `EDGES`.
    channels : int
        Width of all nodes.
    """

    def __init__(self, arch: Sequence[int], channels: int, geometry: Geometry) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for gene, operation in enumerate(arch):
            if operation in (CONV_1X1, CONV_3X3):
                kernel = 1 if operation == CONV_1X1 else 3
                self.edges[str(gene)] = ReLUConvNorm(channels, channels, kernel, geometry)
            elif operation == POOL:
                self.edges[str(gene)] = Pool3(geometry)
        self.into: list[list[tuple[int, str]]] = [[] for _ in range(OUTPUT + 1)]
        for gene in live_edges(arch):
            source, target = EDGES[gene]
            self.into[target].append((source, "" if arch[gene] == SKIP else str(gene)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        nodes = [features]
        for edges in self.into[1:]:
            total: Tensor | None = None
            for source, key in edges:  # sources ascend
                term: Tensor = self.edges[key](nodes[source]) if key else nodes[source]
                total = term if total is None else total + term
            # True zeros: a product with zero would keep NaN.
            nodes.append(features.new_zeros(features.shape) if total is None else total)
        return nodes[OUTPUT]


class NB201Network(nn.Module):
    """Stem, three stages of cells with two reductions between them, head.

    Parameter names are stable: ``stages.S.K.edges.G.conv.weight`` for gene G of cell K in stage S.
    """

    def __init__(self, arch: Sequence[int], recipe: Recipe, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        geometry = Geometry(signal=shape[1] == 1)
        widths = [recipe.channels * 2**stage for stage in range(3)]
        self.stem = Stem(shape[0], widths[0], geometry)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Cell(arch, width, geometry) for _ in range(recipe.cells))) for width in widths
        )
        self.reductions = nn.ModuleList(
            reduction(recipe.reduction, before, after, geometry) for before, after in pairwise(widths)
        )
        self.head = Head(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) float32 logits."""
        features = self.stages[0](self.stem(images))
        for block, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features = stage(block(features))
        logits: Tensor = self.head(features)
        return logits


def cost(archs: Archs, recipe: Recipe, shape: tuple[int, int, int], classes: int) -> counting.Cost:
    """Return parameters and MACs of cells in closed form, dead edges included: (n, 6) to two (n,) int64 arrays."""
    geometry = Geometry(signal=shape[1] == 1)
    convs_3x3: IntArray = np.sum(archs == CONV_3X3, axis=1, dtype=np.int64)
    convs_1x1: IntArray = np.sum(archs == CONV_1X1, axis=1, dtype=np.int64)
    channels, height, width = shape
    positions = [height * width, *(height * width // geometry.area(2) ** stage for stage in (1, 2))]
    total = counting.conv_norm(channels, recipe.channels, geometry.area(3), positions[0])
    for stage, places in enumerate(positions):
        wide = recipe.channels * 2**stage
        if stage:
            total += counting.reduction(recipe.reduction, wide // 2, wide, geometry, places)
        cell = counting.conv_norm(wide, wide, geometry.area(3), places) * convs_3x3
        cell += counting.conv_norm(wide, wide, 1, places) * convs_1x1
        total += cell * recipe.cells
    return total + counting.head(4 * recipe.channels, classes)
