"""The supernet of NAS-Bench-201: every convolution of every edge, with one set of weights for all 15,625 cells.

The skeleton is that of the table's networks (stem, three stages with reductions between them, head).  A mixture merges
sibling edges: convolutions that leave one node share their input, so that their weights are put side by side and one
convolution computes them, and one pool serves all.  A path computes the chosen operations alone, with the same weights.

Batch normalisation has no running statistics, in search and in evaluation: averages over thousands of cells belong to
none of them.  Within cells it has no affine parameters, as in the code of NAS-Bench-201; stem, reductions and head keep
theirs.  Convolutions have no bias, which batch statistics would take away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP, live_edges
from harness.spaces.layers import Geometry, Shape
from harness.spaces.nb201.operations import CONV_3X3, KERNELS, OPERATIONS, POOL, stage_widths
from harness.training import networks
from harness.training.networks.cells import nb201_network
from harness.training.networks.operations import (
    Conv,
    ConvNorm,
    Head,
    Pool3,
    convolved,
    forget_statistics,
    normalised,
    pointwise,
    reduction,
)
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from harness.training.supernets.partial import PartialCell, check_partial

LEAVING = tuple(tuple(gene for gene, edge in enumerate(EDGES) if edge[0] == source) for source in range(NODES - 1))
"""Genes of the edges that leave each node but the last, targets ascending."""
ENTERING = tuple(tuple(gene for gene, edge in enumerate(EDGES) if edge[1] == target) for target in range(NODES))
"""Genes of the edges that enter each node, sources ascending."""
WIDEST = KERNELS[CONV_3X3]
"""The kernel that entangled edges hold."""
NETWORK = "nb201 supernet"
"""Names the streams of initial weights."""


class MixedCell(PartialCell):
    """All operations on all edges of a four-node cell.

    Parameters
    ----------
    channels : int
    geometry : Geometry
    codes : sequence of int
        Operations that mixtures have.
    partial : int
        K of partial channels; 1 for all.
    channel_choice : {"first", "random"}
        See `harness.training.supernets.partial.PartialCell`.
    entangled : bool
        Whether an edge has one kernel for all of its convolutions, a smaller one being its centre: a mixture convolves
        once, with the sum of these kernels by their weights, and normalises once, as in the code of TangleNAS
        (Sukthanker et al., AutoML 2024).  What comes out is not weighted any more: normalisation takes the sum of the
        weights away, and leaves their ratio.
    """

    def __init__(
        self,
        channels: int,
        geometry: Geometry,
        codes: Sequence[int] = range(len(OPERATIONS)),
        partial: int = 1,
        *,
        channel_choice: str = "first",
        entangled: bool = False,
    ) -> None:
        super().__init__(channels, partial, len(EDGES), channel_choice)
        self.codes, self.entangled = tuple(codes), entangled
        held = (WIDEST,) if entangled else KERNELS.values()
        self.edges = nn.ModuleList(
            nn.ModuleDict({str(kernel): Conv(self.width, self.width, kernel, geometry) for kernel in held})
            for _ in EDGES
        )
        self.pool = Pool3(geometry)

    @property
    def plain(self) -> bool:
        """Whether all channels go through operations, each of which has weights of its own."""
        return self.partial == 1 and not self.entangled

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
        if self.orders is not None:

            def mixed(gene: int, inputs: Tensor) -> Tensor:
                terms = [term for _, term in self._terms(inputs, (gene,), weights, edges, kept)]
                return torch.stack(terms).sum(0) if terms else torch.zeros_like(inputs)

            return self._of_drawn(features, mixed, edges)
        for source, genes in enumerate(LEAVING):
            inputs = nodes[source][:, : self.width]
            for gene, term in self._terms(inputs, genes, weights, edges, kept):
                sums.add(EDGES[gene][1], term)
            if self.partial > 1:
                rest = nodes[source][:, self.width :]
                for gene in genes:
                    sums.pass_on(EDGES[gene][1], _weighted(rest, None if edges is None else edges[gene]))
            nodes.append(self._node(sums, source + 1, features))
        return nodes[-1]

    def _terms(
        self,
        inputs: Tensor,
        genes: Sequence[int],
        weights: Tensor,
        edges: Tensor | None,
        kept: Sequence[Sequence[int]],
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the weighted operations of edges that read the same channels, each with the gene of its edge."""
        scaled = weights if edges is None else weights * edges[:, None]
        if self.entangled:
            convolved = self._entangled_siblings(inputs, genes, weights, edges, kept)
        else:
            convolved = self._siblings(inputs, genes, scaled, kept)
        pooled = self.pool(inputs) if any(POOL in kept[gene] for gene in genes) else None
        for gene in genes:
            for together, total in convolved.items():
                if gene in together:
                    place = together.index(gene)
                    yield gene, total[:, place * self.width : (place + 1) * self.width]
            if SKIP in kept[gene]:
                yield gene, inputs * scaled[gene, SKIP]
            if pooled is not None and POOL in kept[gene]:
                yield gene, pooled * scaled[gene, POOL]

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
            merged = torch.cat([self._convolution(gene, kernel).weight for gene in together])
            scale = weights[list(together), code].repeat_interleave(self.width)
            term = normalised(convolved(rectified, merged, self._convolution(together[0], kernel)), scale)
            totals[together] = totals[together] + term if together in totals else term
        return totals

    def _entangled_siblings(
        self,
        inputs: Tensor,
        genes: Sequence[int],
        weights: Tensor,
        edges: Tensor | None,
        kept: Sequence[Sequence[int]],
    ) -> dict[tuple[int, ...], Tensor]:
        """Return the entangled convolutions of edges that leave a node, side by side, as `_siblings` does.

        The genes of a key are those whose widest kernel is the same.
        """
        rectified, totals = functional.relu(inputs), dict[tuple[int, ...], Tensor]()
        of_gene = {gene: [code for code in KERNELS if code in kept[gene]] for gene in genes}
        for code, kernel in KERNELS.items():
            together = tuple(gene for gene in genes if of_gene[gene] and of_gene[gene][-1] == code)
            if not together:
                continue
            merged = torch.cat([self._mixed_kernel(gene, of_gene[gene], weights[gene]) for gene in together])
            scale = None if edges is None else edges[list(together)].repeat_interleave(self.width)
            totals[together] = normalised(self._convolved(rectified, merged, kernel), scale)
        return totals

    def _mixed_kernel(self, gene: int, codes: Sequence[int], weights: Tensor) -> Tensor:
        """Return the sum of an edge's kernels by their weights, as large as the largest, which comes last."""
        whole = self._convolution(gene, WIDEST).weight
        total = centre(whole, KERNELS[codes[-1]]) * weights[codes[-1]]
        for code in codes[:-1]:
            part = centre(whole, KERNELS[code])
            down, along = ((large - small) // 2 for large, small in zip(total.shape[2:], part.shape[2:], strict=True))
            total = total + functional.pad(part * weights[code], (along, along, down, down))
        return total

    def _convolution(self, gene: int, kernel: int) -> Conv:
        layer: Conv = self.edges[gene][str(kernel)]  # type: ignore[index]  # torch says Module
        return layer

    def _convolved(self, rectified: Tensor, weight: Tensor, kernel: int) -> Tensor:
        """Convolve with a kernel of an entangled edge, or several side by side."""
        return (
            convolved(rectified, weight, self._convolution(0, WIDEST)) if kernel > 1 else pointwise(rectified, weight)
        )

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
        if self.orders is not None:

            def chosen(gene: int, inputs: Tensor) -> Tensor:
                term = self._chosen(inputs, gene, arch[gene], gates)
                return torch.zeros_like(inputs) if term is None else term

            return self._of_drawn(features, chosen, None)
        nodes, sums = [features], _Sums()
        computed = set(live_edges(arch)) if gates is None and self.partial == 1 else range(len(EDGES))
        for target in range(1, NODES):
            for gene in ENTERING[target]:
                if gene not in computed:
                    continue
                term = self._chosen(nodes[EDGES[gene][0]][:, : self.width], gene, arch[gene], gates)
                if term is not None:
                    sums.add(target, term)
            if self.partial > 1:
                for gene in ENTERING[target]:
                    sums.pass_on(target, nodes[EDGES[gene][0]][:, self.width :])
            nodes.append(self._node(sums, target, features))
        return nodes[-1]

    def _chosen(self, inputs: Tensor, gene: int, code: int, gates: Tensor | None) -> Tensor | None:
        """Return the operation of an edge, by its gates where there are any; None for nothing."""
        term = self._operation(inputs, gene, code)
        if gates is None:
            return term
        others = gates[gene].sum() - gates[gene, code]
        product = torch.zeros_like(inputs) if term is None else term * gates[gene, code]
        return product + others

    def _operation(self, inputs: Tensor, gene: int, code: int) -> Tensor | None:
        """Return what an operation makes of its input; None for none."""
        if code == NONE:
            return None
        if code == SKIP:
            return inputs
        if code == POOL:
            pooled: Tensor = self.pool(inputs)
            return pooled
        rectified, kernel = functional.relu(inputs), KERNELS[code]
        if self.entangled:
            weight = centre(self._convolution(gene, WIDEST).weight, kernel)
            return normalised(self._convolved(rectified, weight, kernel))
        return normalised(self._convolution(gene, kernel)(rectified))

    def _of_drawn(self, features: Tensor, compute: Callable[[int, Tensor], Tensor], edges: Tensor | None) -> Tensor:
        """Compute the cell on channels that were drawn for each edge; `compute` is told the gene and its channels."""
        nodes = [features]
        for target in range(1, NODES):
            total = torch.zeros_like(features)
            for gene in ENTERING[target]:
                past = functools.partial(_weighted, weight=None if edges is None else edges[gene])
                source, through = nodes[EDGES[gene][0]], functools.partial(compute, gene)
                total = total + self.drawn_edge(source, gene, through, past)
            nodes.append(total)
        return nodes[-1]

    def _node(self, sums: _Sums, target: int, features: Tensor) -> Tensor:
        """Return a node: the sum of its edges, with the channels that pass; true zeros where nothing enters."""
        total = sums.of(target)
        if total is None:
            total = torch.zeros_like(features[:, : self.width])
        return total if self.partial == 1 else self.joined(total, sums.passing(target))


def _weighted(features: Tensor, weight: Tensor | None) -> Tensor:
    return features if weight is None else features * weight


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


def centre(weight: Tensor, kernel: int) -> Tensor:
    """Return the middle of a kernel: (O, I, h, w) to (O, I, kernel or less, kernel or less).

    >>> centre(torch.arange(3.0).reshape(1, 1, 1, 3), 1).tolist()
    [[[[1.0]]]]
    """
    down, along = ((size - min(size, kernel)) // 2 for size in weight.shape[2:])
    return weight[:, :, down : weight.shape[2] - down, along : weight.shape[3] - along]


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
        Divides `channels`.
    channel_choice : {"first", "random"}
    entangled : bool
        As in `MixedCell`.

    Raises
    ------
    HarnessError
        If `partial` does not divide the channels.
    """

    alone = staticmethod(nb201_network)
    """The network of an architecture by itself."""

    def __init__(
        self,
        recipe: Recipe,
        shape: Shape,
        classes: int,
        *,
        codes: Sequence[int] = range(len(OPERATIONS)),
        partial: int = 1,
        channel_choice: str = "first",
        entangled: bool = False,
    ) -> None:
        super().__init__()
        check_partial(recipe, partial)
        self.entangled = entangled
        geometry, widths = Geometry.of(shape), stage_widths(recipe.channels)
        self.stem = ConvNorm(shape[0], widths[0], 3, geometry)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                MixedCell(width, geometry, codes, partial, channel_choice=channel_choice, entangled=entangled)
                for _ in range(recipe.cells)
            )
            for width in widths
        )
        self.reductions = nn.ModuleList(reduction(recipe.reduction, *pair, geometry) for pair in pairwise(widths))
        self.head = Head(widths[-1], classes)
        forget_statistics(self)

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits; None for what a cell normalises by."""
        shared, (_, edges, after) = dict(self.named_parameters()), name.partition(".edges.")
        if not (edges and self.entangled):
            return shared.get(shared_name(name, arch))
        widest = shared.get(shared_name(name, (CONV_3X3,) * len(EDGES)))
        return None if widest is None else centre(widest, KERNELS[int(arch[int(after.partition(".")[0])])])

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
    channel_choice: str = "first",
    entangled: bool = False,
) -> Supernet:
    """Return a supernet with the initial weights of a seed, on the CPU, in fp32.

    Weights start as those of networks of their own do (`harness.training.networks.build`).
    """
    networks.check_shape(shape)
    with torch.device("meta"):
        supernet = Supernet(
            recipe, shape, classes, codes=codes, partial=partial, channel_choice=channel_choice, entangled=entangled
        )
    supernet.to_empty(device="cpu")
    networks.initialise(supernet, Member((), seed), NETWORK)
    return supernet
