"""Cells of the DARTS space as genes, as codes on edges, and as the one coding that stands for all equal cells.

Nodes 0 and 1 of a cell are the outputs of the two cells before it; nodes 2 to 5 each sum two operations, on two
different earlier nodes; the cell's output is the concatenation of nodes 2 to 5.  Edge ``START[k] + j`` leads from node
j to node k, as in NAS-Bench-301 (Siems et al., "Surrogate NAS Benchmarks", ICLR 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, UInt64Array, read_only

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
WITH_NONE = (*OPERATIONS, "none")
"""The eight of DARTS itself; `none`, which gives zeros, comes last, so that the others keep their codes."""
LARGER = (("sep_conv_3x3", "sep_conv_5x5"), ("dil_conv_3x3", "dil_conv_5x5"))
"""Operations, and those that can do the same with a larger kernel."""
LARGEST = {WITH_NONE.index(small): WITH_NONE.index(large) for small, large in LARGER}
"""Codes of the same."""
NODES = (2, 3, 4, 5)
START = {2: 0, 3: 2, 4: 5, 5: 9}
EDGES = tuple((source, node) for node in NODES for source in range(node))
"""(source, target) of the 14 possible edges, in the order of NAS-Bench-301."""
PAIRS = {node: tuple(combinations(range(node), 2)) for node in NODES}
"""What each node may hang on: 1, 3, 6 and 10 pairs, in lexicographic order, as NAS-Bench-301 lists them."""
GENES = 11
OPERATION_GENES = (0, 1, 3, 4, 6, 7, 9, 10)
PAIR_GENES = {3: 2, 4: 5, 5: 8}
GENE_NODES = (2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5)
"""Node of a cell to which each gene belongs."""

Codes = npt.NDArray[np.intp]
_SOURCES = {node: np.array(pairs, dtype=np.intp) for node, pairs in PAIRS.items()}
_CHUNK = 4096  # cells relabelled at once: their 24 variants stay in the cache


def legend(operations: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return what the 22 genes of two cells are called, and their values; see `SearchSpace.legend`."""
    named: dict[str, Sequence[str]] = {}
    for cell in ("normal", "reduce"):
        for node in NODES:
            if node in PAIR_GENES:
                named[f"{cell} node {node} inputs"] = [f"{low} and {high}" for low, high in PAIRS[node]]
            for which in ("lower", "higher"):
                named[f"{cell} node {node} operation on the {which} input"] = operations
    return named


def cardinalities(operations: int = len(OPERATIONS)) -> tuple[int, ...]:
    """Return those of the genes of a cell: two operations of node 2, then pair and two operations of nodes 3, 4, 5."""
    counts = [operations] * GENES
    for node, gene in PAIR_GENES.items():
        counts[gene] = len(PAIRS[node])
    return tuple(counts)


def codings(operations: int = len(OPERATIONS)) -> int:
    """Return how many codings of a cell there are."""
    return math.prod(cardinalities(operations))


@cache
def _places(operations: int) -> UInt64Array:
    counts = cardinalities(operations)
    return read_only(np.array([math.prod(counts[gene + 1 :]) for gene in range(GENES)], dtype=np.uint64))


def sources(cells: Archs) -> Codes:
    """Return the node that each operation reads: (n, 11) to (n, 8), two for each node, the lower first."""
    pairs = [_SOURCES[2][np.zeros(len(cells), dtype=np.intp)]]
    pairs += [_SOURCES[node][cells[:, gene]] for node, gene in PAIR_GENES.items()]
    return np.concatenate(pairs, axis=1)


def on_edges(cells: Archs) -> Codes:
    """Return what stands on each edge: (n, 11) to (n, 14), 0 = nothing, 1.. = operation code + 1."""
    starts = np.repeat([START[node] for node in NODES], 2)
    codes = np.zeros((len(cells), len(EDGES)), dtype=np.intp)
    np.put_along_axis(codes, sources(cells) + starts, cells[:, OPERATION_GENES].astype(np.intp) + 1, axis=1)
    return codes


def from_edges(codes: Codes) -> Codes:
    """Return the genes of cells given by edge, two edges into each node: (…, 14) to (…, 11); inverts `on_edges`."""
    genes = np.empty((*codes.shape[:-1], GENES), dtype=np.intp)
    for index, node in enumerate(NODES):
        into = codes[..., START[node] : START[node] + node]
        present = into > 0
        low = present.argmax(axis=-1)
        high = node - 1 - present[..., ::-1].argmax(axis=-1)
        if node > 2:
            genes[..., PAIR_GENES[node]] = _PAIR_CODE[node][low, high]
        for gene, source in zip(OPERATION_GENES[2 * index : 2 * index + 2], (low, high), strict=True):
            genes[..., gene] = np.take_along_axis(into, source[..., None], axis=-1)[..., 0] - 1
    return genes


def number(cells: npt.NDArray[np.integer], operations: int = len(OPERATIONS)) -> UInt64Array:
    """Return the mixed-radix number of each cell: (…, 11) to (…,) uint64."""
    return cells.astype(np.uint64) @ _places(operations)


def canonical_number(cells: Archs, operations: int = len(OPERATIONS)) -> UInt64Array:
    """Return the smallest number among all relabellings of nodes 2 to 5: (n, 11) to (n,) uint64.

    A relabelling keeps every edge and its operation, and every node after what it reads.
    """
    smallest = np.empty(len(cells), dtype=np.uint64)
    for start in range(0, len(cells), _CHUNK):
        codes = on_edges(cells[start : start + _CHUNK])
        padded = np.concatenate([codes, np.zeros((len(codes), 1), dtype=np.intp)], axis=1)
        variants = padded[:, _RELABELLED]
        whole = np.count_nonzero(variants, axis=2) == 2 * len(NODES)
        numbers = np.full(whole.shape, np.iinfo(np.uint64).max)
        numbers[whole] = number(from_edges(variants[whole]), operations)
        smallest[start : start + _CHUNK] = numbers.min(axis=1)
    return smallest


def _pair_codes(node: int) -> npt.NDArray[np.intp]:
    codes = np.zeros((node, node), dtype=np.intp)
    codes[tuple(_SOURCES[node].T)] = np.arange(len(PAIRS[node]))
    return read_only(codes)


def _relabelled() -> Codes:
    """Return for each of 24 orders of the nodes which edge becomes each edge, 14 where none can: (24, 14)."""
    edge = {ends: index for index, ends in enumerate(EDGES)}
    rows = []
    for order in permutations(NODES):
        old = (0, 1, *order)  # new node k was old node old[k]
        rows.append([edge.get((old[source], old[target]), len(EDGES)) for source, target in EDGES])
    return read_only(np.array(rows, dtype=np.intp))


_PAIR_CODE = {node: _pair_codes(node) for node in PAIR_GENES}
_RELABELLED = _relabelled()
