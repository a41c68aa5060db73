"""Links of NAS-Bench-Graph: the trees of four computing nodes, their canonical numbers, adjacency and paths."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations, product

import numpy as np

from harness.checks import FloatArray, IntArray, read_only

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
NODES = 4
LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
"""Parents of the four nodes (0 = raw input, k = node k); the index is the link code."""


def _relabel(link: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return the link code and the order of the old nodes that make a link canonical."""
    for order in permutations(range(NODES)):
        new_number = {0: 0} | {old + 1: new + 1 for new, old in enumerate(order)}
        renamed = tuple(new_number[link[old]] for old in order)
        if renamed in LINKS:
            return LINKS.index(renamed), order
    raise AssertionError(f"{link} has no canonical form")


RELABELLED: Mapping[tuple[int, ...], tuple[int, tuple[int, ...]]] = {
    link: _relabel(link) for link in product(*(range(node + 1) for node in range(NODES)))
}
"""For each of the 24 possible links, its link code and the order in which its nodes take the canonical places."""


def _wired() -> tuple[FloatArray, IntArray]:
    """Return, by link code, the adjacency (9, 6, 6) and the nodes of each path to a leaf (9, 4, 4), -1 elsewhere."""
    adjacency = np.zeros((len(LINKS), NODES + 2, NODES + 2))
    paths = np.full((len(LINKS), NODES, NODES), -1)
    for code, link in enumerate(LINKS):
        for node, parent in enumerate(link, start=1):
            adjacency[code, parent, node] = 1.0
        leaves = sorted(set(range(1, NODES + 1)) - set(link))
        for slot, leaf in enumerate(leaves):
            adjacency[code, leaf, NODES + 1] = 1.0
            path = [leaf]
            while link[path[0] - 1]:
                path.insert(0, link[path[0] - 1])
            paths[code, slot, : len(path)] = [node - 1 for node in path]
    return read_only(adjacency), read_only(paths)


ADJACENCY, PATHS = _wired()
"""By link code, the adjacency of input, nodes and output, and the nodes of each path to a leaf; see `_wired`."""
