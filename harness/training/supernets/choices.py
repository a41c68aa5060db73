"""Choices of the spaces that have a supernet of edges: operations, derivations, and how the supernet is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.checks import Archs, FloatArray, IntArray
from harness.spaces import four_nodes
from harness.spaces.darts.cells import EDGES, GENE_NODES, GENES, NODES, START, WITH_NONE, cardinalities
from harness.spaces.nb201.operations import KERNELS, OPERATIONS, POOL
from harness.training.supernets import cells, darts
from harness.training.supernets.costs import EdgeCosts, PathCosts


@dataclass(frozen=True)
class Choices:
    """What a search of a space decides: an operation for each of E edges, of K.

    Attributes
    ----------
    operations : tuple of str
        Names of the codes.
    none, skip : int
        Codes of the operation that gives zeros, and of the one that gives its input.
    pools, learnable : tuple of int
        Codes of pools, and of operations with weights.
    entering : tuple of tuple of int
        Edges that enter each node, in order; all edges of all cells.
    normal : int
        Edges of the normal cell, the first ones.
    keeps : int or None
        Edges into each node that an architecture has, none of them with `none`; None where it has all, and `none` is
        an operation like others.
    derivations : tuple of str
        Names of the rows that `derive` gives.
    derive : callable
        From the weights of operations, (E, K), below 0 where one is left out, and those of edges, (E,) or None, to
        architectures, a row for each derivation.
    genes : tuple of int
        Values of each of L genes; 0 where it holds an operation.
    parts : tuple of (tuple of int, tuple of int)
        Genes that say together what is on some edges, and these edges: independent of all others, genes in order.
    on_edges : callable
        From architectures, (n, L), to the codes on edges, (n, E); below 0 where there is no edge.
    build : callable
        From recipe, shape, classes, and by name `seed`, `codes`, `partial`, `channel_choice` and `entangled` to a
        supernet: a `harness.training.supernets.subnets.Shared` with `mixture` and `on_edges`.
    costs : callable
        From recipe, shape, classes, K of partial channels and by name `entangled` to its multiply-adds: `path`,
        `on_edges`, `mixture_of`, `mixture_by_edge`, `mean`, `expected`.
    """

    operations: tuple[str, ...]
    none: int
    skip: int
    pools: tuple[int, ...]
    learnable: tuple[int, ...]
    entering: tuple[tuple[int, ...], ...]
    normal: int
    keeps: int | None
    derivations: tuple[str, ...]
    derive: Callable[[FloatArray, FloatArray | None], Archs]
    genes: tuple[int, ...]
    parts: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    on_edges: Callable[[Archs], Archs]
    build: Callable[..., Any]
    costs: Callable[..., Any]

    @property
    def edges(self) -> int:
        """E, of all cells."""
        return sum(map(len, self.entering))

    def held(self, codes: Sequence[int]) -> tuple[int, ...]:
        """Return those of some operations that an architecture may hold."""
        return tuple(code for code in codes if self.keeps is None or code != self.none)

    def counts(self, codes: Sequence[int]) -> IntArray:
        """Return how many values each gene may have where operations are these: (L,)."""
        return np.array([count or len(self.held(codes)) for count in self.genes], dtype=np.int64)

    def decoded(self, codes: Sequence[int], places: Archs) -> Archs:
        """Return architectures from the places of their genes among `counts`: (n, L) to (n, L) uint8."""
        archs = places.astype(np.uint8)
        operations = [gene for gene, count in enumerate(self.genes) if not count]
        archs[:, operations] = np.array(self.held(codes), dtype=np.uint8)[places[:, operations]]
        return archs

    def draw(self, codes: Sequence[int], count: int, rng: np.random.Generator) -> Archs:
        """Draw architectures with these operations uniformly: (count, L)."""
        return self.decoded(codes, rng.integers(0, self.counts(codes), size=(count, len(self.genes))))

    def fair(self, codes: Sequence[int], rng: np.random.Generator) -> Archs:
        """Draw as many architectures as there are operations, each once on each edge that they have: (K, L).

        They are on the same edges, which are drawn where an architecture does not have all.
        """
        some = len(self.held(codes))
        genes = [np.full(some, rng.integers(count)) if count else rng.permutation(some) for count in self.genes]
        return self.decoded(codes, np.stack(genes, axis=1))

    def likeliest(self, logs: FloatArray, codes: Sequence[int], count: int) -> Archs:
        """Return the architectures with these operations of the largest products of weights, best first.

        Parameters
        ----------
        logs : (E, K)
            Logarithms of the weights of operations; edges that an architecture does not have count nothing.
        codes : sequence of int
        count : int

        Returns
        -------
        (at most `count`, L) uint8
        """
        counts, options, worth = self.counts(codes), list[Archs](), list[FloatArray]()
        for genes, edges in self.parts:
            values = np.indices(tuple(counts[list(genes)])).reshape(len(genes), -1).T
            places = np.zeros((len(values), len(self.genes)), dtype=np.int64)
            places[:, genes] = values
            archs = self.decoded(codes, places)
            on_edges = self.on_edges(archs)[:, edges].astype(np.int64)
            worth.append(np.where(on_edges < 0, 0.0, logs[list(edges), on_edges]).sum(1))
            options.append(archs[:, genes])
        chosen = largest_sums(worth, count)
        return np.concatenate([values[row] for values, row in zip(options, chosen.T, strict=True)], axis=1)

    def shares(self, archs: Archs, p: FloatArray) -> FloatArray:
        """Return how likely each operation is on each edge, none where an architecture does not have the edge.

        Parameters
        ----------
        archs : (n, L)
        p : (n,)
            Their probabilities.

        Returns
        -------
        (E, K) float64
        """
        codes = self.on_edges(archs)
        codes = np.where(codes < 0, self.none, codes)
        return np.stack([np.bincount(edge, p, minlength=len(self.operations)) for edge in codes.T])

    def skips(self, arch: Archs) -> int:
        """Count the skips of the normal cell of an architecture, (L,)."""
        return int(np.count_nonzero(self.on_edges(arch[None])[0, : self.normal] == self.skip))


def _nb201_derived(probabilities: FloatArray, _: FloatArray | None) -> Archs:
    """Return the strongest operation of each edge, with none and without: (2, 6)."""
    some = probabilities.copy()
    some[:, four_nodes.NONE] = -2
    return np.stack([probabilities.argmax(1), some.argmax(1)])


def largest_sums(rows: Sequence[FloatArray], count: int) -> IntArray:
    """Return which numbers of each row are in the largest sums of one of each, best first: (at most `count`, rows).

    One row after another: what is not among the best of some rows is not among them with more.

    Examples
    --------
    >>> largest_sums(np.log([[0.6, 0.4], [0.9, 0.1]]), 3).tolist()
    [[0, 0], [1, 0], [0, 1]]
    """
    places, sums = np.empty((1, 0), dtype=np.int64), np.zeros(1)
    for row in rows:
        totals = (sums[:, None] + row).ravel()
        order = np.argsort(-totals, kind="stable")[:count]
        places = np.column_stack([places[order // len(row)], order % len(row)])
        sums = totals[order]
    return places


def _darts_parts() -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Return the genes of each node, and the edges that enter it, of the normal and of the reduction cell."""
    return tuple(
        (
            tuple(cell * GENES + gene for gene, of in enumerate(GENE_NODES) if of == node),
            tuple(range(cell * len(EDGES) + START[node], cell * len(EDGES) + START[node] + node)),
        )
        for cell in (0, 1)
        for node in NODES
    )


CHOICES: Mapping[str, Choices] = {
    "nb201": Choices(
        operations=OPERATIONS,
        none=four_nodes.NONE,
        skip=four_nodes.SKIP,
        pools=(POOL,),
        learnable=tuple(KERNELS),
        entering=cells.ENTERING[1:],
        normal=len(four_nodes.EDGES),
        keeps=None,
        derivations=("argmax", "argmax without none"),
        derive=_nb201_derived,
        genes=(0,) * len(four_nodes.EDGES),
        parts=tuple(((edge,), (edge,)) for edge in range(len(four_nodes.EDGES))),
        on_edges=np.asarray,
        build=cells.build,
        costs=PathCosts.of,
    ),
    "darts": Choices(
        operations=WITH_NONE,
        none=darts.NONE,
        skip=darts.SKIP,
        pools=tuple(darts.POOLS),
        learnable=tuple(code for code, name in enumerate(WITH_NONE) if "conv" in name),
        entering=tuple(edges for _, edges in _darts_parts()),
        normal=len(EDGES),
        keeps=2,
        derivations=("two edges a node",),
        derive=darts.derived,
        genes=cardinalities(0) * 2,
        parts=_darts_parts(),
        on_edges=darts.edge_codes,
        build=darts.build,
        costs=EdgeCosts.of,
    ),
}
"""Choices by name of the space."""
