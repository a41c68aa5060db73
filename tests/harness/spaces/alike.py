"""Numbers of graphs that do not depend on the order of their nodes."""

from __future__ import annotations

import numpy as np

from harness.checks import UInt64Array
from harness.graphs import GraphBatch
from harness.seeding import mix64


def fingerprints(graph: GraphBatch) -> UInt64Array:
    """Return the same number for isomorphic graphs, by colour refinement over predecessors and successors: (n,)."""
    wired = graph.adjacency.astype(np.uint64)
    colours = mix64(graph.kinds.astype(np.uint64) + np.uint64(1))
    for _ in range(graph.mask.shape[1]):
        before = mix64((wired.swapaxes(1, 2) @ mix64(colours)[:, :, None])[:, :, 0] + np.uint64(2))
        after = mix64((wired @ mix64(colours)[:, :, None])[:, :, 0] + np.uint64(3))
        colours = mix64(colours ^ mix64(before ^ mix64(after)))
    return np.where(graph.mask, mix64(colours), np.uint64(0)).sum(axis=1, dtype=np.uint64)


def same_partition(a: UInt64Array, b: UInt64Array) -> bool:
    """Say whether two numberings have the same classes."""
    pairs = len(np.unique(np.stack([a, b]), axis=1).T)
    return pairs == len(np.unique(a)) == len(np.unique(b))
