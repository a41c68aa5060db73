"""The NAS-Bench-ASR space: three operations in a chain, and the skips around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks import Archs, UInt64Array
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.spaces.asr.cells import GENE_NODES, NODES, OPERATIONS, RULE, SHAPE, STARTS, adjacency, flatten
from harness.spaces.asr.keys import first_codings, hashes, keys
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.literals import data


class ASRSpace(EnumeratedSpace):
    """Cells of NAS-Bench-ASR (Mehrotra et al., ICLR 2021).

    Genes, as in the published architecture vectors read from left to right: for each of three nodes its operation, in
    the order of `OPERATIONS`, and one bit for the input and each earlier node, which says whether its output skips to
    the node behind this one (the last node's bits go to the output).  All 13,824 codings are valid.  `key` knows:

    - ``"exact"`` and ``"string"``: the coding, which is the published vector;
    - ``"functional"``: the first 64 bits of the published hash, under which results are stored: 8,242 classes.  The
      cells through which nothing flows are one of them.

    `sample` is uniform over codings, so a cell with many codings is drawn more often.  The encoding ``one_hot`` has an
    indicator for each value of each gene (30).
    """

    description: ClassVar[str] = (
        "NAS-Bench-ASR cells: one of linear, conv5, conv5d2, conv7, conv7d2, zero at each of three nodes in a chain, "
        "and a skip, or none, over each node from the input and every earlier node. All 13,824 codings are valid, of "
        "8,242 distinct cells; samples are uniform over codings."
    )

    def __init__(self) -> None:
        super().__init__("asr", SHAPE, nodes=GENE_NODES)

    def hashes(self, archs: Archs) -> list[str]:
        """Return the published hash of each cell, 32 hexadecimal digits: (n, 9) to n strings."""
        return [hashes()[position] for position in self.positions(archs).tolist()]

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return the operation of each node, and whether the input and each earlier node skip over it."""
        named: dict[str, Sequence[str]] = {}
        for node in range(3):
            named[f"operation of node {node}"] = OPERATIONS
            for source in ("the input", *(f"node {earlier}" for earlier in range(node))):
                named[f"skip over node {node} from {source}"] = ("no", "yes")
        return named

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return keys()[self.positions(archs)] if identity == "functional" else self.code(archs)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as the published vectors: (n, 9) to n strings.

        >>> ASRSpace().format(np.array([[1, 0, 1, 0, 0, 1, 0, 0, 0]]))
        ['[[1, 0], [1, 0, 0], [1, 0, 0, 0]]']
        """
        return [str([row[0:2], row[2:5], row[5:9]]) for row in np.asarray(archs).tolist()]

    def _genes(self, text: str) -> list[int]:
        """Read a published vector or a hash, which gives its first coding."""
        position = first_codings().get(text.strip())
        if position is not None:
            return list(map(int, self.all_codings[position]))
        try:
            return flatten(data(text, RULE))
        except HarnessError:
            raise HarnessError(must("architecture", RULE, text)) from None

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return input, nodes and output, zeros and all: (n, 9) to n graphs of 5 places."""
        kinds = np.zeros((len(archs), NODES + 2), dtype=np.int64)
        kinds[:, 1:-1] = archs[:, STARTS].astype(np.int64) + 2
        kinds[:, -1] = 1
        labels = ("input", "output", *OPERATIONS)
        return GraphBatch(adjacency(archs), kinds, np.ones(kinds.shape, dtype=bool), labels)

    def _facts(self) -> Mapping[str, object]:
        return {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(first_codings())},
        }
