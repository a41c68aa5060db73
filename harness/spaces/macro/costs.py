"""Parameters and multiply-adds of NAS-Bench-Macro networks on CIFAR-10 in closed form."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray, read_only
from harness.spaces.layers import Cost, conv_norm

STAGES = (2, 3, 3)
"""Layers of each stage; the first of a stage has stride 2 and doubles the width."""
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
    costs: list[Cost] = []
    width, size = 32, 32
    for layers in STAGES:
        for layer in range(layers):
            out, size_out = (2 * width, size // 2) if layer == 0 else (width, size)
            costs.append(conv_norm(width, out, 1, size_out**2) * (layer == 0))
            costs += [_mbconv(width, out, size, size_out, kernel, expansion) for kernel, expansion in _BLOCKS]
            width, size = out, size_out
    parameters, multiply_adds = np.array([(cost.params, cost.macs) for cost in costs], dtype=np.float64).T
    return read_only(parameters.reshape(sum(STAGES), -1)), read_only(multiply_adds.reshape(sum(STAGES), -1))


def _mbconv(width: int, out: int, size: int, size_out: int, kernel: int, expansion: int) -> Cost:
    hidden = expansion * width
    depthwise = conv_norm(1, hidden, kernel**2, size_out**2)
    return conv_norm(width, hidden, 1, size**2) + depthwise + conv_norm(hidden, out, 1, size_out**2)


_PARAMS, _MACS = _layer_costs()
