"""The size space of NATS-Bench: the widths of five layers of one fixed network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, arch_matrix, choice
from harness.errors import HarnessError, must
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.nats_size.skeleton import CARDINALITIES, WIDTHS, channels


class SizeSpace(EnumeratedSpace):
    """Widths of the size space of NATS-Bench (Dong, Liu, Musial & Gabrys, TPAMI 2021, 3.2).

    Gene j is the width of layer j, 8 (gene + 1) channels; the number of a coding is the official index.  Every coding
    is a network of its own, so all identities are the same.

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
        super().__init__("nats-size", CARDINALITIES)

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return the official index of each row: (n, 5) to (n,) uint64."""
        choice("identity", identity, IDENTITIES)
        return self.code(archs)

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode widths for a learner: (n, 5) to (n, d) float64; see the class for `encoding` and d."""
        choice("encoding", encoding, self.encodings)
        archs = arch_matrix("archs", archs, self.genes)
        return self.one_hot(archs) if encoding == "one_hot" else archs / (len(WIDTHS) - 1.0)

    def format(self, archs: Archs) -> list[str]:
        """Write widths as the official strings: (n, 5) to n strings.

        >>> SizeSpace().format(np.array([[0, 0, 0, 1, 3]]))
        ['8:8:8:16:32']
        """
        return [":".join(map(str, row)) for row in channels(archs).tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read official strings: n strings to (n, 5) uint8.

        Raises
        ------
        HarnessError
            If a text is not five widths of 8, 16, …, 64 joined by colons.
        """
        genes = {str(width): gene for gene, width in enumerate(WIDTHS)}
        archs = np.empty((len(texts), self.genes), dtype=self.dtype)
        for row, text in enumerate(texts):
            read = [genes.get(part) for part in text.strip().split(":")]
            if len(read) != self.genes or None in read:
                raise HarnessError(must("architecture", "read 'w:w:w:w:w' with widths 8, 16, …, 64", text))
            archs[row] = read
        return archs

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        return dict(super().facts()) | {"widths": list(WIDTHS), "valid": self.codings}
