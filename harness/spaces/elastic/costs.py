"""Parameters and multiply-adds of networks of the elastic space in closed form."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.spaces import layers
from harness.spaces.elastic.skeleton import BLOCKS, EXPANSIONS, KERNELS, STAGES, parts_of
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nb201.operations import stage_widths


def cost(archs: Archs, *, classes: int, shape: Shape, channels: int = 12) -> Cost:
    """Count parameters and multiply-adds: (n, 21) to two (n,) int64 arrays.

    Examples
    --------
    >>> from harness.spaces.elastic.skeleton import LARGEST, SMALLEST
    >>> cost(np.array([LARGEST, SMALLEST]), classes=10, shape=(1, 1, 40)).macs.tolist()
    [1107850, 189130]
    """
    geometry, widths = Geometry.of(shape), stage_widths(channels)
    positions = geometry.positions(shape, STAGES)
    depths, kernels, expansions = parts_of(archs)
    areas = np.array([geometry.area(kernel) for kernel in KERNELS])[kernels]
    ratios = np.array(EXPANSIONS)[expansions]
    total = layers.conv_norm(shape[0], widths[0], geometry.area(3), positions[0])
    for stage, (width, places) in enumerate(zip(widths, positions, strict=True)):
        if stage:
            total += layers.reduction("pool", widths[stage - 1], width, geometry, places)
        for block in range(BLOCKS):
            gene = stage * BLOCKS + block
            there: IntArray = (depths[:, stage] >= block).astype(np.int64)
            total += _block(width, ratios[:, gene] * width, areas[:, gene], places) * there
    return total + layers.head(widths[-1], classes)


def _block(width: int, middle: IntArray, area: IntArray, places: int) -> Cost:
    """Count an inverted residual: to the middle width, depthwise there, and back."""
    depthwise = middle * area
    total = layers.conv_norm(width, middle, 1, places) + Cost(depthwise, depthwise * places) + layers.norm(middle)
    return total + layers.conv_norm(middle, width, 1, places)
