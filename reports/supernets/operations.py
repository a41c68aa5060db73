"""Operations of derived cells and their weights: what grows when a search collapses."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray
from harness.space import SearchSpace
from reports.supernets.results import Supernet
from reports.why.searched import operation_genes

WEIGHTLESS = {"none": ("none", "zero"), "skips": ("skip", "identity"), "pools": ("pool",)}
"""Operations without weights of their own: the name of each kind, and parts of the field's names of them."""


def weightless(space: SearchSpace) -> dict[str, tuple[list[int], list[int]]]:
    """Return for each of `WEIGHTLESS` the codes of its operations, and the genes that hold operations."""
    names, genes = operation_genes(space)
    return {
        kind: ([code for code, name in enumerate(names) if any(part in name for part in parts)], genes)
        for kind, parts in WEIGHTLESS.items()
    }


def counts(space: SearchSpace, archs: Archs) -> FloatArray:
    """Count operations without weights, by the kinds of `WEIGHTLESS`: (n, L) to (n, 3)."""
    return np.stack(
        [np.isin(archs[:, genes], codes).sum(1).astype(float) for codes, genes in weightless(space).values()], 1
    )


def entropies(one: Supernet) -> FloatArray:
    """Return the entropy of the weights of operations after each epoch, mean over edges, in nats: (T,), or (0,)."""
    if "probabilities" not in one.logs:
        return np.empty(0)
    p = one.logs["probabilities"]
    found: FloatArray = -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=2).mean(1)
    return found
