"""The network of the elastic space: stem, three stages of inverted residuals with reductions between them, head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import Archs

STAGES, BLOCKS = 3, 3
"""Stages, and blocks of a stage at most."""
DEPTHS, KERNELS, EXPANSIONS = (1, 2, 3), (3, 5, 7), (2, 3, 4)
"""Values of each kind of gene, by code; a block that is not there has the next code."""
PER_STAGE = 1 + 2 * BLOCKS
"""Genes of a stage: its depth, then kernel and expansion of each block."""
CARDINALITIES = (3, 3, 3, *(4,) * (2 * BLOCKS - 2)) * STAGES


def blocks(arch: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Return kernel and expansion of each block that is there, by stage.

    >>> blocks((0, 2, 1, 3, 3, 3, 3, 1, 0, 0, 1, 2, 3, 3, 0, 0, 0, 3, 3, 3, 3))
    [[(7, 3)], [(3, 2), (5, 4)], [(3, 2)]]
    """
    found = []
    for start in range(0, STAGES * PER_STAGE, PER_STAGE):
        genes = arch[start + 1 : start + 1 + 2 * DEPTHS[arch[start]]]
        found.append([(KERNELS[k], EXPANSIONS[e]) for k, e in zip(genes[::2], genes[1::2], strict=True)])
    return found


def genes_of(depths: Archs, kernels: Archs, expansions: Archs) -> Archs:
    """Return genes of codes of depths (n, 3), and of kernels and expansions (n, 9), of every block, there or not.

    Those of blocks that are not there count for nothing.

    Returns
    -------
    (n, 21) uint8
    """
    count = len(depths)
    both = np.stack([kernels, expansions], axis=2).reshape(count, STAGES, BLOCKS, 2)
    there = np.arange(BLOCKS) <= depths[:, :, None]
    flat = np.where(there[..., None], both, len(KERNELS)).reshape(count, STAGES, 2 * BLOCKS)
    return np.concatenate([depths[:, :, None], flat], axis=2).reshape(count, -1).astype(np.uint8)


def parts_of(archs: Archs) -> tuple[Archs, Archs, Archs]:
    """Return the codes that `genes_of` takes: (n, 21) to (n, 3), (n, 9) and (n, 9); 0 of blocks that are not there."""
    staged = np.asarray(archs).reshape(-1, STAGES, PER_STAGE)
    both = staged[:, :, 1:].reshape(-1, STAGES * BLOCKS, 2)
    both = np.where(both == len(KERNELS), 0, both)
    return staged[:, :, 0], both[:, :, 0], both[:, :, 1]


LARGEST, SMALLEST = (
    tuple(genes_of(*(np.full((1, count), code) for count in (STAGES, STAGES * BLOCKS, STAGES * BLOCKS)))[0].tolist())
    for code in (2, 0)
)
"""Genes of the whole network, and of the smallest one in it."""
