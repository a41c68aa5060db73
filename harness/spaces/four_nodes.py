"""Cells of four nodes with an operation on each of six edges, as NAS-Bench-201 and TransNAS-Bench-101 have them.

Node 0 is the input, node 3 the output; every node sums what its incoming edges give.  A cell is six operation codes, of
which none and skip are the first two in both spaces.  What holds of any wiring is `harness.spaces.wiring`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array
from harness.graphs import GraphBatch
from harness.spaces import graf, wiring
from harness.spaces.wiring import Wiring

WIRING = Wiring.full(4)
NODES, EDGES, PATHS, WIRED = WIRING.nodes, WIRING.edges, WIRING.paths, WIRING.lines
"""Number of nodes; (source, target) of each gene, in the order of the official strings; edges of the four ways from
input to output, shortest first; adjacency of the line graph, (8, 8), in which the input ends at node 0, then the edges,
the output begins at node 3."""
NONE, SKIP = range(2)
GENE_NODES = WIRING.targets
"""Node that each gene leads to."""
EDGE_NAMES = WIRING.names
"""Of each gene, as a description of a table names it."""


def incoming(arch: Sequence[int], target: int) -> Iterator[tuple[int, int]]:
    """Yield source and operation of each edge into a node, sources ascending."""
    return WIRING.incoming(arch, target)


def live_edges(arch: Sequence[int]) -> list[int]:
    """Return the genes that are computed, see `Wiring.live_edges`.

    Examples
    --------
    >>> live_edges([3, 0, 2, 0, 1, 0])  # node 2 leads nowhere: its 1x1 convolution is dead
    [0, 4]
    """
    return WIRING.live_edges(arch, NONE)


def functional_text(arch: Sequence[int], operations: Sequence[str], *, input_skips_join: bool = True) -> str:
    """Return a string that is equal for cells that compute the same sum of the same terms.

    See `Wiring.functional_text`.
    """
    return WIRING.functional_text(arch, operations, none=NONE, skip=SKIP, input_skips_join=input_skips_join)


def smallest_codes(text_of: Callable[[Sequence[int]], str], operations: int) -> UInt64Array:
    """Return, for every coding by its number, the smallest number with the same text: (operations**6,) uint64."""
    first: dict[str, int] = {}
    codes = enumerate(product(range(operations), repeat=len(EDGES)))
    return np.array([first.setdefault(text_of(arch), code) for code, arch in codes], dtype=np.uint64)


def line_graph(archs: Archs, operations: Sequence[str]) -> GraphBatch:
    """Return the line graphs of cells: input, the six edges, output; (n, 6) to n graphs of 8 places."""
    return WIRING.line_graph(archs, operations)


def adjacency_encoding(one_hot: FloatArray) -> FloatArray:
    """Turn indicators (n, 6 o) into the one-hot adjacency encoding, see `wiring.adjacency_encoding`: (n, 6 o)."""
    return wiring.adjacency_encoding(one_hot, len(EDGES), NONE)


def computed(archs: Archs) -> Archs:
    """Return cells with none on every edge that gets nothing or leads nowhere: (n, 6) to (n, 6).

    Examples
    --------
    >>> computed(np.array([[3, 0, 2, 0, 1, 0], [0, 3, 1, 2, 4, 3]])).tolist()
    [[3, 0, 0, 0, 1, 0], [0, 3, 0, 2, 0, 3]]
    """
    return WIRING.computed(archs, NONE)


def graf_encoding(archs: Archs, operations: int) -> FloatArray:
    """Return the neural graph features of what is computed, see `graf.of_edges`: (n, 6) to (n, o + 6 (2**o - 1)).

    None is an operation like the others.  The authors leave cells out that have operations which nothing reaches or
    that lead nowhere; here those become none.
    """
    return graf.of_edges(computed(archs), EDGES, operations, outputs=[NODES - 1])


def path_encoding(archs: Archs, operations: int, longest: int = NODES - 1) -> FloatArray:
    """Say which sequences of at most `longest` operations lead from input to output: (n, 6) to (n, d) float64."""
    return WIRING.path_encoding(archs, operations, longest)
