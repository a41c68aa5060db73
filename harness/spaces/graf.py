"""GRAF, the neural graph features of cells: counts of operations, path lengths and degrees, by sets of operations.

Kadlecová, Lukasik, Pilát, Vidnerová, Safari, Neruda & Hutter, "Surprisingly Strong Performance Prediction with Neural
Graph Features", ICML 2024.  Columns stand group by group: how often each operation occurs; then for each non-empty set
of operations, by size and then in the order of the operations, the shortest and the longest path along the set alone,
the most operations of the set on any one path, and degrees that count the set alone.

Departs from the authors' code: the longest path is that of their later package (GRAF), which has it in place of the
most operations on one path; these are exactly that, where the code counts on the path with the greatest surplus of
operations of the set over others; degrees of cells with operations on vertices are those of input and output, as in the
package, where the code of the paper reads the ends that have none; the counts of input and output, and mean degrees
that are equal to others, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import BoolArray, FloatArray, IntArray, read_only

Numbers = npt.NDArray[Any]
_FAR = 99
"""More than any path is long; lengths are kept in bytes."""
_CHUNK = 2048
"""Cells at once: with the sets of seven operations they take a few megabytes."""


@cache
def operation_sets(operations: int) -> BoolArray:
    """Return every non-empty set of o operations, by size, then in lexicographic order: (2**o - 1, o) bool.

    >>> operation_sets(2).astype(int).tolist()
    [[1, 0], [0, 1], [1, 1]]
    """
    sets = [members for size in range(1, operations + 1) for members in combinations(range(operations), size)]
    return read_only(np.array([[code in members for code in range(operations)] for members in sets]))


def of_edges(
    codes: Numbers,
    edges: Sequence[tuple[int, int]],
    operations: int,
    *,
    inputs: Sequence[int] = (0,),
    outputs: Sequence[int],
) -> FloatArray:
    """Return the features of cells with operations on edges: (n, E) integers to (n, d) float64.

    With o operations, S = 2**o - 1 sets and i inputs: o counts; S lengths of the shortest path along operations of the
    set alone, one more than there are nodes where there is none; for each input S lengths of the longest such path, 0
    where there is none, and S greatest numbers of operations of the set on one path; then i S degrees of the inputs, S
    of the output and S means over all nodes, which count edges with operations of the set.  Where several nodes are
    outputs, shortest paths and the output's degree are left out: the paper has none for cells of which the output reads
    every node.

    Parameters
    ----------
    codes : (n, E) integers
        Operation of each edge, -1 where it is not there.
    edges : sequence of E (source, target)
        By ascending target; sources are smaller than targets.
    operations : int
    inputs, outputs : sequences of int
        Nodes where paths begin, and where they end.

    Examples
    --------
    One edge, with the second of two operations; the sets are the first, the second, both:

    >>> found = of_edges(np.array([[1]]), [(0, 1)], 2, outputs=[1]).tolist()[0]
    >>> found[:2], found[2:5], found[5:8], found[8:11], found[-3:]
    ([0.0, 1.0], [3.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.5, 0.5])
    """
    of_some = partial(_of_edges, edges=edges, operations=operations, inputs=inputs, outputs=outputs)
    return _in_chunks(of_some, codes)


def of_vertices(adjacency: Numbers, codes: Numbers, vertices: IntArray, operations: int) -> FloatArray:
    """Return the features of cells with operations on vertices: (n, V, V), (n, V) and (n,) to (n, o + 7 S) float64.

    With o operations and S = 2**o - 1 sets: o counts; S lengths in edges of the shortest path through vertices of the
    set alone, the number of vertices where there is none; S lengths of the longest such path, 0 where there is none; S
    greatest numbers of vertices of the set on one path; S degrees of the input, S of the output, then S mean degrees
    into and S out of a vertex, which count edges of which the other end is a vertex of the set.

    Parameters
    ----------
    adjacency : (n, V, V) integers
        Strictly upper-triangular, 0 or 1, of cells without vertices that lie on no path.
    codes : (n, V) integers
        Operation of each vertex; -1 for input, output and what is absent.
    vertices : (n,) int64
        How many there are: the input is the first, the output the last of them.
    operations : int
    """
    return _in_chunks(partial(_of_vertices, operations=operations), adjacency.astype(bool), codes, vertices)


def _in_chunks(of_some: Callable[..., FloatArray], *arrays: Numbers) -> FloatArray:
    starts = range(0, max(len(arrays[0]), 1), _CHUNK)
    return np.concatenate([of_some(*(array[start : start + _CHUNK] for array in arrays)) for start in starts])


def _in_sets(codes: Numbers, operations: int) -> BoolArray:
    """Say for each place whether its operation is in each set: (n, k) to (n, k, S); -1 is in none."""
    members = operation_sets(operations)
    table = np.concatenate([members, np.zeros((len(members), 1), dtype=bool)], axis=1).T
    return np.ascontiguousarray(table)[codes]


def _counts(codes: Numbers, operations: int) -> Numbers:
    return np.stack([np.count_nonzero(codes == code, axis=1) for code in range(operations)], axis=1)


def _of_edges(
    codes: Numbers,
    edges: Sequence[tuple[int, int]],
    operations: int,
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> FloatArray:
    nodes = 1 + edges[-1][1]
    allowed, there = _in_sets(codes, operations), (codes >= 0)[:, :, None]
    starts, ends = np.array(edges).T
    groups = [_counts(codes, operations)]
    if len(outputs) == 1:
        away = np.full((nodes, len(codes), allowed.shape[2]), _FAR, dtype=np.int8)
        away[inputs[0]] = 0
        for edge, (source, target) in enumerate(edges):
            np.minimum(away[target], np.where(allowed[:, edge], away[source] + 1, _FAR), out=away[target])
        groups.append(np.where(away[outputs[0]] < _FAR, away[outputs[0]], nodes + 1))
    for entry in inputs:
        longest = np.full((nodes, len(codes), allowed.shape[2]), -_FAR, dtype=np.int8)
        longest[entry] = 0
        most = longest.copy()
        for edge, (source, target) in enumerate(edges):
            inside = allowed[:, edge]
            np.maximum(longest[target], np.where(inside, longest[source] + 1, -_FAR), out=longest[target])
            np.maximum(most[target], np.where(there[:, edge], most[source] + inside, -_FAR), out=most[target])
        groups += [np.maximum(lengths[list(outputs)].max(axis=0), 0) for lengths in (longest, most)]
    groups += [allowed[:, starts == entry].sum(axis=1) for entry in inputs]
    if len(outputs) == 1:
        groups.append(allowed[:, ends == outputs[0]].sum(axis=1))
    return np.concatenate([*groups, allowed.sum(axis=1) / nodes], axis=1, dtype=np.float64)


def _of_vertices(adjacency: BoolArray, codes: Numbers, vertices: IntArray, operations: int) -> FloatArray:
    allowed = _in_sets(codes, operations)
    rows, last, places = np.arange(len(codes)), vertices - 1, codes.shape[1]
    through = allowed.copy()
    through[:, 0] = through[rows, last] = True  # input and output may always be passed
    away = np.full((places, len(codes), allowed.shape[2]), _FAR, dtype=np.int8)
    longest = np.full(away.shape, -_FAR, dtype=np.int8)
    away[0] = longest[0] = 0
    most = longest.copy()
    for target in range(1, places):
        for source in range(target):
            there = adjacency[:, source, target, None]
            inside = there & through[:, target]
            np.minimum(away[target], np.where(inside, away[source] + 1, _FAR), out=away[target])
            np.maximum(longest[target], np.where(inside, longest[source] + 1, -_FAR), out=longest[target])
            np.maximum(most[target], np.where(there, most[source] + allowed[:, target], -_FAR), out=most[target])
    shortest = away[last, rows]
    counted = adjacency.astype(np.int16)
    into = np.einsum("nuv,nus->nvs", counted, allowed)
    out = np.einsum("nuv,nvs->nus", counted, allowed)
    mean = [degrees.sum(axis=1) / np.maximum(vertices, 1)[:, None] for degrees in (into, out)]
    groups = [
        _counts(codes, operations),
        np.where(shortest < _FAR, shortest, vertices[:, None]),
        np.maximum(longest[last, rows], 0),
        np.maximum(most[last, rows], 0),
        out[:, 0],
        into[rows, last],
    ]
    return np.concatenate([*groups, *mean], axis=1, dtype=np.float64)
