"""Cells of four nodes with an operation on each of six edges, as NAS-Bench-201 and TransNAS-Bench-101 have them.

Node 0 is the input, node 3 the output; every node sums what its incoming edges give.  A cell is six operation codes, of
which none and skip are the first two in both spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, UInt64Array, read_only
from harness.graphs import GraphBatch, of_fixed_wiring
from harness.spaces import graf

NODES = 4
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) of each gene, in the order of the official strings."""
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""Edges of the four ways from input to output, shortest first."""
NONE, SKIP = range(2)
GENE_NODES = tuple(target for _, target in EDGES)
"""Node that each gene leads to."""
_ENDS = ((-1, 0), *EDGES, (NODES - 1, -2))
WIRED: BoolArray = read_only(np.array([[end == begin for begin, _ in _ENDS] for _, end in _ENDS]))
"""Adjacency of the line graph, (8, 8): the input ends at node 0, then the edges, the output begins at node 3."""
EDGE_NAMES = tuple(f"{source}-{target}" for source, target in EDGES)
"""Of each gene, as a description of a table names it."""


def incoming(arch: Sequence[int], target: int) -> Iterator[tuple[int, int]]:
    """Yield source and operation of each edge into a node, sources ascending."""
    first = target * (target - 1) // 2  # edges into one node stand together
    return ((source, arch[first + source]) for source in range(target))


def live_edges(arch: Sequence[int]) -> list[int]:
    """Return the genes that are computed: not none, and on a path to the output.

    Edges that leave a node nothing reaches stay: a convolution there gives zeros to its batch normalisation, whose bias
    is trained and reaches the output, as in the original code.

    Examples
    --------
    >>> live_edges([3, 0, 2, 0, 1, 0])  # node 2 leads nowhere: its 1x1 convolution is dead
    [0, 4]
    """
    useful = {NODES - 1}
    live: list[int] = []
    for gene in range(len(EDGES) - 1, -1, -1):  # by falling target: a target is known before edges into its sources
        source, target = EDGES[gene]
        if arch[gene] != NONE and target in useful:
            useful.add(source)
            live.append(gene)
    return live[::-1]


def functional_text(arch: Sequence[int], operations: Sequence[str], *, input_skips_join: bool = True) -> str:
    """Return a string that is equal for cells that compute the same sum of the same terms.

    Zeros vanish, an operation on zero is zero, and a skipped sum joins the sum it enters.  Empty if the output is
    constant zero.

    Parameters
    ----------
    arch : sequence of 6 int
    operations : sequence of str
        Names of the codes.
    input_skips_join : bool
        Whether a skip that leaves the input is an identity like the others; where it is not, it stays an operation.
    """
    nodes: list[tuple[str, ...]] = [("0",)]
    for target in range(1, NODES):
        terms: list[str] = []
        for source, code in incoming(arch, target):
            if code == SKIP and (source or input_skips_join):
                terms.extend(nodes[source])
            elif code != NONE and nodes[source]:
                terms.append(f"({'+'.join(nodes[source])})@{operations[code]}")
        nodes.append(tuple(sorted(terms)))
    return "+".join(nodes[-1])


def smallest_codes(text_of: Callable[[Sequence[int]], str], operations: int) -> UInt64Array:
    """Return, for every coding by its number, the smallest number with the same text: (operations**6,) uint64."""
    first: dict[str, int] = {}
    codes = enumerate(product(range(operations), repeat=len(EDGES)))
    return np.array([first.setdefault(text_of(arch), code) for code, arch in codes], dtype=np.uint64)


def line_graph(archs: Archs, operations: Sequence[str]) -> GraphBatch:
    """Return the line graphs of cells: input, the six edges, output; (n, 6) to n graphs of 8 places.

    An operation feeds those that start where it ends; none and skip are operations like others.  The graph of NAS-BOWL
    (Ru et al., ICLR 2021) before `harness.graphs.reduced`.
    """
    kinds = np.zeros((len(archs), len(_ENDS)), dtype=np.int64)
    kinds[:, 1:-1] = archs
    kinds[:, 1:-1] += 2
    kinds[:, -1] = 1
    return of_fixed_wiring(WIRED, kinds, ("input", "output", *operations))


def adjacency_encoding(one_hot: FloatArray) -> FloatArray:
    """Turn indicators (n, 6 o) into which edges are there, then the o - 1 indicators of what is on them: (n, 6 o).

    The one-hot adjacency encoding of White et al., "A Study on Encodings for Neural Architecture Search" (NeurIPS
    2020, 3), for operations on edges.
    """
    indicators = one_hot.reshape(len(one_hot), len(EDGES), -1)
    return np.concatenate([1.0 - indicators[:, :, NONE], indicators[:, :, 1:].reshape(len(one_hot), -1)], axis=1)


def computed(archs: Archs) -> Archs:
    """Return cells with none on every edge that gets nothing or leads nowhere: (n, 6) to (n, 6).

    Examples
    --------
    >>> computed(np.array([[3, 0, 2, 0, 1, 0], [0, 3, 1, 2, 4, 3]])).tolist()
    [[3, 0, 0, 0, 1, 0], [0, 3, 0, 2, 0, 3]]
    """
    there = archs != NONE
    reached, useful = (np.zeros((len(archs), NODES), dtype=bool) for _ in range(2))
    reached[:, 0] = useful[:, -1] = True
    for gene, (source, target) in enumerate(EDGES):
        reached[:, target] |= there[:, gene] & reached[:, source]
    for gene, (source, target) in reversed([*enumerate(EDGES)]):
        useful[:, source] |= there[:, gene] & useful[:, target]
    sources, targets = np.array(EDGES).T
    return np.where(reached[:, sources] & useful[:, targets], archs, NONE).astype(archs.dtype)


def graf_encoding(archs: Archs, operations: int) -> FloatArray:
    """Return the neural graph features of what is computed, see `graf.of_edges`: (n, 6) to (n, o + 6 (2**o - 1)).

    None is an operation like the others.  The authors leave cells out that have operations which nothing reaches or
    that lead nowhere; here those become none.
    """
    return graf.of_edges(computed(archs), EDGES, operations, outputs=[NODES - 1])


def path_encoding(archs: Archs, operations: int, longest: int = NODES - 1) -> FloatArray:
    """Say which sequences of at most `longest` operations lead from input to output: (n, 6) to (n, d) float64.

    White et al., "BANANAS" (AAAI 2021, 4): with o operations there are o, o**2 and o**3 sequences of one, two and
    three, numbered in base o within a length; as in the authors' code, none is an operation like the others.
    """
    starts = [sum(operations**shorter for shorter in range(1, length)) for length in range(1, longest + 2)]
    out = np.zeros((len(archs), starts[longest]))
    rows = np.arange(len(archs))
    for path in PATHS:
        if len(path) <= longest:
            number = archs[:, path].astype(np.intp) @ (operations ** np.arange(len(path))[::-1])
            out[rows, starts[len(path) - 1] + number] = 1.0
    return out
