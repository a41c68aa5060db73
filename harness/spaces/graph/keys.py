"""Sameness of NAS-Bench-Graph networks: the canonical form and the published hash."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, UInt64Array
from harness.spaces.graph.links import LINKS, NODES, OPERATIONS

_SKIP = OPERATIONS.index("skip")
_INTERCHANGEABLE = {0: (0, 1, 2, 3), 1: (1, 2), 2: (2, 3), 5: (1, 2, 3), 7: (2, 3)}
"""For a link code, the positions of nodes that may trade places."""


def canonical_form(links: IntArray, operations: IntArray) -> tuple[IntArray, IntArray]:
    """Bring networks with canonical links to the form under which the table knows them.

    The library's own ``Arch.move_skip_op`` and ``Arch.equalpart_sort``, for many networks at once: skips that can move
    go to the front in one pass over the nodes, then interchangeable nodes are sorted by operation code.

    Parameters
    ----------
    links : (n, 4) int64
        Rows of `LINKS`.
    operations : (n, 4) int64
        Codes of `OPERATIONS`.

    Returns
    -------
    codes : (n,) int64
        Link codes.
    operations : (n, 4) int64
    """
    links, operations = links.copy(), operations.copy()
    for node in range(NODES):
        moved = _moves(node, links, operations)
        links[moved], operations[moved] = _to_front(node, links[moved], operations[moved])
    for link, canonical, order in (((0, 1, 2, 1), 6, (0, 1, 3, 2)), ((0, 1, 1, 3), 6, (0, 2, 1, 3))):
        rows = np.flatnonzero((links == link).all(axis=1))
        links[rows] = LINKS[canonical]
        operations[rows] = operations[rows][:, order]
    codes = _link_codes(links)
    for code, places in _INTERCHANGEABLE.items():
        rows = np.flatnonzero(codes == code)
        operations[rows[:, None], places] = np.sort(operations[rows[:, None], places], axis=1)
    first, second, third, fourth = operations.T
    swapped = (codes == 3) & ((first > second) | ((first == second) & (third > fourth)))
    operations[swapped] = operations[swapped][:, (1, 0, 3, 2)]
    return codes, operations


def _moves(node: int, links: IntArray, operations: IntArray) -> npt.NDArray[np.intp]:
    """Return the rows whose skip at `node` (0-based) moves to the front."""
    skips = operations == _SKIP
    parent = links[:, node]
    has_child = (links == node + 1).any(axis=1)
    has_sibling = np.count_nonzero(links == parent[:, None], axis=1) > 1
    only_skips_above = skips[:, node].copy()
    above = parent.copy()
    for _ in range(node):
        only_skips_above &= (above == 0) | skips[np.arange(len(links)), above - 1]
        above = np.where(above == 0, 0, links[np.arange(len(links)), above - 1])
    return np.flatnonzero(skips[:, node] & (has_child | ~has_sibling | only_skips_above))


def _to_front(node: int, links: IntArray, operations: IntArray) -> tuple[IntArray, IntArray]:
    """Take out `node` (0-based), let its children inherit its parent, insert it as the first node on the input."""
    others = [other for other in range(NODES) if other != node]
    inherited = links[:, node, None] + 1
    shifted = np.where(links == node + 1, inherited, np.where(links <= node, links + 1, links))
    front = np.zeros((len(links), 1), dtype=links.dtype)
    return np.concatenate([front, shifted[:, others]], axis=1), operations[:, [node, *others]]


def _link_codes(links: IntArray) -> IntArray:
    code_of = np.full(5**NODES, -1)
    places = 5 ** np.arange(NODES)[::-1]
    code_of[np.asarray(LINKS) @ places] = np.arange(len(LINKS))
    codes: IntArray = code_of[links @ places]
    return codes


def published_hash(codes: IntArray, operations: IntArray) -> UInt64Array:
    """Return the table's key of canonical networks, ``link code, then hash * 10 + operation``: (n,) uint64."""
    key = codes.astype(np.uint64)
    for node in range(NODES):
        key = key * np.uint64(10) + operations[:, node].astype(np.uint64)
    return key
