"""Edits of NAS-Bench-101 codings: which single ones give another valid cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, read_only
from harness.spaces.nb101.wiring import BITS, EDGES, GENE_NODES, INNER, OPERATIONS, VERTICES, reach, wiring

_SOURCES, _TARGETS = (read_only(np.array(ends, dtype=np.uint8)) for ends in zip(*EDGES, strict=True))
_STEPS = len(OPERATIONS) - 1
EDIT_GENES = read_only(np.concatenate([np.arange(len(EDGES)), len(EDGES) + np.repeat(np.arange(INNER), _STEPS)]))
"""Gene that each of the 31 edits changes: the edges in order, then each operation, to the next value and the last."""
EDIT_STEPS = read_only(
    np.concatenate([np.ones(len(EDGES), dtype=np.uint8), np.tile(np.arange(1, _STEPS + 1, dtype=np.uint8), INNER)])
)
_OF_EDGE = np.arange(len(EDIT_GENES)) < len(EDGES)
_MODULI = read_only(np.where(_OF_EDGE, 2, len(OPERATIONS)).astype(np.uint8))
WEIGHTS: FloatArray = read_only(np.where(_OF_EDGE, 1 / VERTICES, 1 / (INNER * _STEPS)))
"""How often the official mutation makes each edit: an edge flips with 1/7, an operation changes with 1/5."""
_NODES = np.array([GENE_NODES[gene] for gene in EDIT_GENES])
_OF_NODE = read_only((_NODES[:, None] == np.arange(1, VERTICES)).astype(np.float64))
_OF_GENE: FloatArray = read_only(np.where(_OF_EDGE, 1.0, 1 / _STEPS))


def by_node(possible: BoolArray) -> FloatArray:
    """Return how often to make each edit so that a vertex is drawn first, then a gene of it: (n, 31) to (n, 31).

    Parameters
    ----------
    possible : (n, 31) bool
        Vertices and genes without a possible edit are not drawn.
    """
    weights = np.where(possible, _OF_GENE, 0.0)
    of_node = weights @ _OF_NODE
    shares: FloatArray = weights / np.maximum(of_node, _OF_GENE.min())[:, _NODES - 1]
    return shares


def allowed(archs: Archs) -> BoolArray:
    """Say which edits of each valid coding give a valid cell of another function: (n, 26) to (n, 31).

    An edit of something that pruning removes changes nothing: an edge counts if the input reaches its source and its
    target reaches the output, an operation if its vertex is on a path.  Every such edit changes the number of edges or
    the operations of the pruned cell, and so its hash.  The cell of one edge from input to output has no such edit
    where no other vertex hangs on either; there, every edit that stays valid is allowed.
    """
    tables, numbers = reach(), wiring(archs)
    forward, backward = tables.forward[numbers, None], tables.backward[numbers, None]
    valid = np.ones((len(archs), len(EDIT_GENES)), dtype=bool)
    valid[:, : len(EDGES)] = tables.valid[numbers[:, None] ^ BITS]
    matters = np.empty_like(valid)
    matters[:, : len(EDGES)] = (forward >> _SOURCES) & (backward >> _TARGETS) & 1
    matters[:, len(EDGES) :] = (
        (forward & backward) >> (EDIT_GENES[len(EDGES) :] - len(EDGES) + 1).astype(np.uint8)
    ) & 1
    both = valid & matters
    stuck = ~both.any(axis=1)
    both[stuck] = valid[stuck]
    return both


def edited(archs: Archs, edits: npt.NDArray[np.intp]) -> Archs:
    """Return a copy of each row with the edit of that number made: (n, 26), (n,) to (n, 26) uint8."""
    children = np.array(archs, dtype=np.uint8)
    rows, genes = np.arange(len(children)), EDIT_GENES[edits]
    children[rows, genes] = (children[rows, genes] + EDIT_STEPS[edits]) % _MODULI[edits]
    return children
