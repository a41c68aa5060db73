"""Parameters and multiply-adds of NAS-Bench-Macro networks on CIFAR-10 in closed form."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray, read_only
from harness.spaces.macro.space import STAGES

CLASSES = 10
_BLOCKS = ((3, 3), (5, 6))
"""Kernel and expansion of the inverted residuals."""


def params(archs: Archs) -> FloatArray:
    """Count trainable parameters of the CIFAR-10 network in closed form: (n, 8) to (n,); equal to the published ones.

    Stem of 32 channels, widths 64, 128 and 256, a 1x1 convolution to 1,280 channels and the classifier; weights and
    shifts of batch norm count.
    """
    stem, head = 3 * 32 * 9 + 2 * 32, 256 * 1280 + 2 * 1280 + (1280 + 1) * CLASSES
    return _total(archs, _PARAMS) + float(stem + head)


def macs(archs: Archs) -> FloatArray:
    """Count multiply-adds on a 32 x 32 image in closed form: (n, 8) to (n,); equal to the published "flops".

    Convolutions and the classifier without its bias; batch norm, ReLU, pooling and sums are not counted.
    """
    stem, head = 32 * 32 * 3 * 32 * 9, 4 * 4 * 256 * 1280 + 1280 * CLASSES
    return _total(archs, _MACS) + float(stem + head)


def _total(archs: Archs, costs: FloatArray) -> FloatArray:
    total: FloatArray = costs[np.arange(sum(STAGES)), archs].sum(axis=1)
    return total


def _layer_costs() -> tuple[FloatArray, FloatArray]:
    """Return parameters and multiply-adds of each operation at each layer: (8, 3) and (8, 3)."""
    parameters, multiply_adds = [], []
    width, size = 32, 32
    for layers in STAGES:
        for layer in range(layers):
            out, size_out = (2 * width, size // 2) if layer == 0 else (width, size)
            convolution = width * out if layer == 0 else 0
            blocks = [_mbconv(width, out, size, size_out, kernel, expansion) for kernel, expansion in _BLOCKS]
            parameters.append([convolution + (2 * out if layer == 0 else 0), *(count for count, _ in blocks)])
            multiply_adds.append([convolution * size_out**2, *(count for _, count in blocks)])
            width, size = out, size_out
    return read_only(np.array(parameters, dtype=np.float64)), read_only(np.array(multiply_adds, dtype=np.float64))


def _mbconv(width: int, out: int, size: int, size_out: int, kernel: int, expansion: int) -> tuple[int, int]:
    hidden = expansion * width
    weights = width * hidden, kernel**2 * hidden, hidden * out
    norms = 2 * hidden + 2 * hidden + 2 * out
    return sum(weights) + norms, size**2 * weights[0] + size_out**2 * (weights[1] + weights[2])


_PARAMS, _MACS = _layer_costs()
