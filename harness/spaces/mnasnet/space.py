"""The MnasNet-like space of Accel-NASBench: seven blocks of inverted residuals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.growth import GeneGrowth, Growth
from harness.space import SearchSpace
from harness.spaces.literals import data

BLOCKS = 7
EXPANSIONS, KERNELS, SQUEEZES = (1, 4, 6), (3, 5), (False, True)
LAYERS = ((1, 2, 3),) * 5 + ((1, 2, 3, 4), (1, 2, 3))
"""Numbers of layers that each block may have."""
VARIABLES = tuple(f"block{block}_{what}" for block in range(BLOCKS) for what in ("e", "k", "l", "se"))
"""Published names of the genes."""
VALUES: Mapping[str, tuple[int, ...]] = {
    f"block{block}_{what}": values
    for block in range(BLOCKS)
    for what, values in (("e", EXPANSIONS), ("k", KERNELS), ("l", LAYERS[block]), ("se", SQUEEZES))
}
"""Values of each published variable, in the order of the gene's codes."""
_PRESERVING = [
    (gene, before, after)
    for gene, (name, values) in enumerate(VALUES.items())
    for before, after in combinations(range(len(values)), 2)
    if name[-1] in "ekl" and not (name[-1] == "e" and values[before] == 1) and not name.endswith("se")
]
_BLOCK = re.compile(r"e(\d)k(\d)l(\d)(se)?")
_RULE = "read 'e6k3l1 e4k5l2se …', seven blocks, or be a JSON object of the 28 published variables"


class MnasNetSpace(SearchSpace):
    """Networks of Accel-NASBench (Ahmad et al., DAC 2024), from the space of MnasNet (Tan et al., CVPR 2019).

    Genes: for each of seven blocks its expansion, kernel, number of layers, and whether it has squeeze-and-excitation,
    28 in the order of `VARIABLES`; gene values are positions in `VALUES`.  All 104,485,552,128 codings are valid, and
    no two are the same network.  `sample` is uniform over codings; `mutate` and `neighbours` change one variable.

    `morphisms` of a block are a larger kernel, more layers (residual ones, whose last batch normalisation gives zeros)
    and expansion 6 in place of 4.  Expansion 1 has no layer that widens, and so no ReLU, before its depthwise one: a
    wider block cannot do the same.

    The encoding ``one_hot`` has an indicator for each value of each variable (71).
    """

    description: ClassVar[str] = (
        "MnasNet-like networks: expansion (1, 4, 6), kernel (3, 5), layers (1 to 3; block 5 to 4) and "
        "squeeze-and-excitation of each of seven blocks. All codings are valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__(
            "mnasnet",
            [len(values) for values in VALUES.values()],
            kinds=("ordinal", "ordinal", "ordinal", "categorical") * BLOCKS,
            nodes=np.repeat(np.arange(BLOCKS), len(VARIABLES) // BLOCKS).tolist(),
            preserving=_PRESERVING,
        )

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the values of each gene: expansion, kernel, layers and squeeze-and-excitation of each block."""
        return {gene: tuple(map(str, values)) for gene, values in VALUES.items()}

    @cached_property
    def growth(self) -> Growth:
        """Growth of one variable to its next value; the level is the sum of the genes."""
        return GeneGrowth(self.cardinalities, steps=True)

    def format(self, archs: Archs) -> list[str]:
        """Write networks block by block: (n, 28) to n strings.

        >>> MnasNetSpace().format(np.zeros((1, 28), dtype=np.uint8))
        ['e1k3l1 e1k3l1 e1k3l1 e1k3l1 e1k3l1 e1k3l1 e1k3l1']
        """
        texts = []
        for arch in np.asarray(archs).tolist():
            told = [values[code] for values, code in zip(VALUES.values(), arch, strict=True)]
            blocks = [told[start : start + 4] for start in range(0, len(told), 4)]
            texts.append(" ".join(f"e{e}k{k}l{layers}{'se' * se}" for e, k, layers, se in blocks))
        return texts

    def _genes(self, text: str) -> list[int]:
        """Read blocks, or a JSON object of the published variables."""
        text = text.strip()
        if text.startswith("{"):
            return genes(data(text, _RULE))
        matches = [_BLOCK.fullmatch(block) for block in text.split()]
        found = [match for match in matches if match]
        if len(found) != BLOCKS or len(matches) != BLOCKS:
            raise HarnessError(must("architecture", _RULE, text))
        told = [value for match in found for value in (*map(int, match.groups()[:3]), match[4] is not None)]
        return genes(dict(zip(VARIABLES, told, strict=True)))

    def _facts(self) -> Mapping[str, object]:
        return {"variables": {name: list(values) for name, values in VALUES.items()}}


def genes(variables: Mapping[str, Any]) -> list[int]:
    """Return the genes of published variables: an object of 28 values to 28 codes.

    Raises
    ------
    HarnessError
        If a variable is missing, unknown, or has a value that the space does not know.
    """
    if not isinstance(variables, Mapping) or set(variables) != set(VARIABLES):
        raise HarnessError(must("architecture", "have exactly the variables block0_e … block6_se", variables))
    codes = []
    for name, values in VALUES.items():
        value = variables[name]
        if type(value) is not type(values[0]) or value not in values:  # True is 1 to Python, and no kernel
            raise HarnessError(must(name, f"be one of {', '.join(map(str, values))}", value))
        codes.append(values.index(value))
    return codes
