"""Graphs of DARTS cells: inputs, operations, the sums of two, and the output of each cell, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import Archs, BoolArray, IntArray, read_only
from harness.graphs import GraphBatch
from harness.spaces.darts.cells import GENES, NODES, OPERATION_GENES, sources

CELLS = ("normal", "reduce")
_ENDS = ("input 0", "input 1", "output", "sum")
_SUMS = (4, 7, 10, 13)
"""Place of the sum of nodes 2 to 5; its operations stand in the two places before it."""
_PLACES = _SUMS[-1] + 2
_OPERATIONS = tuple(place + step for place in _SUMS for step in (-2, -1))


def graph(archs: Archs, operations: Sequence[str]) -> GraphBatch:
    """Return both cells of each architecture as one graph of two parts: (n, 22) to n graphs of 30 places.

    Inputs 0 and 1, then for each node its two operations and their sum, then the output, which reads every sum: the
    graph of NASLib (``convert_darts_arch_to_graph``).  Labels begin with ``normal:`` or ``reduce:``, so that a kernel
    compares a cell with cells of its own kind.  Two graphs are isomorphic exactly if the functional keys are equal.
    """
    labels = [f"{cell}:{name}" for cell in CELLS for name in (*_ENDS, *operations)]
    adjacency = np.zeros((len(archs), 2 * _PLACES, 2 * _PLACES), dtype=bool)
    kinds = np.empty((len(archs), 2 * _PLACES), dtype=np.int64)
    for cell in range(len(CELLS)):
        genes, part = archs[:, cell * GENES : (cell + 1) * GENES], slice(cell * _PLACES, (cell + 1) * _PLACES)
        adjacency[:, part, part] = _wired(genes)
        kinds[:, part] = _kinds(genes) + cell * (len(_ENDS) + len(operations))
    return GraphBatch(adjacency, kinds, np.ones(kinds.shape, dtype=bool), tuple(labels))


def _wired(cells: Archs) -> BoolArray:
    wired = np.zeros((len(cells), _PLACES, _PLACES), dtype=bool)
    wired[:, _SUMS, _PLACES - 1] = True
    wired[:, _OPERATIONS, np.repeat(_SUMS, 2)] = True
    read = _PLACE_OF_NODE[sources(cells)]
    wired[np.arange(len(cells))[:, None], read, _OPERATIONS] = True
    return wired


def _kinds(cells: Archs) -> IntArray:
    kinds = np.empty((len(cells), _PLACES), dtype=np.int64)
    kinds[:, 0], kinds[:, 1], kinds[:, -1] = 0, 1, 2
    kinds[:, _SUMS] = 3
    kinds[:, _OPERATIONS] = cells[:, OPERATION_GENES].astype(np.int64) + len(_ENDS)
    return kinds


_PLACE_OF_NODE = read_only(np.array([0, 1, *_SUMS[: len(NODES)]], dtype=np.intp))
