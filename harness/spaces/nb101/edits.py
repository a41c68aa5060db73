"""Edits of NAS-Bench-101 codings: which single ones give another valid cell, and which can keep its function."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, read_only
from harness.spaces.nb101.wiring import (
    BITS,
    EDGES,
    GENE_NODES,
    INNER,
    MOST_EDGES,
    OPERATIONS,
    VERTICES,
    prune,
    reach,
    wiring,
)

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


def morphisms(arch: Archs) -> Archs:
    """Return the edits of a cell that can keep its function: (26,) to (k, 26) uint8, all different; k can be 0.

    Of the pruned cell, within seven vertices and nine edges:

    - a 3x3 in place of a 1x1 convolution (its kernel in the centre);
    - an edge from the input to a vertex: its projection, a 1x1 convolution with batch normalisation and ReLU, can give
      zeros.  To the output too: projections are added to it and take no share of its channels;
    - a convolution, 3x3 or 1x1, on an edge that leaves an inner vertex: it can be the identity, because what it reads
      is not negative.  Convolutions end with ReLU, projections too, and a pool of such maps is such a map.

    An edge from an inner vertex adds what that vertex gives, unscaled, or changes the share of channels that others
    have in the output; so it is no such edit.  In the codings returned, inner vertices are 1, 2, ... and nothing is to
    be pruned.
    """
    pruned = prune(arch[None])
    size = int(pruned.vertices[0])
    wired, labels = pruned.adjacency[0, :size, :size], pruned.labels[0, 1 : size - 1].tolist()
    large, small = OPERATIONS.index("conv3x3-bn-relu"), OPERATIONS.index("conv1x1-bn-relu")
    smalls = [place for place, label in enumerate(labels) if label == small]
    children = [_coding(wired, [*labels[:place], large, *labels[place + 1 :]]) for place in smalls]
    if wired.sum() < MOST_EDGES:
        for target in np.flatnonzero(wired[0, 1:] == 0) + 1:
            more = wired.copy()
            more[0, target] = 1
            children.append(_coding(more, labels))
        for source, target in np.argwhere(wired) if size < VERTICES else ():
            if source == 0:
                continue
            more = np.insert(np.insert(wired, source + 1, 0, axis=0), source + 1, 0, axis=1)
            more[source, target + 1], more[source, source + 1], more[source + 1, target + 1] = 0, 1, 1
            children += [_coding(more, [*labels[:source], operation, *labels[source:]]) for operation in (large, small)]
    if not children:
        return np.empty((0, len(arch)), dtype=np.uint8)
    found = np.stack(children)
    kept: Archs = found[np.sort(np.unique(found, axis=0, return_index=True)[1])]
    return kept


def _coding(wired: npt.NDArray[np.uint8], labels: list[int]) -> Archs:
    """Return the coding of a cell of V vertices, the output at the last place: (V, V), V - 2 codes to (26,) uint8."""
    places = [*range(len(wired) - 1), VERTICES - 1]
    whole = np.zeros((VERTICES, VERTICES), dtype=np.uint8)
    whole[np.ix_(places, places)] = wired
    operations = np.zeros(INNER, dtype=np.uint8)
    operations[: len(labels)] = labels
    return np.concatenate([whole[_SOURCES, _TARGETS], operations])
