"""Graphs of architectures, for kernels and graph networks: labelled nodes and directed edges, many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, IntArray, read_only
from harness.errors import HarnessError, must


@dataclass(frozen=True)
class GraphBatch:
    """Directed acyclic graphs of n architectures on V places for nodes; an edge leads to a later place.

    Attributes
    ----------
    adjacency : (n, V, V) bool
        ``[:, i, j]`` is the edge from i to j; none where a place has no node.
    kinds : (n, V) int64
        What each node is, an index into `labels`; 0 where a place has no node.
    mask : (n, V) bool
        Which places have a node.
    labels : tuple of str
        Names of the kinds.  A part before ``:`` says to which of several cells a node belongs.

    Raises
    ------
    HarnessError
        If the shapes do not belong together.

    Examples
    --------
    >>> path = GraphBatch(np.eye(3, k=1, dtype=bool)[None], np.array([[0, 2, 1]]), np.ones((1, 3), dtype=bool),
    ...                   ("input", "output", "conv"))
    >>> path.edges(0)
    [('input', 'conv'), ('conv', 'output')]
    """

    adjacency: BoolArray
    kinds: IntArray
    mask: BoolArray
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        n, places = self.mask.shape
        if self.adjacency.shape != (n, places, places) or self.kinds.shape != (n, places):
            shapes = self.adjacency.shape, self.kinds.shape
            raise HarnessError(must("adjacency and kinds", f"be for {n} graphs of {places} places", shapes))
        for name in ("adjacency", "kinds", "mask"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, rows: npt.NDArray[np.integer] | Sequence[int] | slice) -> GraphBatch:
        """Return some of the graphs."""
        return GraphBatch(self.adjacency[rows], self.kinds[rows], self.mask[rows], self.labels)

    def edges(self, row: int) -> list[tuple[str, str]]:
        """Return the edges of one graph as labels of source and target, by place: for people and tests."""
        names = [self.labels[kind] for kind in self.kinds[row]]
        return [(names[source], names[target]) for source, target in np.argwhere(self.adjacency[row])]


def of_fixed_wiring(wired: BoolArray, kinds: IntArray, labels: Sequence[str]) -> GraphBatch:
    """Return graphs that differ in their nodes alone: (V, V), (n, V); the adjacency is held once."""
    adjacency = np.broadcast_to(wired, (len(kinds), *wired.shape))
    return GraphBatch(adjacency, kinds, np.ones(kinds.shape, dtype=bool), tuple(labels))


def chain(archs: Archs, cardinalities: IntArray, labels: Sequence[str]) -> GraphBatch:
    """Return the genes of each architecture one after the other, a kind for each value of each gene: (n, L)."""
    kinds = archs.astype(np.int64) + (np.cumsum(cardinalities) - cardinalities)
    return of_fixed_wiring(np.eye(archs.shape[1], k=1, dtype=bool), kinds, labels)


def reduced(
    graph: GraphBatch,
    removed: Sequence[str] = ("none",),
    joined: Sequence[str] = ("skip_connect",),
    *,
    to_fixed_point: bool = False,
) -> GraphBatch:
    """Leave out nodes that do nothing, as NAS-BOWL does before it compares graphs.

    Ru, Wan, Dong & Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with
    Weisfeiler-Lehman Kernels", ICLR 2021.  First the nodes of `removed` go; then those of `joined`, whose predecessors
    get edges to their successors; then nodes that nothing enters or that lead nowhere.  Inputs and outputs, which are
    the nodes of which `graph` says so itself, stay.

    Departs from the authors' code: where one joined node follows another, the path through both stays; there, edges are
    collected from the whole graph before any node goes, so that such a path is lost.  An input that leads nowhere, and
    an output that nothing enters, go there, so that a cell of constant output has no node left.

    Parameters
    ----------
    graph : GraphBatch
    removed, joined : sequence of str
        Labels, with or without the part before ``:``; labels that no node has change nothing.
    to_fixed_point : bool
        Whether nodes are removed until none is left that nothing enters or that leads nowhere.  The authors look once,
        so a node may stay that hung on one that went.

    Returns
    -------
    GraphBatch
        Nodes keep their places.
    """
    drop, join = (
        np.array([bool({label, label.rpartition(":")[2]}.intersection(names)) for label in graph.labels])[graph.kinds]
        & graph.mask
        for names in (removed, joined)
    )
    between = graph.adjacency.any(axis=1) & graph.adjacency.any(axis=2)
    mask = graph.mask & ~drop
    adjacency = graph.adjacency & mask[:, :, None] & mask[:, None, :]
    for place in np.flatnonzero(join.any(axis=0)):
        rows = np.flatnonzero(join[:, place])
        before, after = adjacency[rows, :, place], adjacency[rows, place]
        adjacency[rows] |= before[:, :, None] & after[:, None, :]
        mask[rows, place] = False
        adjacency[rows, :, place] = False
        adjacency[rows, place] = False
    while True:
        dead = mask & between & ~(adjacency.any(axis=1) & adjacency.any(axis=2))
        mask = mask & ~dead
        adjacency &= mask[:, :, None] & mask[:, None, :]
        if not to_fixed_point or not dead.any():
            return GraphBatch(adjacency, np.where(mask, graph.kinds, 0), mask, graph.labels)
