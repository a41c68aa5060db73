"""Encodings of NAS-Bench-101 cells for learners."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from harness.checks import Archs, FloatArray
from harness.spaces import graf
from harness.spaces.nb101.wiring import EDGES, INPUT, OPERATIONS, OUTPUT, VERTICES, prune

TRUNCATED = 3
"""Operations of the longest path of the truncated encoding: 1 + 3 + 9 + 27 = 40 paths."""
GRAPH_SHAPE = (VERTICES, 2 + len(OPERATIONS))


def paths(archs: Archs, longest: int) -> FloatArray:
    """Say which operation sequences of at most `longest` lead from input to output: (n, 26) to (n, d)."""
    starts = np.cumsum([0, *(len(OPERATIONS) ** length for length in range(longest + 1))])
    out = np.zeros((len(archs), int(starts[-1])))
    gene = {edge: place for place, edge in enumerate(EDGES)}
    for length in range(longest + 1):
        for inner in combinations(range(1, VERTICES - 1), length):
            steps = [gene[step] for step in pairwise((0, *inner, VERTICES - 1))]
            rows = np.flatnonzero(archs[:, steps].all(axis=1))
            operations = archs[rows][:, [len(EDGES) + vertex - 1 for vertex in inner]].astype(np.intp)
            places = len(OPERATIONS) ** np.arange(length, dtype=np.intp)[::-1]
            out[rows, starts[length] + operations @ places] = 1.0
    return out


def graph(archs: Archs) -> FloatArray:
    """Return the pruned adjacency (49) and the indicators of each vertex (35): (n, 26) to (n, 84)."""
    pruned = prune(archs)
    kinds = np.array([INPUT, OUTPUT, *range(len(OPERATIONS))])
    labels = pruned.labels[:, :, None] == kinds
    parts = [pruned.adjacency.reshape(len(archs), -1), labels.reshape(len(archs), -1)]
    return np.concatenate(parts, axis=1).astype(np.float64)


def graph_features(archs: Archs) -> FloatArray:
    """Return the neural graph features of pruned cells, see `graf.of_vertices`: (n, 26) to (n, 52)."""
    pruned = prune(archs)
    codes = np.maximum(pruned.labels.astype(np.intp), -1)  # input, output and absent are below 0
    return graf.of_vertices(pruned.adjacency, codes, pruned.vertices, len(OPERATIONS))
