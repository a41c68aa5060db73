"""Operations of NAS-Bench-201, and the stages of the network into which its cells are stacked."""

from __future__ import annotations

from harness.spaces.four_nodes import EDGES, NONE

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""Names of the codes; the first two are `four_nodes.NONE` and `SKIP`."""
CONV_1X1, CONV_3X3, POOL = 2, 3, 4
KERNELS = {CONV_1X1: 1, CONV_3X3: 3}
"""Kernel size of the convolutional operations: ReLU, convolution, batch normalisation."""
PRESERVING = tuple(
    (gene, before, after)
    for gene in range(len(EDGES))
    for before, after in ((NONE, CONV_1X1), (NONE, CONV_3X3), (CONV_1X1, CONV_3X3))
)
"""Edits that can keep the function: gene, value and new value; see `NB201Space`."""
CARDINALITIES = (len(OPERATIONS),) * len(EDGES)
CODINGS = len(OPERATIONS) ** len(EDGES)
STAGES = 3


def stage_widths(channels: int) -> list[int]:
    """Return the channels of each stage; they double at the reductions.

    >>> stage_widths(16)
    [16, 32, 64]
    """
    return [channels * 2**stage for stage in range(STAGES)]
