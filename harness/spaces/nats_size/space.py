"""The size space of NATS-Bench: the widths of five layers of one fixed network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, arch_matrix, choice
from harness.errors import HarnessError, must
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace

LAYERS = 5
WIDTHS = tuple(range(8, 65, 8))
"""Channels of each value of a gene."""


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
        super().__init__("nats-size", [len(WIDTHS)] * LAYERS)

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
        return [":".join(map(str, row)) for row in ((np.asarray(archs, dtype=np.int64) + 1) * 8).tolist()]

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


def params(archs: Archs, *, classes: int) -> FloatArray:
    """Count trainable parameters in closed form: (n, 5) to (n,).

    Stem, cell at c0, reduction to c1, cell to c2, reduction to c3, cell to c4, last norm and classifier.  The cell has
    five 3x3 convolutions and a skip, which is a 1x1 convolution where it changes the width.
    """
    c0, c1, c2, c3, c4 = _channels(archs)
    total: FloatArray = _convolution(np.full_like(c0, 3), c0, 9) + 2 * c4 + (c4 + 1) * classes
    for before, after in ((c0, c0), (c1, c2), (c3, c4)):
        skip = (before != after) * _convolution(before, after, 1)
        total = total + 2 * _convolution(before, after, 9) + 3 * _convolution(after, after, 9) + skip
    for before, after in ((c0, c1), (c2, c3)):
        total = total + _convolution(before, after, 9) + _convolution(after, after, 9) + before * after
    return total


def macs(archs: Archs, *, classes: int, image_size: int) -> FloatArray:
    """Count multiply-adds in closed form: (n, 5) to (n,).

    Convolutions and the classifier with its bias, as in `harness.spaces.nb201.space.macs`.
    """
    c0, c1, c2, c3, c4 = _channels(archs)
    places = [float((image_size // 2**stage) ** 2) for stage in range(3)]
    total: FloatArray = 27.0 * c0 * places[0] + (c4 + 1) * classes
    for (before, after), at in zip(((c0, c0), (c1, c2), (c3, c4)), places, strict=True):
        skip = (before != after) * before * after
        total = total + (18 * before * after + 27 * after * after + skip) * at
    for (before, after), at in zip(((c0, c1), (c2, c3)), places[1:], strict=True):
        total = total + (9 * before * after + 9 * after * after + before * after) * at
    return total


def _channels(archs: Archs) -> FloatArray:
    return 8.0 * (np.asarray(archs, dtype=np.float64).T + 1.0)


def _convolution(inputs: FloatArray, outputs: FloatArray, area: int) -> FloatArray:
    """Parameters of a convolution without bias and its batch norm."""
    return area * inputs * outputs + 2 * outputs
