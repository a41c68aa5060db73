"""Costs of NAS-Bench-101 networks in closed form.

The network: a 3x3 convolution to 128 channels; three stacks of three cells at 128, 256 and 512 channels, on images of
32, 16 and 8 pixels; a linear layer to ten classes.  Each convolution has a batch norm with scale and shift.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, IntArray
from harness.spaces.nb101.wiring import INPUT, OUTPUT, VERTICES, Pruned, prune

CONV_3X3, CONV_1X1 = 0, 1
STEM_CHANNELS, STACKS, CELLS, CLASSES, IMAGE_SIZE = 128, 3, 3, 10, 32
_LAST_CHANNELS = STEM_CHANNELS * 2 ** (STACKS - 1)


def params(archs: Archs) -> FloatArray:
    """Count trainable parameters of the full network: valid (n, 26) to (n,); equal to the published records."""
    stem = 3 * 9 * STEM_CHANNELS + 2 * STEM_CHANNELS
    total = np.full(len(archs), stem + _LAST_CHANNELS * CLASSES + CLASSES, dtype=np.int64)
    for weights, norms, _ in _cells(prune(archs)):
        total += weights + 2 * norms
    return total.astype(np.float64)


def macs(archs: Archs) -> FloatArray:
    """Count multiply-adds of convolutions and classifier for one image, without biases: valid (n, 26) to (n,)."""
    first = 3 * 9 * STEM_CHANNELS * IMAGE_SIZE**2
    total = np.full(len(archs), first + _LAST_CHANNELS * CLASSES, dtype=np.int64)
    for weights, _, positions in _cells(prune(archs)):
        total += weights * positions
    return total.astype(np.float64)


def _cells(pruned: Pruned) -> Iterator[tuple[IntArray, IntArray, int]]:
    """Yield, for each cell of the network, its convolution weights (n,), its normed channels (n,), its positions."""
    entering = STEM_CHANNELS
    for stack in range(STACKS):
        leaving = STEM_CHANNELS * 2**stack
        for _ in range(CELLS):
            weights, norms = _one_cell(pruned, entering, leaving)
            yield weights, norms, (IMAGE_SIZE >> stack) ** 2
            entering = leaving


def _one_cell(pruned: Pruned, entering: int, leaving: int) -> tuple[IntArray, IntArray]:
    width = vertex_channels(pruned, entering, leaving)
    inner = pruned.labels >= 0
    kernel = np.select([pruned.labels == CONV_3X3, pruned.labels == CONV_1X1], [9, 1])
    projected = pruned.adjacency[:, 0] * np.where(inner | (pruned.labels == OUTPUT), width, 0)
    weights = (kernel * width**2).sum(axis=1) + entering * projected.sum(axis=1)
    norms = np.where(kernel > 0, width, 0).sum(axis=1) + projected.sum(axis=1)
    return weights, norms


def vertex_channels(pruned: Pruned, entering: int, leaving: int) -> npt.NDArray[np.int64]:
    """Return the channels of each vertex of a cell: (n, 7) int64, 0 where there is none.

    The inner vertices that feed the output share its channels, the remainder going one each to the first; any other
    takes the largest of its successors (``compute_vertex_channels`` of the official code).
    """
    inner = pruned.labels >= 0
    last = np.maximum(pruned.vertices - 1, 0)
    feeds = inner & np.take_along_axis(pruned.adjacency, last[:, None, None], axis=2)[:, :, 0].astype(bool)
    share, more = np.divmod(leaving, np.maximum(feeds.sum(axis=1), 1))
    first = np.cumsum(feeds, axis=1) <= more[:, None]
    width = np.where(feeds, share[:, None] + first, 0)
    for vertex in range(VERTICES - 2, 0, -1):
        largest = (pruned.adjacency[:, vertex] * np.where(inner, width, 0)).max(axis=1)
        width[:, vertex] = np.where(inner[:, vertex] & ~feeds[:, vertex], largest, width[:, vertex])
    width[pruned.labels == INPUT] = entering
    width[pruned.labels == OUTPUT] = leaving
    return width
