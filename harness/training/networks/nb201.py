"""Networks of the NAS-Bench-201 cell space (the topology space of NATS-Bench), full size or micro.

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, section 2.1.
A stem, three stages of equal cells with a reduction between them, a head.  The recipe's `channels`, `cells` and
`reduction` give the published network (16, 5, "residual") or the micro one (8, 1, "pool").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from harness.checks import Archs
from harness.spaces.four_nodes import EDGES, NODES, SKIP, live_edges
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nb201 import costs
from harness.spaces.nb201.operations import KERNELS, POOL, stage_widths
from harness.training.networks.operations import Head, Pool3, ReLUConvNorm, Stem, reduction
from harness.training.recipe import Recipe


class Cell(nn.Module):
    """Four nodes; node j is the sum of the operations on its edges, the output is node 3.

    Operations of dead edges exist, so that they are counted, but are not computed: their weights change nothing.

    Parameters
    ----------
    arch : sequence of 6 int
        Operation on each of `four_nodes.EDGES`.
    channels : int
        Width of all nodes.
    """

    def __init__(self, arch: Sequence[int], channels: int, geometry: Geometry) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for gene, operation in enumerate(arch):
            if operation in KERNELS:
                self.edges[str(gene)] = ReLUConvNorm(channels, channels, KERNELS[operation], geometry)
            elif operation == POOL:
                self.edges[str(gene)] = Pool3(geometry)
        self.into: list[list[tuple[int, str]]] = [[] for _ in range(NODES)]
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
        return nodes[-1]


class NB201Network(nn.Module):
    """Stem, three stages of cells with two reductions between them, head.

    Parameter names are stable: ``stages.S.K.edges.G.conv.weight`` for gene G of cell K in stage S.
    """

    def __init__(self, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> None:
        super().__init__()
        geometry = Geometry.of(shape)
        widths = stage_widths(recipe.channels)
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


def cost(archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in closed form, dead edges included: (n, 6) to two (n,) int64 arrays."""
    return costs.cost(
        archs,
        classes=classes,
        shape=shape,
        channels=recipe.channels,
        cells=recipe.cells,
        reduction=recipe.reduction,
    )
