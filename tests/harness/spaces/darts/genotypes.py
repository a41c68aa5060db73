"""Published DARTS architectures, as their code prints them."""

from __future__ import annotations

from harness.spaces.darts.cells import START, WITH_NONE
from harness.spaces.darts.space import DARTSSpace

SEP, SKIP, MAX, AVG, DIL = "sep_conv_3x3", "skip_connect", "max_pool_3x3", "avg_pool_3x3", "dil_conv_3x3"


def genotype(normal, reduce) -> str:
    """Write cells as the original code prints them, in the order given."""
    return f"Genotype(normal={normal}, normal_concat=[2, 3, 4, 5], reduce={reduce}, reduce_concat=[2, 3, 4, 5])"


DARTS_V1 = genotype(
    [(SEP, 1), (SEP, 0), (SKIP, 0), (SEP, 1), (SKIP, 0), (SEP, 1), (SEP, 0), (SKIP, 2)],
    [(MAX, 0), (MAX, 1), (SKIP, 2), (MAX, 0), (MAX, 0), (SKIP, 2), (SKIP, 2), (AVG, 0)],
)
DARTS_V2 = genotype(
    [(SEP, 0), (SEP, 1), (SEP, 0), (SEP, 1), (SEP, 1), (SKIP, 0), (SKIP, 0), (DIL, 2)],
    [(MAX, 0), (MAX, 1), (SKIP, 2), (MAX, 1), (MAX, 0), (SKIP, 2), (SKIP, 2), (MAX, 1)],
)
RAW_EXAMPLE = genotype(
    [(SKIP, 0), (SEP, 1), (SEP, 0), (SKIP, 1), (DIL, 0), ("dil_conv_5x5", 2), (SEP, 1), (SKIP, 2)],
    [(MAX, 0), (AVG, 1), (SKIP, 0), ("dil_conv_5x5", 1), (SEP, 1), ("sep_conv_5x5", 2), (SEP, 2), (DIL, 3)],
)
"""The architecture of the one raw result in the repository of NAS-Bench-301."""


def configuration(arch, prefix="NetworkSelectorDatasetInfo:darts:"):
    """Write one row of genes as NAS-Bench-301 does."""
    told = {}
    for cell, edges in zip(("normal", "reduce"), DARTSSpace().compact(arch[None])[0], strict=True):
        for place, (source, code) in enumerate(edges):
            node = 2 + place // 2
            told[f"{prefix}edge_{cell}_{START[node] + source}"] = WITH_NONE[code]
            if node > 2:
                pair = edges[2 * (place // 2) : 2 * (place // 2) + 2]
                told[f"{prefix}inputs_node_{cell}_{node}"] = "_".join(str(source) for source, _ in pair)
    return told
