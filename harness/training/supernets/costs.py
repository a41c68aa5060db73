"""Multiply-adds of supernets, per item, in the closed form of the space.

An operation of a mixture costs what it costs in a cell, so that M(a) of a cell, of a mixture and of the mean cell are
sums of the same parts.  A backward pass counts as two forward ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from harness.checks import Archs, FloatArray, IntArray
from harness.spaces import layers
from harness.spaces.darts import cells
from harness.spaces.four_nodes import EDGES
from harness.spaces.layers import Shape
from harness.spaces.nats_size.skeleton import CELLS, channels
from harness.spaces.nb201 import costs
from harness.spaces.nb201.operations import KERNELS, OPERATIONS
from harness.training import networks
from harness.training.recipe import Recipe

TRAINING_STEP = 3
"""Forward passes that a forward and a backward pass count as."""


@dataclass(frozen=True)
class NetworkCosts:
    """Multiply-adds of one forward pass of one item, of subnets that cost what their networks do.

    Attributes
    ----------
    network : str
        One of `harness.training.networks.KINDS`.
    recipe : Recipe
    shape : (C, H, W)
    classes : int
    """

    network: str
    recipe: Recipe
    shape: Shape
    classes: int

    def paths(self, archs: Archs) -> IntArray:
        """Return those of architectures: (n, L) to (n,)."""
        return networks.cost(self.network, archs, self.recipe, self.shape, self.classes).macs

    def path(self, arch: Sequence[int]) -> float:
        """Return those of one architecture."""
        return float(self.paths(np.asarray(arch)[None])[0])


@dataclass(frozen=True)
class SizeCosts(NetworkCosts):
    """Those of the size space, where a mixture has both kinds of skips in cells that can change the width."""

    def mixture(self, arch: Sequence[int]) -> float:
        """Return those of a mixture of which these are the largest widths; masks and stretching count as nothing."""
        widths, geometry = channels(np.asarray(arch)).tolist(), layers.Geometry.of(self.shape)
        macs = self.path(arch)
        for (before, after), places in zip(CELLS, geometry.positions(self.shape, len(CELLS)), strict=True):
            if before != after and widths[before] == widths[after]:
                macs += float(layers.conv_norm(widths[before], widths[after], 1, places).macs)
        return macs


@dataclass(frozen=True)
class PathCosts:
    """Multiply-adds of one forward pass of one item.

    Attributes
    ----------
    base : int
        Of stem, reductions and head: what every cell shares.
    operations : tuple of int
        Of each operation on one edge, in all cells of the network.
    partial : int
        K of partial channels, which leave 1/K^2 of an operation.
    entangled : bool
        Whether a mixture convolves once on an edge, with the widest of its kernels.

    Examples
    --------
    >>> micro = Recipe("micro", epochs=10, channels=12, cells=1, reduction="pool")
    >>> found = PathCosts.of(micro, (1, 1, 40), 10)
    >>> found.base, found.mixture, found.mean, found.path((3, 0, 3, 1, 0, 1))
    (19210, 986890.0, 212746.0, 261130.0)
    """

    base: int
    operations: tuple[int, ...]
    partial: int = 1
    entangled: bool = False

    @classmethod
    def of(cls, recipe: Recipe, shape: Shape, classes: int, partial: int = 1, *, entangled: bool = False) -> PathCosts:
        """Return the costs of a table's network."""
        alike = np.repeat(np.arange(len(OPERATIONS)), len(EDGES)).reshape(len(OPERATIONS), len(EDGES))
        macs = costs.cost(
            alike,
            classes=classes,
            shape=shape,
            channels=recipe.channels,
            cells=recipe.cells,
            reduction=recipe.reduction,
        ).macs
        base = int(macs[0])
        return cls(base, tuple(int(part) for part in (macs - base) // len(EDGES)), partial, entangled)

    def _with(self, edges: float) -> float:
        return self.base + edges / self.partial**2

    @property
    def mixture(self) -> float:
        """Of all operations on all edges."""
        return self.mixture_of(range(len(OPERATIONS)))

    def mixture_of(self, codes: Sequence[int]) -> float:
        """Of some operations on all edges."""
        return self.mixture_by_edge([codes] * len(EDGES))

    def mixture_by_edge(self, kept: Sequence[Sequence[int]]) -> float:
        """Of the operations of each edge, which are other ones on each: 6 sequences."""
        return self._with(sum(self._mixed(codes) for codes in kept))

    def _mixed(self, codes: Sequence[int]) -> int:
        """Of operations on one edge."""
        apart = [self.operations[code] for code in codes if not (self.entangled and code in KERNELS)]
        together = [self.operations[code] for code in codes if self.entangled and code in KERNELS]
        return sum(apart) + max(together, default=0)

    @property
    def mean(self) -> float:
        """Of a cell drawn uniformly."""
        return self._with(len(EDGES) * sum(self.operations) / len(OPERATIONS))

    def expected(self, weights: Tensor) -> Tensor:
        """Of the cell whose operations have weights: (6, 5) to (), differentiable.

        With weights that are probabilities it is the expectation: of two operations that cost 1 and 3, at (1/2, 1/2),
        it is 2, and its gradient in the logits is (-1/2, 1/2).
        """
        return self.base + (weights * (weights.new_tensor(self.operations) / self.partial**2)).sum()

    def path(self, arch: Sequence[int]) -> float:
        """Of one cell, dead edges included."""
        return self._with(sum(self.operations[int(code)] for code in arch))

    on_edges = path


@dataclass(frozen=True, eq=False)
class EdgeCosts:
    """Multiply-adds of one forward pass of one item, of networks of DARTS cells.

    Attributes
    ----------
    base : int
        Of stem, what cells read, and head.
    operations : (28, 8) int64
        Of each operation on each edge, in all cells of the network, on its share of the channels.
    entangled : bool
        Whether a mixture has one of two convolutions with kernels of 3 and 5, the larger.
    """

    base: int
    operations: IntArray
    entangled: bool = False

    @classmethod
    def of(cls, recipe: Recipe, shape: Shape, classes: int, partial: int = 1, *, entangled: bool = False) -> EdgeCosts:
        """Return the costs of a table's network; operations see one in `partial` of the channels."""
        edges, pool = len(cells.EDGES), 1 + cells.OPERATIONS.index("max_pool_3x3")
        codes = np.zeros((edges, len(cells.OPERATIONS), edges), dtype=np.intp)
        for edge, (source, target) in enumerate(cells.EDGES):
            for node in cells.NODES:
                others = [place for place in range(node) if (place, node) != (source, target)]
                pair = [source, others[0]] if node == target else others[:2]
                codes[edge, :, [cells.START[node] + place for place in pair]] = pool
            codes[edge, :, edge] = 1 + np.arange(len(cells.OPERATIONS))
        genes = cells.from_edges(codes).reshape(-1, cells.GENES)
        plain = np.repeat(genes[:1], len(genes), axis=0)  # pools alone, which cost nothing
        archs = np.concatenate([np.concatenate(pair, axis=1) for pair in ((genes, plain), (plain, genes))])
        share = recipe.but(channels=recipe.channels // partial)
        found = networks.cost("darts", archs, share, shape, classes).macs
        base = networks.cost("darts", np.concatenate([plain[:1], plain[:1]], axis=1), recipe, shape, classes).macs
        operations = (found - found[0]).reshape(2 * edges, len(cells.OPERATIONS))
        return cls(int(base[0]), np.pad(operations, ((0, 0), (0, 1))), entangled)

    @property
    def _chances(self) -> FloatArray:
        """Of each edge, to be one of two that enter its node: (28, 1)."""
        return np.tile([[2 / target] for _, target in cells.EDGES], (2, 1))

    @property
    def mean(self) -> float:
        """Of a pair of cells drawn uniformly."""
        some = self.operations[:, : len(cells.OPERATIONS)]
        return float(self.base + (self._chances * some).sum() / len(cells.OPERATIONS))

    def expected(self, weights: Tensor) -> Tensor:
        """Of the cells that operations with weights lead to: (28, 8) to (), differentiable.

        The expectation over two edges into each node, all pairs being as likely, with operations by their shares of
        the weights of the edge but that of none, which no cell has.
        """
        some = weights[:, : len(cells.OPERATIONS)]
        shares = some / some.sum(-1, keepdim=True).clamp_min(1e-12)
        costs = weights.new_tensor(self._chances * self.operations[:, : len(cells.OPERATIONS)])
        return self.base + (shares * costs).sum()

    def mixture_of(self, codes: Sequence[int]) -> float:
        """Of some operations on all edges."""
        return self.mixture_by_edge([codes] * len(self.operations))

    def mixture_by_edge(self, kept: Sequence[Sequence[int]]) -> float:
        """Of the operations of each edge, which are other ones on each: 28 sequences."""
        if self.entangled:
            kept = [[code for code in codes if cells.LARGEST.get(code) not in codes] for codes in kept]
        return float(
            self.base + sum(int(row[list(codes)].sum()) for row, codes in zip(self.operations, kept, strict=True))
        )

    def on_edges(self, codes: Sequence[int]) -> float:
        """Of one operation on each edge; below 0 where there is none."""
        return float(self.base + sum(int(self.operations[edge, code]) for edge, code in enumerate(codes) if code >= 0))

    def path(self, arch: Sequence[int]) -> float:
        """Of one architecture, 22 genes."""
        there = cells.on_edges(np.asarray(arch).reshape(2, cells.GENES)).reshape(-1) - 1
        return self.on_edges(there.tolist())
