"""The shape of NAS-Bench-101 cells: which vertices lie on a path from input to output, and the cell that they leave.

A wiring is the 21 upper-triangular bits of the adjacency of seven vertices, by rows, read as one number with the first
bit most significant.  What pruning does depends on the wiring alone, so it is worked out once for all 2**21 of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, IntArray, read_only

VERTICES = 7
INNER = VERTICES - 2
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""Names of the operation codes 0, 1, 2 of the five inner vertices."""
MOST_EDGES = 9
EDGES = tuple(combinations(range(VERTICES), 2))
"""(source, target) of the first 21 genes."""
GENE_NODES = (*(target for _, target in EDGES), *range(1, INNER + 1))
"""Vertex to which each gene belongs: the one that an edge enters, or that has the operation."""
GENE_ROWS = (*(source for source, _ in EDGES), *range(1, INNER + 1))
"""Row of the adjacency in which each edge stands, and of the vertex that has the operation."""
INPUT, OUTPUT, ABSENT = -1, -2, -3
"""Labels of vertices that have no operation; the first two are those of the module hash."""
BITS = read_only(np.array([1 << (len(EDGES) - 1 - place) for place in range(len(EDGES))]))
"""What each edge adds to the number of a wiring, (21,) int64."""
_CHUNK = 1 << 14
_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Reach:
    """What holds of each of the 2**21 wirings; bit v of a set stands for vertex v.

    Attributes
    ----------
    forward, backward : (2**21,) uint8
        Vertices that the input reaches, and that reach the output; a vertex of both lies on a path.
    valid : (2**21,) bool
        The input reaches the output, and at most nine edges lie on paths.
    """

    forward: _Bytes
    backward: _Bytes
    valid: BoolArray


@dataclass(frozen=True)
class Pruned:
    """Cells without the vertices that lie on no path; those that stay keep their order.

    Attributes
    ----------
    vertices : (n,) int64
        V, 2 to 7; 0 where the input does not reach the output.
    adjacency : (n, 7, 7) uint8
        Strictly upper-triangular; zero outside the first V rows and columns.
    labels : (n, 7) int8
        Input first, output in place V - 1, operations between them, absent behind.
    """

    vertices: IntArray
    adjacency: _Bytes
    labels: npt.NDArray[np.int8]


@cache
def reach() -> Reach:
    """Return what holds of each wiring; made on first use, in a fraction of a second."""
    wirings = np.arange(1 << len(EDGES), dtype=np.uint32)
    bits = {edge: ((wirings & np.uint32(bit)) != 0).view(np.uint8) for edge, bit in zip(EDGES, BITS, strict=True)}
    forward = np.ones(len(wirings), dtype=np.uint8)
    for source, target in sorted(EDGES, key=lambda edge: edge[1]):
        forward |= ((forward >> source) & bits[source, target]) << target
    backward = np.full(len(wirings), 1 << (VERTICES - 1), dtype=np.uint8)
    for source, target in reversed(EDGES):
        backward |= ((backward >> target) & bits[source, target]) << source
    on_paths = np.bitwise_count(wirings & _edges_between()[forward, backward])
    connected = (forward >> (VERTICES - 1)).astype(bool)
    return Reach(read_only(forward), read_only(backward), read_only(connected & (on_paths <= MOST_EDGES)))


def _edges_between() -> npt.NDArray[np.uint32]:
    """Return, for each pair of sets, the edges that leave the first and enter the second: (128, 128) uint32."""
    sets = np.arange(1 << VERTICES)
    between = np.zeros((len(sets), len(sets)), dtype=np.uint32)
    for (source, target), bit in zip(EDGES, BITS, strict=True):
        both = ((sets >> source) & 1)[:, None] & ((sets >> target) & 1)
        between += (both * bit).astype(np.uint32)
    return between


def wiring(archs: Archs) -> npt.NDArray[np.intp]:
    """Return the number of each row's wiring: (n, 26) integers in range to (n,)."""
    # float32 holds every integer below 2**24, and a float product is several times faster than an integer one
    numbers: npt.NDArray[np.intp] = (archs[:, : len(EDGES)].astype(np.float32) @ _FLOAT_BITS).astype(np.intp)
    return numbers


def prune(archs: Archs) -> Pruned:
    """Leave out the vertices that lie on no path from input to output: (n, 26) integers in range."""
    tables, numbers = reach(), wiring(archs)
    alive = tables.forward[numbers] & tables.backward[numbers]
    padded = np.zeros((len(archs), len(EDGES) + 1), dtype=np.uint8)
    padded[:, :-1] = archs[:, : len(EDGES)]
    labels = np.empty((len(archs), VERTICES + 1), dtype=np.int8)
    labels[:, 0], labels[:, VERTICES - 1], labels[:, VERTICES] = INPUT, OUTPUT, ABSENT
    labels[:, 1 : VERTICES - 1] = archs[:, len(EDGES) :]
    adjacency = np.empty((len(archs), VERTICES * VERTICES), dtype=np.uint8)
    for start in range(0, len(archs), _CHUNK):  # bounds the memory of the indices
        part = slice(start, start + _CHUNK)
        adjacency[part] = np.take_along_axis(padded[part], _EDGE_FROM[alive[part]], axis=1)
    return Pruned(
        vertices=np.bitwise_count(alive).astype(np.int64),
        adjacency=adjacency.reshape(-1, VERTICES, VERTICES),
        labels=np.take_along_axis(labels, _VERTEX_FROM[alive], axis=1),
    )


def _moves() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return, by set of vertices that stay, where each vertex and each entry of the adjacency comes from.

    (128, 7) and (128, 49); a vertex that is absent comes from place 7, an entry that is none from place 21.
    """
    vertex_from = np.full((1 << VERTICES, VERTICES), VERTICES, dtype=np.intp)
    edge_from = np.full((1 << VERTICES, VERTICES, VERTICES), len(EDGES), dtype=np.intp)
    for alive in range(1 << VERTICES):
        stay = [vertex for vertex in range(VERTICES) if alive >> vertex & 1]
        vertex_from[alive, : len(stay)] = stay
        for (row, source), (column, target) in combinations(enumerate(stay), 2):
            edge_from[alive, row, column] = EDGES.index((source, target))
    return read_only(vertex_from), read_only(edge_from.reshape(1 << VERTICES, -1))


_FLOAT_BITS = read_only(BITS.astype(np.float32))
_VERTEX_FROM, _EDGE_FROM = _moves()
