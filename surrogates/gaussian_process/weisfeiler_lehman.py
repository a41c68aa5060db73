"""Weisfeiler-Lehman features of graphs, and kernels that count those that two graphs share.

Shervashidze et al., "Weisfeiler-Lehman graph kernels", JMLR 12, 2011; on directed graphs as in Ru, Wan, Dong & Osborne,
"Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels", ICLR 2021: a node
is first what it is, then, in each iteration, the label that it had together with the multiset of the labels of the
nodes that it leads to.  The features of a graph are the labels of all nodes in all iterations.

Departs from the papers: a label is a hash of 64 bits of what it stands for, where they number labels in a dictionary in
the order in which they are met.  So it depends on nothing but the graph: there is nothing to keep between fits or to
share between processes, and the order of requests changes nothing.  Two among a million labels are taken for one with a
probability of 3e-8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from harness.checks import FloatArray, UInt64Array
from harness.graphs import GraphBatch

KERNELS = ("subtree", "assignment")
"""What two graphs share: the inner product of their counts of labels, or the sum of the smaller counts, which is the
optimal assignment of nodes (Kriege, Giscard & Wilson, "On valid optimal assignment kernels", NeurIPS 2016)."""
_ADDED, _FACTORS, _SHIFTS = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB), (30, 27, 31)
_OWN, _OTHERS = np.uint64(0x632BE59BD9B4E019), np.uint64(0xD1342543DE82EF95)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of n graphs on V places after each of h iterations.

    Attributes
    ----------
    labels : (h + 1, n, V) uint64
        Equal where two graphs share a feature; 0 where a place has no node.
    squares : (h + 1, n) float64
        What a graph shares with itself, in each iteration alone.
    """

    labels: UInt64Array
    squares: FloatArray

    def up_to(self, iterations: int) -> Features:
        """Return the features of the first iterations."""
        return Features(self.labels[: iterations + 1], self.squares[: iterations + 1])


def features(graph: GraphBatch, iterations: int, kernel: str = "subtree") -> Features:
    """Return the features of graphs.

    Parameters
    ----------
    graph : GraphBatch
        n graphs on V places.
    iterations : int
        h, at least 0.
    kernel : {"subtree", "assignment"}
    """
    now = _mixed(graph.kinds.astype(np.uint64))
    levels = [now]
    for _ in range(iterations):
        after = np.where(graph.adjacency, _mixed(now ^ _OTHERS)[:, None, :], np.uint64(0)).sum(axis=2, dtype=np.uint64)
        now = _mixed(_mixed(now ^ _OWN) + after)
        levels.append(now)
    labels = np.where(graph.mask, np.stack(levels), np.uint64(0))
    same = (labels[..., :, None] == labels[..., None, :]) & graph.mask[:, None, :] & graph.mask[:, :, None]
    if kernel == "subtree":
        return Features(labels, same.sum(axis=(2, 3)).astype(np.float64))
    # min(a, b) counts the t for which both have a t-th node of the label: told apart, each is a feature of its own
    occurrence = np.tril(same, -1).sum(axis=3).astype(np.uint64)
    labels = np.where(graph.mask, _mixed(labels + occurrence * _OTHERS), np.uint64(0))
    return Features(labels, np.broadcast_to(graph.mask.sum(axis=1), labels.shape[:2]).astype(np.float64))


def _mixed(numbers: UInt64Array) -> UInt64Array:
    """Return a bijection of 64 bits in which each bit depends on all (Steele, Lea & Flood, "SplitMix", OOPSLA 2014)."""
    mixed: UInt64Array = numbers + np.uint64(_ADDED)
    for shift, factor in zip(_SHIFTS, (*_FACTORS, 1), strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


def shared(one: Features, other: Features) -> FloatArray:
    """Return what graphs share in all iterations together, (q, n), before normalising.

    Parameters
    ----------
    one, other : Features
        Of q and of n graphs, of one kernel; what stands in `one` alone is left out.
    """
    known = np.unique(other.labels[other.labels != 0])
    return np.asarray((_counts(one.labels, known) @ _counts(other.labels, known).T).toarray(), dtype=np.float64)


def _counts(labels: UInt64Array, known: UInt64Array) -> csr_array:
    """Return how often each known label stands in each graph: (h + 1, n, V), (D,) ascending to (n, D)."""
    n = labels.shape[1]
    if not len(known):
        return csr_array((n, 0))
    columns = np.minimum(np.searchsorted(known, labels), len(known) - 1)
    kept = known[columns] == labels
    rows = np.broadcast_to(np.arange(n)[:, None], labels.shape)[kept]
    return csr_array((np.ones(len(rows)), (rows, columns[kept])), shape=(n, len(known)))


def cosines(shared: FloatArray, squares: FloatArray, others: FloatArray) -> FloatArray:
    """Return kernel values scaled to 1 for a graph with itself: (..., q, n), (..., q), (..., n) to (..., q, n).

    A graph without a node shares nothing with any other, itself included.
    """
    lengths = np.sqrt(squares[..., :, None] * others[..., None, :])
    return np.divide(shared, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def gram_matrices(told: Features) -> FloatArray:
    """Return the kernel matrices of graphs with themselves after 0, 1, ..., h iterations, (h + 1, n, n)."""
    levels = [Features(labels[None], squares[None]) for labels, squares in zip(told.labels, told.squares, strict=True)]
    counts = np.cumsum([shared(level, level) for level in levels], axis=0)
    squares = np.cumsum(told.squares, axis=0)
    return cosines(counts, squares, squares)


def kernel_matrix(one: Features, other: Features) -> FloatArray:
    """Return the kernel of q graphs with n others after all their iterations, (q, n)."""
    return cosines(shared(one, other), one.squares.sum(axis=0), other.squares.sum(axis=0))
