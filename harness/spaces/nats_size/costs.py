"""Parameters and multiply-adds of the networks of the size space in closed form, for any data.

Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021, 3.2.
"""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.spaces import layers
from harness.spaces.four_nodes import EDGES, SKIP
from harness.spaces.layers import CIFAR, Cost, Geometry, Shape
from harness.spaces.nats_size.skeleton import CELL, CELLS, REDUCTIONS, channels
from harness.spaces.nb201.operations import KERNELS


def cost(archs: Archs, *, classes: int, shape: Shape = CIFAR, reduction: str = "residual") -> Cost:
    """Count parameters and multiply-adds: (n, 5) to two (n,) int64 arrays.

    The defaults give the published counts; parameters depend on the channels of `shape` alone.

    Parameters
    ----------
    archs : (n, 5) integers
    classes : int
    shape : (C, H, W)
        Of an image; sides divisible by 4, H = 1 for signals.
    reduction : {"residual", "pool"}

    Examples
    --------
    >>> cost(np.array([[0, 0, 0, 1, 3]]), classes=10)
    Cost(params=array([49202]), macs=array([6840650]))
    """
    geometry, widths = Geometry.of(shape), channels(archs).T
    positions = geometry.positions(shape, len(CELLS))
    total = layers.conv_norm(shape[0], widths[0], geometry.area(3), positions[0])
    for (before, after), places in zip(CELLS, positions, strict=True):
        total += _cell(widths[before], widths[after], geometry, places)
    for (before, after), places in zip(REDUCTIONS, positions[1:], strict=True):
        total += layers.reduction(reduction, widths[before], widths[after], geometry, places)
    return total + layers.head(widths[-1], classes)


def _cell(before: IntArray, after: IntArray, geometry: Geometry, places: int) -> Cost:
    """Count a cell; its one skip leaves the input, and is a convolution where the width changes."""
    widens: IntArray = (before != after).astype(np.int64)
    total = layers.conv_norm(before, after, 1, places) * widens
    for (source, _), code in zip(EDGES, CELL, strict=True):
        if code != SKIP:
            total += layers.conv_norm(after if source else before, after, geometry.area(KERNELS[code]), places)
    return total
