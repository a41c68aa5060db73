"""The size space of NATS-Bench: the widths of five layers of one fixed network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import ClassVar

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.growth import GeneGrowth, Growth
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.nats_size.costs import cost
from harness.spaces.nats_size.skeleton import CARDINALITIES, LAYERS, WIDTHS, channels

_GENES = {str(width): gene for gene, width in enumerate(WIDTHS)}


class SizeSpace(EnumeratedSpace):
    """Widths of the size space of NATS-Bench (Dong, Liu, Musial & Gabrys, TPAMI 2021, 3.2).

    Gene j is the width of layer j, 8 (gene + 1) channels; the number of a coding is the official index.  Every coding
    is a network of its own, so all identities are the same.  `morphisms` widen one layer, by any number of steps.

    Encodings, one row for each architecture:

    - ``one_hot`` (40);
    - ``widths`` (5): gene / 7, from 0 for 8 channels to 1 for 64.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "widths")
    description: ClassVar[str] = (
        "Widths of five layers, each 8, 16, …, 64 channels, in a network of one cell per stage. All 32,768 codings are "
        "valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        wider = [(gene, low, high) for gene in range(LAYERS) for low, high in combinations(range(len(WIDTHS)), 2)]
        super().__init__("nats-size", CARDINALITIES, kinds=["ordinal"] * LAYERS, preserving=wider)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        return archs / (len(WIDTHS) - 1.0)

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the published network for CIFAR-10, 10 classes."""
        return cost(archs, classes=10).millions()

    @cached_property
    def growth(self) -> Growth:
        """Growth of one layer to the next width; the level is the sum of the genes."""
        return GeneGrowth(self.cardinalities, steps=True)

    def format(self, archs: Archs) -> list[str]:
        """Write widths as the official strings: (n, 5) to n strings.

        >>> import numpy as np
        >>> SizeSpace().format(np.array([[0, 0, 0, 1, 3]]))
        ['8:8:8:16:32']
        """
        return [":".join(map(str, row)) for row in channels(archs).tolist()]

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the channels of each layer."""
        return {f"layer {layer + 1}": tuple(_GENES) for layer in range(self.genes)}

    def _genes(self, text: str) -> list[int]:
        """Read an official string, five widths joined by colons."""
        genes = [_GENES.get(part, -1) for part in text.strip().split(":")]
        if len(genes) != self.genes or -1 in genes:
            raise HarnessError(must("architecture", "read 'w:w:w:w:w' with widths 8, 16, …, 64", text))
        return genes

    def _facts(self) -> Mapping[str, object]:
        return {"widths": list(WIDTHS), "valid": self.codings}
