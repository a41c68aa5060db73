"""The NAS-Bench-Graph space: four computing nodes in a tree, one of nine operations on each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, UInt64Array, read_only
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.growth import Growth
from harness.space import operation_code
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.graph import encodings
from harness.spaces.graph.growth import NodeGrowth
from harness.spaces.graph.keys import canonical_form, published_hash
from harness.spaces.graph.links import ADJACENCY, LINKS, NODES, OPERATIONS, RELABELLED

_FORM = re.compile(r"\[?\s*(\d)\s*,?\s*(\d)\s*,?\s*(\d)\s*,?\s*(\d)\s*\]?\s+(\w+)[\s,]+(\w+)[\s,]+(\w+)[\s,]+(\w+)")


class GraphSpace(EnumeratedSpace):
    """Networks of NAS-Bench-Graph (Qin et al., NeurIPS 2022, Datasets and Benchmarks).

    Genes: the link code (`LINKS`) and the operations of the four nodes, codes 0.. in the order of `operations`.  Every
    node without a child feeds the output.  All codings are valid but the nine all-skip ones, which were never trained.

    Different codings can be the same network: nodes may trade places, and a skip may move to the front.  `key` knows:

    - ``"functional"`` and ``"string"``: the published hash of the canonical coding (`canonical`), the key of the
      table: 26,206 classes of 59,040 valid codings;
    - ``"exact"``: the coding.

    `sample` is uniform over valid codings, so a network with many codings is drawn more often.  `mutate` and
    `neighbours` edit the coding, a link or one operation, and may return a coding of the same network.

    Encodings, one row for each coding, with o operations (9, or 5 for proteins); equivalent codings can differ:

    - ``one_hot`` (9 + 4 o);
    - ``adjacency`` (15 + 4 o): White et al., "A Study on Encodings for Neural Architecture Search" (NeurIPS 2020, 3):
      the upper triangle, by rows, of the adjacency of input, four nodes, output; then the indicators of the operations;
    - ``path`` (o + o^2 + o^3 + o^4): which operation sequences lead from the input to the output, numbered in base o
      within a length (White et al., "BANANAS", AAAI 2021, 4); skips are operations like others here;
    - ``path_truncated`` (o + o^2): the first of them, the paths of one and two operations;
    - ``graph`` (36 + 6 (2 + o)): the 6 x 6 adjacency of input, nodes and output by rows, then for each its indicators
      of input, output and the operations (`graph_shape` = 6 nodes, 2 + o labels).

    Parameters
    ----------
    name : str
    operations : sequence of str
        Those that may occur, in the order of `OPERATIONS`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "path_truncated", "graph")
    description: ClassVar[str] = (
        "NAS-Bench-Graph networks: one of nine links (which earlier node feeds each of four computing nodes; nodes "
        "without a child feed the output) and an operation for each node. All codings are valid but the all-skip ones; "
        "samples are uniform over valid codings, several of which can be the same network."
    )

    def __init__(self, name: str = "graph", operations: Sequence[str] = OPERATIONS) -> None:
        super().__init__(name, [len(LINKS)] + [len(operations)] * NODES)
        self.operations = tuple(operations)
        self.graph_shape = (NODES + 2, 2 + len(operations))
        self._published = read_only(np.array([OPERATIONS.index(operation) for operation in operations]))
        self._skip = self.operations.index("skip")

    def _forbidden(self, archs: Archs) -> npt.NDArray[np.intp]:
        wrong: npt.NDArray[np.intp] = (archs[:, 1:] == self._skip).all(axis=1).nonzero()[0]
        return wrong

    @cached_property
    def _canonical(self) -> tuple[Archs, UInt64Array]:
        """Canonical coding and published hash of every coding."""
        links = np.asarray(LINKS)[self.all_codings[:, 0]]
        codes, operations = canonical_form(links, self._published[self.all_codings[:, 1:]])
        back = np.full(len(OPERATIONS), -1)
        back[self._published] = np.arange(len(self.operations))
        rows = np.concatenate([codes[:, None], back[operations]], axis=1).astype(self.dtype)
        return read_only(rows), read_only(published_hash(codes, operations))

    def canonical(self, archs: Archs) -> Archs:
        """Return the coding under which the same network stands in the table: (n, 5) to (n, 5) uint8."""
        return self._canonical[0][self.positions(archs)]

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return self._canonical[1][self.positions(archs)]

    @cached_property
    def growth(self) -> Growth:
        """Growth by one node; see `NodeGrowth`."""
        return NodeGrowth(len(self.operations), self._skip)

    def format(self, archs: Archs) -> list[str]:
        """Write codings as link and operations: (n, 5) to n strings.

        >>> GraphSpace().format(np.array([[6, 1, 2, 3, 7]]))
        ['[0,1,1,2] gcn gin cheb fc']
        """
        return [
            f"[{','.join(map(str, LINKS[link]))}] {' '.join(self.operations[code] for code in codes)}"
            for link, *codes in np.asarray(archs).tolist()
        ]

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the links, for example ``0112``, and the operations of each node."""
        links = tuple("".join(map(str, link)) for link in LINKS)
        return {"link": links} | {f"node {node + 1}": self.operations for node in range(NODES)}

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read links and operations, or published hashes: n strings to (n, 5) uint8.

        All 24 possible links are read; one that is not canonical is relabelled (the operations move along).  Nothing
        else is made canonical, so that ``parse(format(archs))`` is `archs`.

        Raises
        ------
        HarnessError
            If a text is no network of this space.

        >>> GraphSpace().parse(["[0,1,2,1] gcn gin fc cheb", "61237"])
        array([[6, 1, 2, 3, 7],
               [6, 1, 2, 3, 7]], dtype=uint8)
        """
        archs = super().parse(texts)
        for row in self._forbidden(archs)[:1]:
            raise HarnessError(must("architecture", "have an operation other than skip", texts[row]))
        return archs

    def _genes(self, text: str) -> list[int]:
        if text.strip().isdecimal():
            return self._parse_hash(text)
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise HarnessError(must("architecture", "read '[0,1,1,2] gcn gin cheb fc' or be a published hash", text))
        link = tuple(int(parent) for parent in match.groups()[:NODES])
        if link not in RELABELLED:
            raise HarnessError(must("architecture", "hang node k on the input (0) or on a node before it", text))
        code, order = RELABELLED[link]
        names = match.groups()[NODES:]
        return [code] + [operation_code(names[node], self.operations, text) for node in order]

    def _parse_hash(self, text: str) -> list[int]:
        digits = [int(digit) for digit in text.strip().zfill(1 + NODES)]
        if len(digits) > 1 + NODES or max(digits) > 8:
            raise HarnessError(must("architecture", "be a hash of five digits 0 to 8", text))
        return digits[:1] + [operation_code(OPERATIONS[digit], self.operations, text) for digit in digits[1:]]

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        if encoding == "adjacency":
            return np.concatenate([encodings.upper_adjacency(archs), self.one_hot(archs)[:, len(LINKS) :]], axis=1)
        if encoding == "graph":
            return encodings.graph(archs, self.graph_shape)
        return encodings.paths(archs, len(self.operations), NODES if encoding == "path" else 2)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return input, nodes and output: (n, 5) to n graphs of 6 places."""
        kinds = np.zeros((len(archs), NODES + 2), dtype=np.int64)
        kinds[:, 1:-1] = archs[:, 1:].astype(np.int64) + 2
        kinds[:, -1] = 1
        wired = ADJACENCY[archs[:, 0]] > 0
        return GraphBatch(wired, kinds, np.ones(kinds.shape, dtype=bool), ("input", "output", *self.operations))

    def _facts(self) -> Mapping[str, object]:
        valid = self.is_valid(self.all_codings)
        return {
            "operations": list(self.operations),
            "valid": int(valid.sum()),
            "classes": {"functional": len(np.unique(self._canonical[1][valid]))},
        }
