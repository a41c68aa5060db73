"""DARTS cells as features: what stands on which edge, and which operation sequences lead to a node."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray
from harness.spaces import graf
from harness.spaces.darts.cells import EDGES, NODES, OPERATION_GENES, on_edges, sources

_MOST_PATHS = 5
"""From one input to one node: 1, 2, 3, 5 to nodes 2 to 5 at most, as every node reads two different ones."""


def adjacency(cells: Archs, operations: int) -> FloatArray:
    """Return 14 indicators of edges, then those of the o operations for each edge: (n, 11) to (n, 14 + 14 o)."""
    codes = on_edges(cells)
    named = codes[:, :, None] == np.arange(1, operations + 1)
    return np.concatenate([codes > 0, named.reshape(len(cells), -1)], axis=1).astype(np.float64)


def paths(cells: Archs, longest: int, base: int) -> FloatArray:
    """Return for each input which sequences of up to `longest` operations start there: (n, 11) to (n, 2 p).

    p is base + … + base**longest, with as many operations as `base`.  Sequences are numbered in bijective base: by
    length, then by operation, the one next to the input first.
    """
    count = sum(base**length for length in range(1, longest + 1))
    out = np.zeros((len(cells), 2 * count))
    into = sources(cells)
    operations = cells[:, OPERATION_GENES].astype(np.intp) + 1
    everyone = np.arange(len(cells))
    for entry in (0, 1):
        ways = np.full((len(cells), NODES[-1] + 1, _MOST_PATHS), -1, dtype=np.intp)  # sequence numbers; -1 = none
        ways[:, entry, 0] = 0
        for edge, node in enumerate(np.repeat(NODES, 2)):
            before = ways[everyone, into[:, edge]]
            longer = np.where(before >= 0, before * base + operations[:, edge, None], -1)
            known = ways[:, node]
            ways[:, node] = -np.sort(-np.concatenate([known, longer], axis=1), axis=1)[:, :_MOST_PATHS]
        numbers = ways[:, NODES[0] :].reshape(len(cells), -1)
        rows, columns = np.nonzero((numbers > 0) & (numbers <= count))
        out[rows, entry * count + numbers[rows, columns] - 1] = 1.0
    return out


def graph_features(cells: Archs, operations: int) -> FloatArray:
    """Return the neural graph features, see `graf.of_edges`: (n, 11) to (n, o + 7 (2**o - 1)).

    There are two inputs, and the output reads every node.
    """
    return graf.of_edges(on_edges(cells) - 1, EDGES, operations, inputs=(0, 1), outputs=NODES)
