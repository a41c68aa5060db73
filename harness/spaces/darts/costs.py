"""Parameters and multiply-adds of DARTS networks in closed form, for any width, depth and number of classes.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, evaluation network without the auxiliary head: a
stem of 3 C channels, cells of width C that doubles in the reduction cells at one and two thirds of the depth, each
cell reading the two before it through 1x1 convolutions, and a linear classifier.
"""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray, integer
from harness.spaces.darts.cells import GENES, NODES, OPERATION_GENES, OPERATIONS, sources

_KERNELS = {"sep_conv_3x3": (2, 9), "sep_conv_5x5": (2, 25), "dil_conv_3x3": (1, 9), "dil_conv_5x5": (1, 25)}
"""For each operation with weights: how many depthwise separable convolutions, and taps of a depthwise kernel."""


def params(archs: Archs, *, channels: int = 36, cells: int = 20, classes: int = 10) -> FloatArray:
    """Count trainable parameters: (n, 22) to (n,); batch-norm scale and shift count, the auxiliary head does not.

    The defaults are the network that the DARTS paper evaluates; NAS-Bench-301 trained `channels` 32 and `cells` 8.
    """
    convolutions, norms, width = _walk(archs, channels, cells, image_size=1)
    return convolutions + norms + 4.0 * width * classes + classes


def auxiliary_params(*, channels: int = 36, classes: int = 10) -> int:
    """Count trainable parameters of the auxiliary head that reads the second reduction cell, for CIFAR images."""
    wide = 4 * len(NODES) * channels
    return 128 * wide + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * classes + classes


def macs(archs: Archs, *, channels: int = 36, cells: int = 20, classes: int = 10, image_size: int = 32) -> FloatArray:
    """Count multiply-adds of convolutions and classifier, without its bias: (n, 22) to (n,)."""
    convolutions, _, width = _walk(archs, channels, cells, image_size)
    return convolutions + 4.0 * width * classes


def _walk(archs: Archs, channels: int, cells: int, image_size: int) -> tuple[FloatArray, FloatArray, int]:
    """Sum convolution weights times output positions, and norm weights; return them and the last width.

    An `image_size` of 1 stands for counting every weight once.
    """
    integer("channels", channels, low=1)
    integer("cells", cells, low=3)
    edges = {False: _edges(archs[:, :GENES], reduction=False), True: _edges(archs[:, GENES:], reduction=True)}
    once = image_size == 1
    positions = float(image_size**2)
    convolutions = np.full(len(archs), 27.0 * 3 * channels * positions)
    norms = np.full(len(archs), 6.0 * channels)
    before, last, width = 3 * channels, 3 * channels, channels
    for cell in range(cells):
        reduction = cell in (cells // 3, 2 * cells // 3)
        width *= 2 if reduction else 1
        inner = positions if once or not reduction else positions / 4
        squares, taps, normed = edges[reduction]
        convolutions += (before + last) * width * positions + (squares * width + taps) * width * inner
        norms += (4.0 + normed) * width
        before, last, positions = last, len(NODES) * width, inner
    return convolutions, norms, width


def _edges(cell: Archs, *, reduction: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count the weights on the edges: (n, 11) to (n,) each; a skip at stride 2 is a factorised reduction.

    In a cell of width c, (squares, taps, norms) are ``squares c² + taps c`` in convolutions and ``norms c`` in norms.
    """
    operations = cell[:, OPERATION_GENES]
    squares, taps, norms = np.zeros(len(cell)), np.zeros(len(cell)), np.zeros(len(cell))
    for name, (convolutions, kernel) in _KERNELS.items():
        edges = np.count_nonzero(operations == OPERATIONS.index(name), axis=1)
        squares += convolutions * edges
        taps += convolutions * kernel * edges
        norms += 2.0 * convolutions * edges
    if reduction:
        skips = (operations == OPERATIONS.index("skip_connect")) & (sources(cell) < NODES[0])
        squares += np.count_nonzero(skips, axis=1)
        norms += 2.0 * np.count_nonzero(skips, axis=1)
    return squares, taps, norms
