"""Encodings of NAS-Bench-Graph networks for learners: adjacency, paths, and the whole graph; see `GraphSpace`."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray
from harness.spaces.graph.links import ADJACENCY, NODES, PATHS


def upper_adjacency(archs: Archs) -> FloatArray:
    """Return the upper triangle of the adjacency of input, nodes and output, by rows: (n, 5) to (n, 15)."""
    return ADJACENCY[archs[:, 0]][:, *np.triu_indices(NODES + 2, 1)]


def paths(archs: Archs, operations: int, longest: int) -> FloatArray:
    """Say which sequences of at most `longest` operations lead from the input to a leaf: (n, 5) to (n, d) float64.

    The sequences of each length are numbered in base `operations`.
    """
    starts = np.cumsum([0] + [operations**length for length in range(1, longest + 1)])
    out = np.zeros((len(archs), starts[-1]))
    rows = np.arange(len(archs))[:, None]
    on_path = PATHS[archs[:, 0]]
    codes = np.where(on_path >= 0, archs[rows[:, :, None], 1 + on_path], 0).astype(np.intp)
    number = np.zeros(on_path.shape[:2], dtype=np.intp)
    for place in range(NODES):
        number = np.where(on_path[:, :, place] >= 0, number * operations + codes[:, :, place], number)
    lengths = np.count_nonzero(on_path >= 0, axis=2)
    there = (lengths > 0) & (lengths <= longest)
    column = starts[np.clip(lengths, 1, longest) - 1] + number
    out[np.broadcast_to(rows, there.shape)[there], column[there]] = 1.0
    return out


def graph(archs: Archs, shape: tuple[int, int]) -> FloatArray:
    """Return adjacency by rows, then indicators of each node, of a shape of nodes and labels: (n, 5) to (n, d)."""
    nodes, labels = shape
    features = np.zeros((len(archs), nodes, labels))
    features[:, 0, 0] = 1.0
    features[:, -1, 1] = 1.0
    np.put_along_axis(features[:, 1:-1, 2:], archs[:, 1:, None].astype(np.intp), 1.0, axis=2)
    adjacency = ADJACENCY[archs[:, 0]].reshape(len(archs), -1)
    return np.concatenate([adjacency, features.reshape(len(archs), -1)], axis=1)
