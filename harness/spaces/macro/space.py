"""The NAS-Bench-Macro space: one of three layers at each of eight places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array
from harness.errors import HarnessError, must
from harness.growth import GeneGrowth, Growth
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.macro.costs import STAGES, macs, params

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""Nothing; inverted residuals with kernel 3 and expansion 3; with kernel 5 and expansion 6."""
_FREE = ((3, 4), (6, 7))
"""Places of one stage where both layers keep the shape, so that an identity between them moves nothing."""
_FIRST = (0, *np.cumsum(STAGES)[:-1].tolist())
"""Places where the width changes, so that an identity is a convolution."""
_PRESERVING = [
    (place, before, after)
    for place in range(sum(STAGES))
    for before, after in ((0, 1), (0, 2), (1, 2))
    if before or place not in _FIRST
]


class MacroSpace(EnumeratedSpace):
    """Networks of NAS-Bench-Macro (Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", 2021).

    Genes: the operations of the eight layers, in the order of `OPERATIONS`.  All 6,561 codings are valid and each is a
    row of the table.  `key` knows:

    - ``"exact"`` and ``"string"``: the coding;
    - ``"functional"``: identities that keep the shape vanish, so layers behind them move up: 3,969 classes.  The key is
      the coding with the identities of a stage last.

    `morphisms` put a block where there is an identity that keeps the shape (the last batch normalisation of the block
    gives zeros beside its shortcut), or the larger block in place of the smaller (kernel in the centre, wider inside).

    The encoding ``one_hot`` has three indicators for each layer (24).
    """

    description: ClassVar[str] = (
        "NAS-Bench-Macro networks: identity, MBConv (kernel 3, expansion 3) or MBConv (kernel 5, expansion 6) at each "
        "of eight layers in stages of 2, 3 and 3. All 6,561 codings are valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__("macro", [len(OPERATIONS)] * sum(STAGES), preserving=_PRESERVING)

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the published network for CIFAR-10."""
        return {"params_m": params(archs) / 1e6, "macs_m": macs(archs) / 1e6}

    def canonical(self, archs: Archs) -> Archs:
        """Move the identities that keep the shape to the end of their stage: (n, 8) to (n, 8)."""
        moved = np.array(archs, dtype=self.dtype)
        for first, second in _FREE:
            empty = moved[:, first] == 0
            moved[empty, first] = moved[empty, second]
            moved[empty, second] = 0
        return moved

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return self.code(self.canonical(archs) if identity == "functional" else archs)

    @cached_property
    def growth(self) -> Growth:
        """Growth of one layer, from nothing to the small and the large block; the level is the sum of the genes."""
        return GeneGrowth(self.cardinalities, steps=True)

    def format(self, archs: Archs) -> list[str]:
        """Write networks as the published keys, eight digits: (n, 8) to n strings.

        >>> MacroSpace().format(np.array([[2, 2, 2, 1, 2, 2, 2, 0]]))
        ['22212220']
        """
        return ["".join(map(str, arch)) for arch in np.asarray(archs).tolist()]

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the operations of each layer."""
        return {f"layer {layer + 1}": OPERATIONS for layer in range(self.genes)}

    def _genes(self, text: str) -> list[int]:
        """Read a published key, eight digits 0, 1 or 2."""
        row = text.strip()
        if len(row) != self.genes or not set(row) <= set("012"):
            raise HarnessError(must("architecture", f"be {self.genes} digits 0, 1 or 2", row))
        return list(map(int, row))

    def _facts(self) -> Mapping[str, object]:
        return {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(np.unique(self.key(self.all_codings)))},
        }
