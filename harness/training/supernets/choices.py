"""Choices of the spaces that have a supernet of edges: operations, derivations, and how the supernet is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.checks import Archs, FloatArray
from harness.spaces import four_nodes
from harness.spaces.darts.cells import EDGES, NODES, OPERATION_GENES, START, WITH_NONE, cardinalities
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
    draw : callable
        From codes, a number and a generator to so many architectures, uniform over these operations on each edge.
    on_edges : callable
        From architectures, (n, L), to the codes on edges, (n, E); below 0 where there is no edge.
    build : callable
        From recipe, shape, classes, and by name `seed`, `codes`, `partial`, `channel_choice` and `entangled` to a
        supernet: a `harness.training.supernets.subnets.Shared` with `mixture` and `on_edges`.
    costs : callable
        From recipe, shape, classes, K of partial channels and by name `entangled` to its multiply-adds: `path`,
        `on_edges`, `mixture_of`, `mixture_by_edge`, `mean`, `expected`.
    statistics : tuple of str
        Treatments of batch normalisation by which subnets can be evaluated.
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
    draw: Callable[[Sequence[int], int, np.random.Generator], Archs]
    on_edges: Callable[[Archs], Archs]
    build: Callable[..., Any]
    costs: Callable[..., Any]
    statistics: tuple[str, ...] = ("batch", "recalibrated")

    @property
    def edges(self) -> int:
        """E, of all cells."""
        return sum(map(len, self.entering))

    def skips(self, arch: Archs) -> int:
        """Count the skips of the normal cell of an architecture, (L,)."""
        return int(np.count_nonzero(self.on_edges(arch[None])[0, : self.normal] == self.skip))


def _nb201_derived(probabilities: FloatArray, _: FloatArray | None) -> Archs:
    """Return the strongest operation of each edge, with none and without: (2, 6)."""
    some = probabilities.copy()
    some[:, four_nodes.NONE] = -2
    return np.stack([probabilities.argmax(1), some.argmax(1)])


def _nb201_draw(codes: Sequence[int], count: int, rng: np.random.Generator) -> Archs:
    return np.array(codes, dtype=np.uint8)[rng.integers(len(codes), size=(count, len(four_nodes.EDGES)))]


def _darts_draw(codes: Sequence[int], count: int, rng: np.random.Generator) -> Archs:
    """Draw two edges into each node, and operations but none on them."""
    some = np.array([code for code in codes if code != darts.NONE], dtype=np.uint8)
    counts = np.array(cardinalities(len(some)) * 2)
    archs = rng.integers(0, counts, size=(count, len(counts))).astype(np.uint8)
    genes = [cell + gene for cell in (0, len(counts) // 2) for gene in OPERATION_GENES]
    archs[:, genes] = some[archs[:, genes]]
    return archs


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
        draw=_nb201_draw,
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
        entering=tuple(
            tuple(range(first + START[node], first + START[node] + node)) for first in (0, len(EDGES)) for node in NODES
        ),
        normal=len(EDGES),
        keeps=2,
        derivations=("two edges a node",),
        derive=darts.derived,
        draw=_darts_draw,
        on_edges=darts.edge_codes,
        build=darts.build,
        costs=EdgeCosts.of,
        statistics=("batch",),  # pools are normalised in the supernet alone
    ),
}
"""Choices by name of the space."""
