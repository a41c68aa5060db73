"""The growth of NAS-Bench-Graph networks, node by node."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray, read_only
from harness.growth import Growth
from harness.spaces.graph.links import LINKS, NODES


class NodeGrowth(Growth):
    """Growth of one node from a skip to another operation; the level is the number of nodes that are no skips, 1 to 4.

    Links stay as they are.

    Parameters
    ----------
    operations : int
        Number of codes of an operation.
    skip : int
        Code of a skip.
    """

    lowest, highest = 1, NODES

    def __init__(self, operations: int, skip: int) -> None:
        self._skip = skip
        self._others = read_only(np.delete(np.arange(operations, dtype=np.uint8), skip))

    def smallest(self) -> Archs:
        """Return the networks of one computing node, at any place under any link: (k, 5)."""
        links = np.repeat(np.arange(len(LINKS), dtype=np.uint8), NODES * len(self._others))
        archs = np.full((len(links), 1 + NODES), self._skip, dtype=np.uint8)
        archs[:, 0] = links
        nodes = np.tile(np.repeat(np.arange(NODES), len(self._others)), len(LINKS))
        archs[np.arange(len(archs)), 1 + nodes] = np.resize(self._others, len(archs))
        return archs

    def level(self, archs: Archs) -> IntArray:
        """Return the number of nodes that are no skips: (n, 5) to (n,) int64."""
        levels: IntArray = np.count_nonzero(np.asarray(archs)[:, 1:] != self._skip, axis=1)
        return levels

    def grow(self, arch: Archs) -> Archs:
        """Return the networks with one skip replaced, by node: (5,) to (k, 5)."""
        free = np.flatnonzero(np.asarray(arch)[1:] == self._skip)
        children: Archs = np.repeat(np.asarray(arch)[None], len(free) * len(self._others), axis=0)
        children[np.arange(len(children)), 1 + np.repeat(free, len(self._others))] = np.resize(
            self._others, len(children)
        )
        return children
