"""Cells of NAS-Bench-ASR as genes: operations of the nodes, skips between them, and the published vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.checks import Archs, BoolArray
from harness.errors import HarnessError, must

OPERATIONS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
ZERO = OPERATIONS.index("zero")
NODES = 3
SHAPE = (6, 2, 6, 2, 2, 6, 2, 2, 2)
"""For each node its operation, then whether the input and each earlier node skip to the node after it."""
STARTS = (0, 2, 5)
"""Where the genes of each node begin."""
GENE_NODES = (0, 0, 1, 1, 1, 2, 2, 2, 2)
"""Node of each gene: its operation, and the skips over it."""
RULE = "read '[[op, b], [op, b, b], [op, b, b, b]]' with op in 0..5 and b in 0, 1, or be a published hash"


def edges_of(arch: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the edges of a cell; vertices are the input 0, the nodes 1 to 3 and the output 4."""
    yield from ((vertex, vertex + 1) for vertex in range(NODES + 1))
    for node, start in enumerate(STARTS):
        yield from ((source, node + 2) for source in range(node + 1) if arch[start + 1 + source])


def adjacency(archs: Archs) -> BoolArray:
    """Return the edges of `edges_of` for many cells: (n, 9) to (n, 5, 5) bool."""
    wired = np.zeros((len(archs), NODES + 2, NODES + 2), dtype=bool)
    wired[:, range(NODES + 1), range(1, NODES + 2)] = True
    for node, start in enumerate(STARTS):
        wired[:, : node + 1, node + 2] = archs[:, start + 1 : start + 2 + node] == 1
    return wired


def flatten(vector: Any) -> list[int]:
    """Return the genes of a published vector: ``[[op, b], [op, b, b], [op, b, b, b]]`` to nine integers.

    Raises
    ------
    HarnessError
        If it has another shape, or a number out of range.
    """
    try:
        genes = [gene for node in vector for gene in node]
        nested = [len(node) for node in vector]
    except TypeError:
        raise HarnessError(must("architecture", RULE, vector)) from None
    if nested != [2, 3, 4] or any(type(gene) is not int for gene in genes):
        raise HarnessError(must("architecture", RULE, vector))
    if any(not 0 <= gene < values for gene, values in zip(genes, SHAPE, strict=True)):
        raise HarnessError(must("architecture", RULE, vector))
    return genes
