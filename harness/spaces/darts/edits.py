"""One edge of a DARTS cell that starts at another node: the edits of `DARTSSpace.mutate` and `.neighbours`."""

from __future__ import annotations

import math

import numpy as np

from harness.checks import Archs, read_only
from harness.spaces.darts.cells import GENES, NODES, PAIR_GENES, PAIRS, Codes

EDGE_MOVES = math.lcm(*(node - 2 for node in PAIR_GENES))
"""Rows for each edge in `MOVES`: an edge into node k has k - 2 other starts, and a uniform row is a uniform edge."""


def _outcomes() -> Codes:
    """Return the new pair code, and whether the operations trade places, by node, pair, edge and new start."""
    last = NODES[-1]
    table = np.zeros((last + 1, len(PAIRS[last]), 2, last - 2, 2), dtype=np.intp)
    for node in PAIR_GENES:
        for code, pair in enumerate(PAIRS[node]):
            for edge in (0, 1):
                starts = [start for start in range(node) if start not in pair]
                for move, start in enumerate(starts):
                    ends = (start, pair[1]) if edge == 0 else (pair[0], start)
                    table[node, code, edge, move] = PAIRS[node].index((min(ends), max(ends))), ends[0] > ends[1]
    return read_only(table)


MOVES: Codes = read_only(
    np.array(
        [
            (cell * GENES + gene, node, edge, move % (node - 2))
            for cell in (0, 1)
            for node, gene in PAIR_GENES.items()
            for edge in (0, 1)
            for move in range(EDGE_MOVES)
        ],
        dtype=np.intp,
    )
)
"""(72, 4): pair gene, its node, which of its two edges moves, and to which of the starts left."""
DISTINCT_MOVES = read_only(np.unique(MOVES, axis=0))
"""(24, 4): the moves, each once."""
_OUTCOMES = _outcomes()


def move_edges(archs: Archs, moves: Codes) -> Archs:
    """Let one edge of each row start elsewhere, with its operation: (n, 22), (n, 4) to (n, 22)."""
    moved = archs.copy()
    rows = np.arange(len(archs))
    genes, node, edge, start = moves.T
    pairs, swapped = _OUTCOMES[node, archs[rows, genes], edge, start].T
    first, second = archs[rows, genes + 1], archs[rows, genes + 2]
    moved[rows, genes] = pairs
    moved[rows, genes + 1] = np.where(swapped, second, first)
    moved[rows, genes + 2] = np.where(swapped, first, second)
    return moved
