"""Three stages of inverted residuals: how many there are, how wide each is and how far each sees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.spaces.elastic.skeleton import BLOCKS, DEPTHS, EXPANSIONS, KERNELS, STAGES, blocks
from harness.spaces.own.conditional import INACTIVE, ConditionalSpace

_GENES: Mapping[str, Sequence[int]] = {
    name: values
    for stage in range(1, STAGES + 1)
    for name, values in (
        (f"depth{stage}", DEPTHS),
        *((f"{what}{stage}.{block}", values) for block in range(1, BLOCKS + 1)
          for what, values in (("kernel", KERNELS), ("expansion", EXPANSIONS))),
    )
}  # fmt: skip
_WHEN = {
    f"{what}{stage}.{block}": {f"depth{stage}": tuple(str(depth) for depth in DEPTHS if depth >= block)}
    for stage in range(1, STAGES + 1)
    for block in range(2, BLOCKS + 1)
    for what in ("kernel", "expansion")
}
_BLOCK = re.compile(r"e(\d)k(\d)")
_RULE = "read 'e4k7 e3k5 | e2k3 | e4k3', the blocks of three stages"


class ElasticSpace(ConditionalSpace):
    """Networks inside the small once-for-all network (Cai et al., "Once-for-All", ICLR 2020, 3.2, for small inputs).

    Three stages of 1, 2 or 3 inverted residuals, each with a depthwise kernel of 3, 5 or 7 and an expansion of 2, 3 or
    4.  Genes: for each stage its depth, then kernel and expansion of each of its blocks, 21 in all; those of blocks
    that are not there are ``none``.  `sample` draws every gene that is there uniformly, as the authors' code does.

    Texts have a word for each block, stage by stage: ``e4k7 e3k5 | e2k3 | e4k3`` has two blocks in its first stage.
    """

    description: ClassVar[str] = (
        "Networks of inverted residuals: three stages of 1 to 3 blocks, each with expansion 2, 3 or 4 and kernel 3, 5 "
        "or 7. Samples draw depths, then what each block has, uniformly."
    )

    def __init__(self) -> None:
        description = type(self).description
        super().__init__(
            "elastic",
            {gene: [*map(str, values)] for gene, values in _GENES.items()},
            when=_WHEN,
            ordinal=[*_GENES],
        )
        self.description = description  # type: ignore[misc]  # in place of the list of 21 genes

    def format(self, archs: Archs) -> list[str]:
        """Write networks block by block: (n, 21) to n strings."""
        return [
            " | ".join(" ".join(f"e{expansion}k{kernel}" for kernel, expansion in stage) for stage in blocks(arch))
            for arch in archs.tolist()
        ]

    def _genes(self, text: str) -> list[int]:
        """Read blocks, stage by stage."""
        stages = [[_BLOCK.fullmatch(word) for word in part.split()] for part in text.split("|")]
        if len(stages) != STAGES or not all(1 <= len(stage) <= BLOCKS and all(stage) for stage in stages):
            raise HarnessError(must("architecture", _RULE, text))
        codes = []
        for number, stage in enumerate(stages, 1):
            codes.append(self.code_of(f"depth{number}", str(len(stage))))
            for block in range(1, BLOCKS + 1):
                match = stage[block - 1] if block <= len(stage) else None
                told = (match[2], match[1]) if match else (INACTIVE, INACTIVE)
                for what, value in zip(("kernel", "expansion"), told, strict=True):
                    codes.append(self.code_of(f"{what}{number}.{block}", value))
        return codes
