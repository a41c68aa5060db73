"""The growth of NAS-Bench-101 cells, vertex by vertex."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.growth import Growth
from harness.spaces.nb101.wiring import EDGES, INNER, MOST_EDGES, OPERATIONS, VERTICES, prune

_EDGE_OF = {edge: place for place, edge in enumerate(EDGES)}


class VertexGrowth(Growth):
    """Growth by one inner vertex; the level is the number of vertices after pruning, 2 to 7.

    As a block of a progressive search (Liu et al., "Progressive Neural Architecture Search", ECCV 2018), the new vertex
    is the last before the output: it reads any vertices before it, and feeds the output; what it reads may stop feeding
    the output itself, as a block that is read does there.  Every cell comes from one with a vertex less, that without
    its last inner vertex, whose inputs feed the output where nothing else reads them.
    """

    lowest, highest = 2, VERTICES

    def smallest(self) -> Archs:
        """Return the cell of one edge from input to output, (1, 26)."""
        arch = np.zeros((1, len(EDGES) + INNER), dtype=np.uint8)
        arch[0, _EDGE_OF[0, VERTICES - 1]] = 1
        return arch

    def level(self, archs: Archs) -> IntArray:
        """Return the number of vertices on paths: (n, 26) to (n,) int64."""
        return prune(archs).vertices

    def grow(self, arch: Archs) -> Archs:
        """Return the cells with one vertex more, pruned, of at most nine edges: (26,) to (k, 26).

        The same cell may come with its vertices in another order, as in the space itself.
        """
        cell = prune(np.asarray(arch)[None])
        count, adjacency = int(cell.vertices[0]), cell.adjacency[0]
        if count == VERTICES:
            return np.zeros((0, len(EDGES) + INNER), dtype=np.uint8)
        new = count - 1  # place of the new vertex; the output moves behind it, to the last place of the coding
        feeding = int(adjacency[:new, new] @ (1 << np.arange(new)))  # vertices that feed the output, as bits
        read, loosened = (sets.ravel() for sets in np.meshgrid(np.arange(1, 1 << new), np.arange(1 << new)))
        edges = int(adjacency.sum()) + np.bitwise_count(read) + 1 - np.bitwise_count(loosened)
        good = ((loosened & ~(read & feeding)) == 0) & (edges <= MOST_EDGES)
        read, loosened = read[good], loosened[good]
        children = np.zeros((len(read), len(EDGES) + INNER), dtype=np.uint8)
        for source in range(new):
            for target in range(source + 1, new):
                children[:, _EDGE_OF[source, target]] = adjacency[source, target]
            children[:, _EDGE_OF[source, new]] = read >> source & 1
            children[:, _EDGE_OF[source, VERTICES - 1]] = (feeding & ~loosened) >> source & 1
        children[:, _EDGE_OF[new, VERTICES - 1]] = 1
        children[:, len(EDGES) : len(EDGES) + new - 1] = cell.labels[0, 1:new]
        children = np.repeat(children, len(OPERATIONS), axis=0)
        children[:, len(EDGES) + new - 1] = np.arange(len(children)) % len(OPERATIONS)
        return children
