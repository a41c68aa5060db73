"""Cells of TransNAS-Bench-101: four operations on the six edges of a four-node cell, in a fixed network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, arch_matrix, choice, read_only
from harness.errors import HarnessError, must
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.four_nodes import EDGES, adjacency_encoding, functional_text, path_encoding, smallest_codes

OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3")
_PREFIX = "64-41414-"
_FORM = re.compile(r"(?:64-41414-)?([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])")


class TransNASMicroSpace(EnumeratedSpace):
    """Cells of TransNAS-Bench-101 (Duan et al., CVPR 2021), stacked on the fixed skeleton 41414.

    Genes: the operations, in the order of `OPERATIONS`, on the edges of `four_nodes.EDGES`.  All 4,096 codings are
    valid and each is a row of the table; the coding read in base 4 is the official index less 3,256.  `key` knows:

    - ``"exact"`` and ``"string"``: the coding, which is the official string;
    - ``"functional"``: zeros vanish from sums, an operation on zero is zero, and a skip between inner nodes joins the
      sum it enters.  A skip that starts at the input stays an operation: where a module changes the shape, it is a
      factorised reduction with weights of its own.  The key is the smallest code of its class.

    Encodings: ``one_hot`` (24); ``adjacency`` (24): for each edge whether it is there, then three indicators that name
    its operation (White et al., NeurIPS 2020, 3); ``path`` (84): which operation sequences lead from input to output,
    4 + 16 + 64 (White et al., "BANANAS", AAAI 2021, 4).
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path")
    description: ClassVar[str] = (
        "TransNAS-Bench-101 cells: one of none, skip_connect, conv_1x1, conv_3x3 on each of the edges 1<-0, 2<-0, "
        "2<-1, 3<-0, 3<-1, 3<-2. All 4,096 codings are valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__("transnas-micro", [len(OPERATIONS)] * len(EDGES))

    @cached_property
    def official(self) -> Archs:
        """Every cell in the order of the official index from 3,256 on: (4096, 6)."""
        return self.all_codings

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two cells are the same: (n, 6) to (n,) uint64; see the class."""
        choice("identity", identity, IDENTITIES)
        positions = self.positions(archs)
        return _classes()[positions] if identity == "functional" else positions.astype(np.uint64)

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode cells for a learner: (n, 6) to (n, d) float64; see the class for `encoding` and d."""
        choice("encoding", encoding, self.encodings)
        archs = arch_matrix("archs", archs, self.genes)
        if encoding == "path":
            return path_encoding(archs, len(OPERATIONS))
        one_hot = self.one_hot(archs)
        return adjacency_encoding(one_hot) if encoding == "adjacency" else one_hot

    def format(self, archs: Archs) -> list[str]:
        """Write cells as official strings: (n, 6) to n strings.

        >>> TransNASMicroSpace().format(np.array([[1, 0, 2, 3, 3, 3]]))
        ['64-41414-1_02_333']
        """
        return [f"{_PREFIX}{a}_{b}{c}_{d}{e}{f}" for a, b, c, d, e, f in np.asarray(archs).tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read official strings, with or without ``64-41414-``: n strings to (n, 6) uint8.

        Raises
        ------
        HarnessError
            If a text has another form.
        """
        rows = []
        for text in texts:
            match = _FORM.fullmatch(text.strip())
            if match is None:
                raise HarnessError(must("architecture", "read '64-41414-a_bc_def', digits 0 to 3", text))
            rows.append(match.groups())
        return np.array(rows, dtype=self.dtype).reshape(len(rows), self.genes)

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        return dict(super().facts()) | {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(np.unique(_classes()))},
        }


def functional_string(arch: Sequence[int]) -> str:
    """Return a string that is equal for cells that compute the same sum of the same terms; empty for constant zero."""
    return functional_text(arch, OPERATIONS, input_skips_join=False)


@cache
def _classes() -> UInt64Array:
    """Return for every code the smallest code of its functional class, (4096,) uint64."""
    return read_only(smallest_codes(functional_string, len(OPERATIONS)))
