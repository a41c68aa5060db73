"""The supernet of DARTS cells: every operation on each of the 14 edges of a normal and of a reduction cell.

Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, 2.1, as in the authors' code: the skeleton
is that of the table's networks, each cell reads the two before it, and each of its four nodes sums all edges that enter
it.  A mixture has all operations on each edge; a path has those of an architecture, two edges into each node, with the
same weights.

Batch normalisation has the statistics of the batch, in search and in evaluation, and but for the stem no affine
parameters.  Pools are normalised in the supernet, as in the authors' code, and in subnets that are recalibrated, but
not in the networks of the table; what a node reads is pooled and rectified once for all of its edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import Archs, FloatArray
from harness.spaces.darts import costs
from harness.spaces.darts.cells import (
    EDGES,
    GENES,
    LARGEST,
    NODES,
    OPERATIONS,
    START,
    WITH_NONE,
    from_edges,
    on_edges,
    sources,
)
from harness.spaces.layers import Geometry, Shape
from harness.training import networks
from harness.training.networks.darts import (
    STEM,
    DARTSCell,
    DARTSNetwork,
    RectifiedReduction,
    check_halves,
    darts_network,
    operation,
)
from harness.training.networks.operations import (
    Classifier,
    ConvNorm,
    MaxPool3,
    Norm,
    Pool3,
    ReLUConvNorm,
    forget_statistics,
    normalised,
)
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from harness.training.supernets.cells import centre
from harness.training.supernets.partial import PartialCell, check_partial

NETWORK = "darts supernet"
"""Names the streams of initial weights."""
NONE, SKIP = WITH_NONE.index("none"), WITH_NONE.index("skip_connect")
_TANGLED = (*LARGEST, *LARGEST.values())
"""Codes of convolutions that can share a kernel."""
POOLS = {WITH_NONE.index("max_pool_3x3"): MaxPool3, WITH_NONE.index("avg_pool_3x3"): Pool3}
ABSENT = -1
"""The code of an edge that an architecture does not have."""
Term = tuple[int, Tensor | None, Tensor | None]
"""An operation of an edge: its code, what it is multiplied by, and what the taps of its kernel are multiplied by."""


def edge_codes(archs: Archs) -> Archs:
    """Return the operation on each edge, of the normal and of the reduction cell: (n, 22) to (n, 28), or `ABSENT`."""
    cells = np.asarray(archs).reshape(-1, GENES)
    return np.asarray(on_edges(cells).reshape(-1, 2 * len(EDGES)) - 1)


def derived(probabilities: FloatArray, edges: FloatArray | None = None) -> Archs:
    """Return the two strongest edges into each node with their strongest operations, none excluded (DARTS, 2.4).

    Parameters
    ----------
    probabilities : (28, 8)
        Of operations on edges; below 0 where one is left out.
    edges : (28,), optional
        Weights of edges, by which the strength of an edge is multiplied (Xu et al., "PC-DARTS", ICLR 2020).

    Returns
    -------
    (1, 22) uint8
    """
    some = probabilities[:, :NONE]
    strength = some.max(1) * (1 if edges is None else edges)
    codes = np.zeros(len(some), dtype=np.intp)
    for cell in (0, len(EDGES)):
        for node in NODES:
            into = cell + START[node] + np.arange(node)
            kept = into[np.argsort(-strength[into], kind="stable")[:2]]
            codes[kept] = some[kept].argmax(1) + 1
    return from_edges(codes.reshape(2, len(EDGES))).reshape(1, -1).astype(np.uint8)


class MixedDARTSCell(PartialCell):
    """All operations on all edges of a cell.

    Parameters
    ----------
    inputs : (int, int)
        Channels of the cell before the last one, and of the last one.
    width : int
        Of every node.
    codes : sequence of int
        Operations that mixtures have.
    partial : int
    channel_choice : {"first", "random"}
        K of partial channels, and which they are; see `harness.training.supernets.partial.PartialCell`.
    reduces, after_reduction : bool
        As in `harness.training.networks.darts.DARTSCell`.
    entangled : bool
        Whether the depthwise kernels of 3 are the centres of those of 5, separable and dilated ones for themselves,
        whose other layers they share.  A mixture convolves once, with the sum of these kernels by their weights, as in
        the code of TangleNAS; see `harness.training.supernets.cells.MixedCell`.
    """

    def __init__(
        self,
        inputs: tuple[int, int],
        width: int,
        geometry: Geometry,
        *,
        codes: Sequence[int],
        partial: int,
        channel_choice: str,
        reduces: bool,
        after_reduction: bool,
        entangled: bool = False,
    ) -> None:
        super().__init__(width, partial, len(EDGES), channel_choice)
        before, last = inputs
        self.before: nn.Module = (
            RectifiedReduction(before, width, geometry) if after_reduction else ReLUConvNorm(before, width, 1, geometry)
        )
        self.last = ReLUConvNorm(last, width, 1, geometry)
        self.codes, self.entangled = tuple(codes), entangled
        self.strides = [2 if reduces and source < NODES[0] else 1 for source, _ in EDGES]
        self.halve = geometry.size(2)
        self.reduces = reduces
        self.edges = nn.ModuleList()
        for stride in self.strides:
            built = {
                name: operation(name, self.width, geometry, stride)
                for code, name in enumerate(OPERATIONS)
                if code not in POOLS and not (entangled and code in LARGEST)
            }
            self.edges.append(nn.ModuleDict({name: module for name, module in built.items() if module is not None}))
        self.pools = {
            (code, stride): pool(geometry, stride=stride) for code, pool in POOLS.items() for stride in (1, 2)
        }
        for part in self.modules():
            if isinstance(part, Norm):
                part.weight = part.bias = None  # type: ignore[assignment]  # torch takes it for not affine

    def mixture(
        self,
        before: Tensor,
        last: Tensor,
        weights: Tensor,
        edges: Tensor | None = None,
        kept: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """Compute the weighted sum of operations on each edge.

        Parameters
        ----------
        before, last : (B, inputs, H, W)
        weights : (14, 8)
        edges : (14,), optional
            Weights of whole edges, with what passes beside their operations.
        kept : sequence of 14 sequences of int, optional
            Operations that are computed on each edge; `codes` on all where it is not given.

        Returns
        -------
        (B, 4 width, H, W), or half of that size
        """
        scaled = weights if edges is None else weights * edges[:, None]
        kept = [self.codes] * len(EDGES) if kept is None else kept
        every = list[tuple[int, Term]]()
        for edge, codes in enumerate(kept):
            merged = [code for code in codes if self.entangled and code in _TANGLED]
            every += [(edge, (code, scaled[edge, code], None)) for code in codes if code not in merged]
            every += [(edge, term) for term in self._merged(edge, merged, weights, edges)]
        return self._nodes(before, last, every, edges)

    def _merged(self, edge: int, codes: Sequence[int], weights: Tensor, edges: Tensor | None) -> Iterator[Term]:
        """Yield the entangled convolutions of an edge, one for those that share a kernel."""
        for large in LARGEST.values():
            shared = [code for code in codes if LARGEST.get(code, code) == large]
            if shared:
                taps = torch.stack([self._taps(edge, code) * weights[edge, code] for code in shared]).sum(0)
                yield large, None if edges is None else edges[edge], taps

    def _taps(self, edge: int, code: int) -> Tensor:
        """Return 1 where an operation has taps, in a kernel of the larger one that it is part of: (1, 1, h, w)."""
        large = LARGEST.get(code, code)
        kernel = next(part for name, part in self._layers(edge, large).named_parameters() if "depthwise" in name)
        taps = kernel.new_zeros(1, 1, *kernel.shape[2:])
        centre(taps, 5 if code == large else 3).fill_(1)
        return taps

    def _layers(self, edge: int, code: int) -> nn.Module:
        layers: nn.Module = self.edges[edge][OPERATIONS[code]]  # type: ignore[index]  # torch says Module
        return layers

    def path(self, before: Tensor, last: Tensor, codes: Sequence[int], gates: Tensor | None = None) -> Tensor:
        """Compute one operation on each edge that is there.

        Parameters
        ----------
        before, last : (B, inputs, H, W)
        codes : sequence of 14 int
        gates : (14, 8), optional
            One-hot in value and differentiable: each operation is multiplied by its own.

        Returns
        -------
        (B, 4 width, H, W), or half of that size
        """
        there = list[tuple[int, Term]]()
        for edge, code in enumerate(codes):
            if code != ABSENT:
                taps = self._taps(edge, code) if self.entangled and code in _TANGLED else None
                gate = None if gates is None else gates[edge, code]
                there.append((edge, (code if taps is None else LARGEST.get(code, code), gate, taps)))
        return self._nodes(before, last, there, None)

    def _nodes(self, before: Tensor, last: Tensor, terms: Iterable[tuple[int, Term]], edges: Tensor | None) -> Tensor:
        """Sum operations on edges, each with its factor, node by node, and put the nodes side by side."""
        nodes: list[Tensor] = [self.before(before), self.last(last)]
        known: dict[tuple[int, int, int], Tensor] = {}
        of_edge: dict[int, list[Term]] = {}
        for edge, term in terms:
            of_edge.setdefault(edge, []).append(term)
        for node in NODES:
            total: Tensor | None = None
            rest: Tensor | None = None
            for source in range(node):
                edge = START[node] + source
                if edge not in of_edge:
                    continue
                if self.orders is not None:
                    drawn = self._drawn(nodes[source], edge, of_edge[edge], edges)
                    total = drawn if total is None else total + drawn
                    continue
                for code, factor, taps in of_edge[edge]:
                    given = self._operation(nodes[source][:, : self.width], source, edge, code, known, taps)
                    if given is not None:
                        given = given if factor is None else given * factor
                        total = given if total is None else total + given
                if self.partial > 1:
                    passing = self._passing(nodes[source][:, self.width :], edge, edges)
                    rest = passing if rest is None else rest + passing
            nodes.append(self._joined(total, rest, nodes[1]))
        return torch.cat(nodes[NODES[0] :], 1)

    def _drawn(self, node: Tensor, edge: int, terms: Sequence[Term], edges: Tensor | None) -> Tensor:
        """Return what an edge makes of a node whose channels were drawn for it."""

        def through(inputs: Tensor) -> Tensor:
            known: dict[tuple[int, int, int], Tensor] = {}
            found = [(self._operation(inputs, 0, edge, code, known, taps), factor) for code, factor, taps in terms]
            there = [term if factor is None else term * factor for term, factor in found if term is not None]
            return torch.stack(there).sum(0) if there else torch.zeros_like(self._passing(inputs, edge, None))

        return self.drawn_edge(node, edge, through, lambda rest: self._passing(rest, edge, edges))

    def _operation(
        self,
        inputs: Tensor,
        source: int,
        edge: int,
        code: int,
        known: dict[tuple[int, int, int], Tensor],
        taps: Tensor | None,
    ) -> Tensor | None:
        """Return what an operation makes of channels of a node; None for none."""
        if code == NONE:
            return None
        stride = self.strides[edge]
        if code == SKIP and stride == 1:
            return inputs
        if code in POOLS:
            place = (source, code, stride)
            if place not in known:
                known[place] = normalised(self.pools[code, stride](inputs))
            return known[place]
        place = (source, NONE, 1)
        if place not in known:
            known[place] = functional.relu(inputs)
        layers = self._layers(edge, code)
        result: Tensor = layers(known[place]) if taps is None else layers(known[place], taps)
        return result

    def _passing(self, rest: Tensor, edge: int, edges: Tensor | None) -> Tensor:
        """Return the channels that pass beside the operations of an edge; where it reduces, their maxima of two."""
        passing = rest if self.strides[edge] == 1 else functional.max_pool2d(rest, self.halve, self.halve)
        return passing if edges is None else passing * edges[edge]

    def _joined(self, total: Tensor | None, rest: Tensor | None, like: Tensor) -> Tensor:
        """Return a node: its sum, with the channels that pass; true zeros where nothing enters."""
        down, along = self.halve if self.reduces else (1, 1)
        batch, channels, height, width = like.shape
        size = height // down, width // along
        if total is None:
            total = like.new_zeros((batch, self.width, *size))
        if total.shape[1] == channels:
            return total
        if rest is None:
            rest = like.new_zeros((batch, channels - self.width, *size))
        return self.joined(total, rest)


class NormalisedPool(Pool3):
    """A pool that is normalised, as pools are in the supernet.

    Parameters
    ----------
    pool : Pool3
    width : int
    """

    def __init__(self, pool: Pool3, width: int) -> None:
        nn.Module.__init__(self)
        self.pool, self.norm = pool, Norm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, H, W) to (B, width, H/stride, W/stride)."""
        normed: Tensor = self.norm(self.pool(features))
        return normed


def network_with_normalised_pools(arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int) -> DARTSNetwork:
    """Return the network of a pair of cells that computes what the supernet does: pools are normalised."""
    network = darts_network(arch, recipe, shape, classes)
    for cell in network.modules():
        if isinstance(cell, DARTSCell):
            for edge, block in cell.edges.items():
                if isinstance(block, Pool3):
                    cell.edges[edge] = NormalisedPool(block, cell.last.norm.num_features)
    return network


class DARTSSupernet(nn.Module):
    """All networks of DARTS cells in one.

    Parameters
    ----------
    recipe : Recipe
        Of the table's trainings: `channels`, `cells`, `reduction_cells` and `stem_stride`.
    shape : (C, H, W)
    classes : int
    codes : sequence of int
    partial : int
        Divides `channels`.
    channel_choice : {"first", "random"}
    entangled : bool
        As in `MixedDARTSCell`.

    Raises
    ------
    HarnessError
        If `partial` does not divide the channels.
    """

    alone = staticmethod(network_with_normalised_pools)
    """The network of an architecture by itself."""

    def __init__(
        self,
        recipe: Recipe,
        shape: Shape,
        classes: int,
        *,
        codes: Sequence[int] = range(len(WITH_NONE)),
        partial: int = 1,
        channel_choice: str = "first",
        entangled: bool = False,
    ) -> None:
        super().__init__()
        check_partial(recipe, partial)
        self.entangled = entangled
        geometry = Geometry.of(shape)
        before = last = STEM * recipe.channels
        width, reduces_before = recipe.channels, False
        self.stem = ConvNorm(shape[0], last, 3, geometry, stride=recipe.stem_stride)
        self.cells = nn.ModuleList()
        for reduces in costs.order(recipe.cells, recipe.reduction_cells):
            width *= 2 if reduces else 1
            cell = MixedDARTSCell(
                (before, last), width, geometry, codes=codes, partial=partial, channel_choice=channel_choice,
                reduces=reduces, after_reduction=reduces_before, entangled=entangled,
            )  # fmt: skip
            self.cells.append(cell)
            before, last, reduces_before = last, len(NODES) * width, reduces
        self.head = Classifier(last, classes)
        forget_statistics(self)

    def forward(self, images: Tensor, compute: Callable[[MixedDARTSCell, Tensor, Tensor, slice], Tensor]) -> Tensor:
        """(B, C, H, W) normalised images to (B, classes) logits.

        `compute` says what a cell does with what it reads, and is told which of the 28 edges are its own.
        """
        before = last = self.stem(images)
        for cell in self.cells:
            own = slice(len(EDGES), None) if cell.reduces else slice(len(EDGES))
            before, last = last, compute(cell, before, last, own)  # type: ignore[arg-type]  # torch says Module
        logits: Tensor = self.head(last)
        return logits

    def mixture(
        self,
        images: Tensor,
        weights: Tensor,
        edges: Tensor | None = None,
        kept: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """Return the logits of a mixture, by (28, 8) weights and (28,) of edges; see `MixedDARTSCell.mixture`."""

        def mixed(cell: MixedDARTSCell, before: Tensor, last: Tensor, own: slice) -> Tensor:
            of_edges, those = None if edges is None else edges[own], None if kept is None else kept[own]
            return cell.mixture(before, last, weights[own], of_edges, those)

        logits: Tensor = self(images, mixed)
        return logits

    def on_edges(self, images: Tensor, codes: Sequence[int], gates: Tensor | None = None) -> Tensor:
        """Return the logits of one operation on each of the 28 edges; see `MixedDARTSCell.path`."""
        logits: Tensor = self(
            images,
            lambda cell, before, last, own: cell.path(before, last, codes[own], None if gates is None else gates[own]),
        )
        return logits

    def path(self, images: Tensor, arch: Sequence[int]) -> Tensor:
        """Return the logits of one architecture, 22 genes."""
        return self.on_edges(images, edge_codes(np.array([arch]))[0].tolist())

    def weight_of(self, name: str, arch: Sequence[int]) -> Tensor | None:
        """Return what a parameter of the network of an architecture inherits; None for what a cell normalises by."""
        shared = dict(self.named_parameters())
        before, edges, after = name.partition(".edges.")
        if not edges:
            return shared.get(name)
        place, _, rest = after.partition(".")
        reduces = self.cells[int(before.removeprefix("cells."))].reduces
        genes = np.array([arch[GENES:] if reduces else arch[:GENES]])
        edge = START[NODES[int(place) // 2]] + int(sources(genes)[0, int(place)])
        code = int(on_edges(genes)[0, edge]) - 1
        held = LARGEST.get(code, code) if self.entangled else code
        found = shared.get(f"{before}.edges.{edge}.{OPERATIONS[held]}.{rest}")
        return found if held == code or found is None or "depthwise" not in rest else centre(found, 3)


def build(
    recipe: Recipe,
    shape: Shape,
    classes: int,
    *,
    seed: int,
    codes: Sequence[int] = range(len(WITH_NONE)),
    partial: int = 1,
    channel_choice: str = "first",
    entangled: bool = False,
) -> DARTSSupernet:
    """Return a supernet with the initial weights of a seed, on the CPU, in fp32.

    Weights start as those of networks of their own do (`harness.training.networks.build`).

    Raises
    ------
    HarnessError
        If the images cannot be halved as often as the recipe says, or `partial` does not divide the channels.
    """
    check_halves(recipe, shape)
    with torch.device("meta"):
        supernet = DARTSSupernet(
            recipe, shape, classes, codes=codes, partial=partial, channel_choice=channel_choice, entangled=entangled
        )
    supernet.to_empty(device="cpu")
    networks.initialise(supernet, Member((), seed), NETWORK)
    return supernet
