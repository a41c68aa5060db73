"""The supernet of NAS-Bench-201: every convolution of every edge, with one set of weights for all 15,625 cells.

The skeleton is that of the table's networks (stem, three stages with reductions between them, head).  A mixture merges
sibling edges: convolutions that leave one node share their input, so that their weights are put side by side and one
convolution computes them, and one pool serves all.  A path computes the chosen operations alone, with the same weights.

Batch normalisation has no running statistics, in search and in evaluation: averages over thousands of cells belong to
none of them.  Within cells it has no affine parameters, as in the code of NAS-Bench-201; stem, reductions and head keep
theirs.  Convolutions have no bias, which batch statistics would take away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import HarnessError, must
from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP, live_edges
from harness.spaces.layers import Geometry, Shape
from harness.spaces.named import NETWORKS
from harness.spaces.nb201.operations import KERNELS, OPERATIONS, POOL, stage_widths
from harness.training import networks
from harness.training.networks.operations import (
    Conv,
    ConvNorm,
    Head,
    Pool3,
    convolved,
    forget_statistics,
    normalised,
    reduction,
)
from harness.training.recipe import Recipe
from harness.training.schedule import Member

LEAVING = tuple(tuple(gene for gene, edge in enumerate(EDGES) if edge[0] == source) for source in range(NODES - 1))
"""Genes of the edges that leave each node but the last, targets ascending."""
ENTERING = tuple(tuple(gene for gene, edge in enumerate(EDGES) if edge[1] == target) for target in range(NODES))
"""Genes of the edges that enter each node, sources ascending."""
NETWORK = "nb201 supernet"
"""Names the streams of initial weights."""


def shuffled(features: Tensor, groups: int) -> Tensor:
    """Interleave groups of channels, as ShuffleNet does (Zhang et al., CVPR 2018): (B, C, H, W) to the same.

    >>> shuffled(torch.arange(8.0).reshape(1, 8, 1, 1), 4).flatten().tolist()
    [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]
    """
    if groups == 1:
        return features
    batch, channels, height, width = features.shape
    parts = features.reshape(batch, groups, channels // groups, height, width)
    return parts.transpose(1, 2).reshape(batch, channels, height, width)


class MixedCell(nn.Module):
    """All operations on all edges of a four-node cell.

    Parameters
    ----------
    channels : int
    geometry : Geometry
    codes : sequence of int
        Operations that mixtures have.
    partial : int
        K of partial channels (Xu et al., "PC-DARTS", ICLR 2020): the first 1/K of the channels go through operations,
        the others pass, and channels are shuffled; 1 for all.
    """

    def __init__(
        self, channels: int, geometry: Geometry, codes: Sequence[int] = range(len(OPERATIONS)), partial: int = 1
    ) -> None:
        super().__init__()
        self.codes, self.partial, self.width = tuple(codes), partial, channels // partial
        self.edges = nn.ModuleList(
            nn.ModuleDict({str(kernel): Conv(self.width, self.width, kernel, geometry) for kernel in KERNELS.values()})
            for _ in EDGES
        )
        self.pool = Pool3(geometry)

    def mixture(
        self,
        features: Tensor,
        weights: Tensor,
        edges: Tensor | None = None,
        kept: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """Compute the weighted sum of operations on each edge.

        Parameters
        ----------
        features : (B, C, H, W)
        weights : (6, 5)
            Of the operations of each edge; that of none has no effect here.
        edges : (6,), optional
            Weights of whole edges, with what passes beside their operations: edge normalisation.
        kept : sequence of 6 sequences of int, optional
            Operations that are computed on each edge; `codes` on all where it is not given.

        Returns
        -------
        (B, C, H, W)
        """
        nodes, sums = [features], _Sums()
        kept = [self.codes] * len(EDGES) if kept is None else kept
        scaled = weights if edges is None else weights * edges[:, None]
        for source, genes in enumerate(LEAVING):
            inputs = nodes[source][:, : self.width]
            rest = nodes[source][:, self.width :] if self.partial > 1 else None
            convolved = self._siblings(inputs, genes, scaled, kept)
            pooled = self.pool(inputs) if any(POOL in kept[gene] for gene in genes) else None
            for gene in genes:
                target = EDGES[gene][1]
                for together, total in convolved.items():
                    if gene in together:
                        place = together.index(gene)
                        sums.add(target, total[:, place * self.width : (place + 1) * self.width])
                if SKIP in kept[gene]:
                    sums.add(target, inputs * scaled[gene, SKIP])
                if pooled is not None and POOL in kept[gene]:
                    sums.add(target, pooled * scaled[gene, POOL])
                if rest is not None:
                    sums.pass_on(target, rest if edges is None else rest * edges[gene])
            nodes.append(self._joined(sums, source + 1, features))
        return nodes[-1]

    def _siblings(
        self, inputs: Tensor, genes: Sequence[int], weights: Tensor, kept: Sequence[Sequence[int]]
    ) -> dict[tuple[int, ...], Tensor]:
        """Return the weighted convolutions of edges that leave a node, side by side: genes to (B, q width, H, W).

        The genes of a key are those that keep a kernel, q of them; kernels that the same genes keep are summed.  The
        weight of an operation is the scale of its batch normalisation, which is the same product.
        """
        rectified, totals = functional.relu(inputs), dict[tuple[int, ...], Tensor]()
        for code, kernel in KERNELS.items():
            together = tuple(gene for gene in genes if code in kept[gene])
            if not together:
                continue
            first: Conv = self.edges[together[0]][str(kernel)]  # type: ignore[index]  # torch says Module
            merged = torch.cat([self.edges[gene][str(kernel)].weight for gene in together])  # type: ignore[index]  # as above
            scale = weights[list(together), code].repeat_interleave(self.width)
            term = normalised(convolved(rectified, merged, first), scale)
            totals[together] = totals[together] + term if together in totals else term
        return totals

    def path(self, features: Tensor, arch: Sequence[int], gates: Tensor | None = None) -> Tensor:
        """Compute one operation on each edge.

        Parameters
        ----------
        features : (B, C, H, W)
        arch : sequence of 6 int
        gates : (6, 5), optional
            One-hot in value and differentiable: the operation is multiplied by its own, and the others are added, which
            are 0, as in the code of GDAS for NAS-Bench-201.  To their gradients, operations that were not drawn are
            constant ones.

        Returns
        -------
        (B, C, H, W)
        """
        nodes, sums = [features], _Sums()
        computed = set(live_edges(arch)) if gates is None else range(len(EDGES))
        for target in range(1, NODES):
            for gene in ENTERING[target]:
                if gene not in computed:
                    continue
                source = nodes[EDGES[gene][0]]
                inputs, code = source[:, : self.width], arch[gene]
                term = self._operation(inputs, gene, code)
                if gates is not None:
                    others = gates[gene].sum() - gates[gene, code]
                    product = torch.zeros_like(inputs) if term is None else term * gates[gene, code]
                    term = product + others
                if term is not None:
                    sums.add(target, term)
            if self.partial > 1:
                for gene in ENTERING[target]:
                    sums.pass_on(target, nodes[EDGES[gene][0]][:, self.width :])
            nodes.append(self._joined(sums, target, features))
        return nodes[-1]

    def _operation(self, inputs: Tensor, gene: int, code: int) -> Tensor | None:
        """Return what an operation makes of its input; None for none."""
        if code == NONE:
            return None
        if code == SKIP:
            return inputs
        if code == POOL:
            pooled: Tensor = self.pool(inputs)
            return pooled
        layer: Conv = self.edges[gene][str(KERNELS[code])]  # type: ignore[index]  # torch says Module
        return normalised(layer(functional.relu(inputs)))

    def _joined(self, sums: _Sums, target: int, features: Tensor) -> Tensor:
        """Return a node: the sum of its edges, with the channels that pass; true zeros where nothing enters."""
        total = sums.of(target)
        if total is None:
            total = torch.zeros_like(features[:, : self.width])
        if self.partial == 1:
            return total
        return shuffled(torch.cat([total, sums.passing(target)], 1), self.partial)


class _Sums:
    """Sums of the terms that enter each node, of operations and of channels that pass."""

    def __init__(self) -> None:
        self._totals: dict[int, Tensor] = {}
        self._rest: dict[int, Tensor] = {}

    def add(self, target: int, term: Tensor) -> None:
        self._totals[target] = self._totals[target] + term if target in self._totals else term

    def pass_on(self, target: int, rest: Tensor) -> None:
        self._rest[target] = self._rest[target] + rest if target in self._rest else rest

    def of(self, target: int) -> Tensor | None:
        return self._totals.get(target)

    def passing(self, target: int) -> Tensor:
        return self._rest[target]


def shared_name(name: str, arch: Sequence[int]) -> str:
    """Return how the supernet calls a parameter of a network of its own.

    >>> shared_name("stages.0.0.edges.2.conv.weight", (0, 0, 3, 0, 0, 0)), shared_name("stem.conv.weight", ())
    ('stages.0.0.edges.2.3.weight', 'stem.conv.weight')
    """
    before, edges, after = name.partition(".edges.")
    if not edges:
        return name
    gene, _, rest = after.partition(".")
    return f"{before}.edges.{gene}.{KERNELS[int(arch[int(gene)])]}.{rest.removeprefix('conv.')}"


def check_partial(recipe: Recipe, partial: int) -> None:
    """Refuse partial channels that do not divide the channels."""
    if recipe.channels % partial:
        raise HarnessError(must("partial_channels", f"divide the {recipe.channels} channels", partial))


class Supernet(nn.Module):
    """All networks of NAS-Bench-201 cells in one.

    Parameters
    ----------
    recipe : Recipe
        Of the table's trainings: `channels`, `cells` and `reduction`.
    shape : (C, H, W)
    classes : int
    codes : sequence of int
    partial : int
        As in `MixedCell`; divides `channels`.

    Raises
    ------
    HarnessError
        If `partial` does not divide the channels.
    """

    network = NETWORKS["nb201"]
    """Name of the networks that are in it."""

    def __init__(
        self,
        recipe: Recipe,
        shape: Shape,
        classes: int,
        *,
        codes: Sequence[int] = range(len(OPERATIONS)),
        partial: int = 1,
    ) -> None:
        super().__init__()
        check_partial(recipe, partial)
        geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
        self.stem = ConvNorm(shape[0], widths[0], 3, geometry)
        self.stages = nn.ModuleList(
            nn.ModuleList(MixedCell(width, geometry, codes, partial) for _ in range(recipe.cells)) for width in widths
        )
        self.reductions = nn.ModuleList(reduction(recipe.reduction, *pair, geometry) for pair in pairwise(widths))
        self.head = Head(widths[-1], classes)
        forget_statistics(self)

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits; None for what a cell normalises by."""
        return dict(self.named_parameters()).get(shared_name(name, arch))

    def forward(self, images: Tensor, compute: Callable[[MixedCell, Tensor], Tensor]) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) logits; `compute` says what a cell does."""
        features: Tensor = self.stem(images)
        for place, stage in enumerate(self.stages):
            if place:
                features = self.reductions[place - 1](features)
            for cell in stage:  # type: ignore[attr-defined]  # torch says Module
                features = compute(cell, features)
        logits: Tensor = self.head(features)
        return logits

    def mixture(
        self,
        images: Tensor,
        weights: Tensor,
        edges: Tensor | None = None,
        kept: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """Return the logits of the mixture of operations; see `MixedCell.mixture`."""
        logits: Tensor = self(images, lambda cell, features: cell.mixture(features, weights, edges, kept))
        return logits

    def path(self, images: Tensor, arch: Sequence[int], gates: Tensor | None = None) -> Tensor:
        """Return the logits of one architecture; see `MixedCell.path`."""
        logits: Tensor = self(images, lambda cell, features: cell.path(features, arch, gates))
        return logits

    on_edges = path


def build(
    recipe: Recipe,
    shape: Shape,
    classes: int,
    *,
    seed: int,
    codes: Sequence[int] = range(len(OPERATIONS)),
    partial: int = 1,
) -> Supernet:
    """Return a supernet with the initial weights of a seed, on the CPU, in fp32.

    Weights start as those of networks of their own do (`harness.training.networks.build`).
    """
    networks.check_shape(shape)
    with torch.device("meta"):
        supernet = Supernet(recipe, shape, classes, codes=codes, partial=partial)
    supernet.to_empty(device="cpu")
    networks.initialise(supernet, Member((), seed), NETWORK)
    return supernet
