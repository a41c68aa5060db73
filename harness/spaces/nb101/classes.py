"""Every cell of NAS-Bench-101, one of each class of equal module hashes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.checks import Archs
from harness.spaces.nb101.hash import by_size, fingerprints
from harness.spaces.nb101.wiring import BITS, EDGES, INNER, OPERATIONS, VERTICES, prune, reach

_OUTPUT_SET = 1 << (VERTICES - 1)


def all_classes() -> Iterator[Archs]:
    """Yield one cell of every class, in blocks of one number of vertices, from 2 to 7.

    All 1,293,208 labelled cells without a vertex or an edge to prune are compared by fingerprint; of a class, the first
    stays.  Inner vertices are 1, 2, ...; the output is vertex 6.

    Yields
    ------
    (k, 26) uint8
        1, 6, 84, 2,441, 62,010 and 359,082 rows: 423,624 in all.
    """
    for size in range(2, VERTICES + 1):
        archs = labelled(size)
        pruned = prune(archs)
        told = np.concatenate([fingerprints(adjacency, labels) for _, adjacency, labels in by_size(pruned)])
        _, first = np.unique(told, return_index=True)
        yield archs[np.sort(first)]


def labelled(size: int) -> Archs:
    """Return all cells of `size` vertices of which none is pruned, every operation on every inner vertex."""
    tables = reach()
    stay = _OUTPUT_SET | ((1 << (size - 1)) - 1)
    wirings = np.flatnonzero(tables.valid & (tables.forward & tables.backward == stay))
    between = [stay >> source & 1 and stay >> target & 1 for source, target in EDGES]
    wirings = wirings[(wirings & int(BITS[np.logical_not(between)].sum())) == 0]
    inner = size - 2
    count = len(OPERATIONS)
    labels = np.arange(count**inner)[:, None] // count ** np.arange(inner)[::-1] % count
    archs = np.zeros((len(wirings), len(labels), len(EDGES) + INNER), dtype=np.uint8)
    archs[:, :, : len(EDGES)] = ((wirings[:, None] & BITS) != 0)[:, None]
    archs[:, :, len(EDGES) : len(EDGES) + inner] = labels
    return archs.reshape(-1, archs.shape[2])
