"""Parameters and multiply-adds of NAS-Bench-201 networks in closed form, of any width, depth and data.

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020, 2.1: a stem,
three stages of equal cells with a reduction between them, a head.
"""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.spaces import layers
from harness.spaces.layers import CIFAR, Cost, Geometry, Shape
from harness.spaces.nb201.operations import KERNELS, stage_widths


def cost(
    archs: Archs,
    *,
    classes: int,
    shape: Shape = CIFAR,
    channels: int = 16,
    cells: int = 5,
    reduction: str = "residual",
) -> Cost:
    """Count parameters and multiply-adds, dead edges included: (n, 6) to two (n,) int64 arrays.

    The defaults are the published network, and its counts the published ones (multiply-adds are called FLOPs there).
    Batch-norm weights count, and so do convolutions that no gradient reaches.

    Parameters
    ----------
    archs : (n, 6) integers
    classes : int
    shape : (C, H, W)
        Of an image; sides divisible by 4, H = 1 for signals.  Parameters depend on C alone.
    channels : int
        Width of the first stage.
    cells : int
        In each stage.
    reduction : {"residual", "pool"}

    Examples
    --------
    >>> cost(np.array([[3, 3, 3, 3, 3, 3]]), classes=10)
    Cost(params=array([1531546]), macs=array([220119690]))
    """
    counts: dict[int, IntArray] = {code: np.sum(archs == code, axis=1, dtype=np.int64) for code in KERNELS}

    def cell(width: int, geometry: Geometry, positions: int) -> Cost:
        total = Cost(np.zeros(len(archs), dtype=np.int64), np.zeros(len(archs), dtype=np.int64))
        for code, kernel in KERNELS.items():
            total += layers.conv_norm(width, width, geometry.area(kernel), positions) * counts[code]
        return total

    return layers.staged(cell, widths=stage_widths(channels), cells=cells, classes=classes, shape=shape, kind=reduction)
