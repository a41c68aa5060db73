"""The network of the size space: widths of its five layers, and the cell between them, in which nothing is searched.

Stem to layer 0, cell to layer 0, reduction to layer 1, cell to layer 2, reduction to layer 3, cell to layer 4, head.
"""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.spaces.four_nodes import SKIP
from harness.spaces.nb201.operations import CONV_3X3

LAYERS = 5
WIDTHS = tuple(range(8, 65, 8))
"""Channels of each value of a gene."""
CARDINALITIES = (len(WIDTHS),) * LAYERS
CELL = (CONV_3X3, CONV_3X3, CONV_3X3, SKIP, CONV_3X3, CONV_3X3)
"""Operations of the cell on `four_nodes.EDGES`; edges that leave the input change the width, a skip by a 1x1
convolution with batch normalisation where it must."""
CELLS = ((0, 0), (1, 2), (3, 4))
"""Layers from and to which the cell of each stage leads."""
REDUCTIONS = ((0, 1), (2, 3))
"""Layers from and to which each reduction leads."""


def channels(archs: Archs) -> IntArray:
    """Return the width of each layer: (n, 5) or (5,) integers to the same shape, int64."""
    return np.array(WIDTHS, dtype=np.int64)[archs]
