"""Parameters and multiply-adds of DARTS networks in closed form, for any width, depth, order of cells and data.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, evaluation network without the auxiliary head: a
stem of 3 C channels, cells of width C that doubles in the reduction cells, which stand at one and two thirds of the
depth, each cell reading the two before it through 1x1 convolutions, and a linear classifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, integer
from harness.spaces.darts.cells import GENES, NODES, OPERATION_GENES, OPERATIONS, sources
from harness.spaces.layers import CIFAR, Cost, Geometry, Shape, conv, conv_norm, separable

_KERNELS = {"sep_conv_3x3": (2, 3), "sep_conv_5x5": (2, 5), "dil_conv_3x3": (1, 3), "dil_conv_5x5": (1, 5)}
"""For each operation with weights: how many depthwise separable convolutions, and the side of a depthwise kernel."""


def order(cells: int, reduction_cells: Sequence[int] | None = None) -> list[bool]:
    """Return for each cell of a network whether it is a reduction cell.

    Parameters
    ----------
    cells : int
    reduction_cells : sequence of int, optional
        Positions from 0; those beyond the last cell are none.  The default is the paper's, one and two thirds.

    Examples
    --------
    >>> order(3), order(3, (0, 2))
    ([False, True, True], [True, False, True])
    """
    places = (cells // 3, 2 * cells // 3) if reduction_cells is None else tuple(reduction_cells)
    return [cell in places for cell in range(cells)]


def cost(
    archs: Archs,
    *,
    classes: int,
    shape: Shape = CIFAR,
    channels: int = 36,
    cells: int = 20,
    reduction_cells: Sequence[int] | None = None,
    stem_stride: int = 1,
) -> Cost:
    """Count parameters and multiply-adds: (n, 22) to two (n,) int64 arrays.

    Batch-norm weights count as parameters; the classifier's bias is a parameter and no multiply-add.  The auxiliary
    head does not count.

    Parameters
    ----------
    archs : (n, 22) integers
    classes : int
    shape : (C, H, W)
        Of an image; H = 1 for signals.  Parameters depend on C alone.
    channels, cells : int
        The defaults are the network that the DARTS paper evaluates; NAS-Bench-301 trained 32 and 8.
    reduction_cells : sequence of int, optional
        See `order`.
    stem_stride : int
    """
    geometry = Geometry.of(shape)
    genes = {False: archs[:, :GENES], True: archs[:, GENES:]}
    halves = geometry.area(2)
    positions = shape[1] * shape[2] // geometry.area(stem_stride)
    before = last = 3 * channels
    width = channels
    total = conv_norm(shape[0], last, geometry.area(3), positions) * np.ones(len(archs), dtype=np.int64)
    for reduces in order(cells, reduction_cells):
        width *= 2 if reduces else 1
        inner = positions // halves if reduces else positions
        # What is read of the cell before the last one is brought to the last one's size.
        total += conv_norm(before, width, 1, positions) + conv_norm(last, width, 1, positions)
        total += _operations(genes[reduces], width, geometry, inner, reduces=reduces)
        before, last, positions = last, len(NODES) * width, inner
    linear = conv(last, classes, 1, 1)
    return total + Cost(linear.params + classes, linear.macs)


def _operations(cell: Archs, width: int, geometry: Geometry, positions: int, *, reduces: bool) -> Cost:
    """Count what stands on the edges of cells: (n, 11) to (n,); a skip at stride 2 is a factorised reduction."""
    operations = cell[:, OPERATION_GENES]
    total = Cost(np.zeros(len(cell), dtype=np.int64), np.zeros(len(cell), dtype=np.int64))
    for name, (times, kernel) in _KERNELS.items():
        each = separable(width, geometry.area(kernel), positions)
        total += each * (times * _count(operations == OPERATIONS.index(name)))
    if reduces:
        skips = (operations == OPERATIONS.index("skip_connect")) & (sources(cell) < NODES[0])
        total += conv_norm(width, width, 1, positions) * _count(skips)
    return total


def _count(there: BoolArray) -> IntArray:
    count: IntArray = np.sum(there, axis=1, dtype=np.int64)
    return count


def params(archs: Archs, *, channels: int = 36, cells: int = 20, classes: int = 10) -> FloatArray:
    """Count trainable parameters on CIFAR images, see `cost`: (n, 22) to (n,)."""
    integer("channels", channels, low=1)
    integer("cells", cells, low=3)
    return cost(archs, classes=classes, channels=channels, cells=cells).params.astype(np.float64)


def macs(archs: Archs, *, channels: int = 36, cells: int = 20, classes: int = 10, image_size: int = 32) -> FloatArray:
    """Count multiply-adds on square images of three channels, see `cost`: (n, 22) to (n,)."""
    integer("channels", channels, low=1)
    integer("cells", cells, low=3)
    shape = (3, image_size, image_size)
    return cost(archs, classes=classes, shape=shape, channels=channels, cells=cells).macs.astype(np.float64)


def auxiliary_params(*, channels: int = 36, classes: int = 10) -> int:
    """Count trainable parameters of the auxiliary head that reads the second reduction cell, for CIFAR images."""
    wide = 4 * len(NODES) * channels
    return 128 * wide + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * classes + classes
