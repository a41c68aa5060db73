"""The NAS-Bench-201 cell space: five operations on the six edges of a four-node cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, UInt64Array, arch_matrix, choice, read_only
from harness.errors import HarnessError, must, unknown
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV_1X1, CONV_3X3, POOL = range(5)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) of each gene, in the order of the official strings."""
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""Edges of the four ways from input to output, shortest first."""

_FORM = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
_FORM_HINT = "read '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"


class NB201Space(EnumeratedSpace):
    """Cells of NAS-Bench-201 (Dong & Yang, ICLR 2020), the topology space of NATS-Bench (Dong et al., TPAMI 2021).

    Genes: the operations, in the order of `OPERATIONS`, on the edges of `EDGES`.  All 15,625 codings are valid and each
    is a row of the table.  `key` tells three notions of the same cell apart:

    - ``"exact"``: the same coding, 15,625 classes;
    - ``"string"``: the same unique string of the official code, 6,466 classes; dead terms stay in its sums;
    - ``"functional"``: zeros vanish from sums and sums of sums are flattened, 4,930 classes; the 341 cells whose output
      is constant zero are one class.

    A string or functional key is the smallest code of its class, so `decode` gives a representative.

    Encodings, one row for each architecture:

    - ``one_hot`` (30): five indicators for each edge;
    - ``adjacency`` (30): the one-hot adjacency encoding of White et al., "A Study on Encodings for Neural Architecture
      Search" (NeurIPS 2020, 3), for operations on edges: six indicators that an edge is there (its operation is not
      none), then four for each edge that name its operation, all zero where the edge is not there;
    - ``path`` (155): which operation sequences from input to output exist, White et al., "BANANAS" (AAAI 2021, 4).
      5 + 25 + 125 sequences of one, two and three operations, numbered in base 5 within a length; as in the authors'
      code, none is an operation like the others;
    - ``path_truncated`` (30): the first 30 of them, the paths of one and two operations;
    - ``graph`` (120): for graph networks.  Nodes are input, the six edges, output (`graph_shape` = 8 nodes, 7 labels):
      the 8 x 8 adjacency by rows (an operation feeds those that start where it ends; a none feeds and receives
      nothing), then for each node the indicators of input, output and the five operations.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "path_truncated", "graph")
    description: ClassVar[str] = (
        "NAS-Bench-201 cells: one of none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3 on each of the edges "
        "1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2. All 15,625 codings are valid; samples are uniform over them."
    )
    graph_shape: ClassVar[tuple[int, int]] = (8, 7)

    def __init__(self) -> None:
        super().__init__("nb201", [len(OPERATIONS)] * len(EDGES))

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two cells are the same: (n, 6) to (n,) uint64; see the class."""
        choice("identity", identity, IDENTITIES)
        positions = self.positions(archs)
        return positions.astype(np.uint64) if identity == "exact" else _classes(identity)[positions]

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode cells for a learner: (n, 6) to (n, d) float64; see the class for `encoding` and d."""
        choice("encoding", encoding, self.encodings)
        archs = arch_matrix("archs", archs, self.genes)
        if encoding == "adjacency":
            return _adjacency(self.one_hot(archs))
        if encoding == "graph":
            return _graph(archs)
        if encoding == "one_hot":
            return self.one_hot(archs)
        return _paths(archs, PATHS if encoding == "path" else PATHS[:3])

    def format(self, archs: Archs) -> list[str]:
        """Write cells as official strings, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``: (n, 6) to n strings.

        >>> NB201Space().format(np.array([[4, 2, 1, 2, 1, 1]]))
        ['|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|']
        """
        names = np.asarray(OPERATIONS)[archs].tolist()
        return [f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" for a, b, c, d, e, f in names]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read official strings: n strings to (n, 6) uint8.

        Raises
        ------
        HarnessError
            If a text has another form or names an unknown operation.
        """
        codes = {name: code for code, name in enumerate(OPERATIONS)}
        archs = np.empty((len(texts), self.genes), dtype=self.dtype)
        for row, text in enumerate(texts):
            match = _FORM.fullmatch(text.strip())
            if match is None:
                raise HarnessError(must("architecture", _FORM_HINT, text))
            for gene, name in enumerate(match.groups()):
                if name not in codes:
                    raise HarnessError(unknown("operation", name, OPERATIONS) + f" In {text!r}.")
                archs[row, gene] = codes[name]
        return archs

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        functional = _classes("functional")
        return dict(super().facts()) | {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {name: len(np.unique(_classes(name))) for name in ("functional", "string")},
            "constant_zero": int(np.count_nonzero(functional == functional[0])),
        }


def params(archs: Archs, *, classes: int) -> FloatArray:
    """Count trainable parameters of the full network in closed form: (n, 6) to (n,).

    Stem of 16 channels, three stages of five cells at 16, 32 and 64 channels; batch-norm weights count, and so do
    convolutions that no gradient reaches (Dong & Yang, ICLR 2020, 2.1; equal to the published records).
    """
    conv_3x3, conv_1x1 = _convolutions(archs)
    return 72_656.0 + 65.0 * classes + 243_040.0 * conv_3x3 + 28_000.0 * conv_1x1


def macs(archs: Archs, *, classes: int, image_size: int) -> FloatArray:
    """Count multiply-adds of the full network in closed form: (n, 6) to (n,).

    Convolutions and the classifier with its bias; batch norm, ReLU, pooling and sums are not counted.  What the
    published table calls FLOPs is this number.
    """
    conv_3x3, conv_1x1 = _convolutions(archs)
    at_32 = 7_782_400.0 + 35_389_440.0 * conv_3x3 + 3_932_160.0 * conv_1x1
    return at_32 * (image_size / 32) ** 2 + 65.0 * classes


def _convolutions(archs: Archs) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.count_nonzero(archs == CONV_3X3, axis=1), np.count_nonzero(archs == CONV_1X1, axis=1)


def unique_string(arch: Sequence[int]) -> str:
    """Return the unique string of the official code (``Structure.to_unique_str``, zeros considered).

    >>> unique_string((4, 2, 1, 2, 1, 1))
    '(0)@avg_pool_3x3+(0)@avg_pool_3x3+(0)@nor_conv_1x1+(0)@nor_conv_1x1'
    """
    nodes = ["0"]
    for target in (1, 2, 3):
        terms = []
        for (source, _), code in _incoming(arch, target):
            text = nodes[source]
            dead = code == NONE or text == "#"
            terms.append("#" if dead else text if code == SKIP else f"({text})@{OPERATIONS[code]}")
        nodes.append("+".join(sorted(terms)))
    return nodes[3]


def functional_string(arch: Sequence[int]) -> str:
    """Return a string that is equal for cells that compute the same sum of the same terms.

    Zeros vanish, an operation on zero is zero, and a skipped sum joins the sum it enters.  Empty if the output is
    constant zero.
    """
    nodes: list[tuple[str, ...]] = [("0",)]
    for target in (1, 2, 3):
        terms: list[str] = []
        for (source, _), code in _incoming(arch, target):
            if code == SKIP:
                terms.extend(nodes[source])
            elif code != NONE and nodes[source]:
                terms.append(f"({'+'.join(nodes[source])})@{OPERATIONS[code]}")
        nodes.append(tuple(sorted(terms)))
    return "+".join(nodes[3])


def _incoming(arch: Sequence[int], target: int) -> Iterable[tuple[tuple[int, int], int]]:
    first = (0, 1, 3, 6)[target - 1]
    last = first + target
    return zip(EDGES[first:last], arch[first:last], strict=True)


@cache
def _classes(identity: str) -> UInt64Array:
    """Return for every code the smallest code of its class, (15625,) uint64."""
    text_of = unique_string if identity == "string" else functional_string
    first: dict[str, int] = {}
    codes = enumerate(product(range(len(OPERATIONS)), repeat=len(EDGES)))
    return read_only(np.array([first.setdefault(text_of(arch), code) for code, arch in codes], dtype=np.uint64))


def _adjacency(one_hot: FloatArray) -> FloatArray:
    indicators = one_hot.reshape(-1, len(EDGES), len(OPERATIONS))
    return np.concatenate([1.0 - indicators[:, :, NONE], indicators[:, :, 1:].reshape(len(one_hot), -1)], axis=1)


def _paths(archs: Archs, paths: Sequence[tuple[int, ...]]) -> FloatArray:
    base = len(OPERATIONS)
    starts = [0, base, base + base**2]
    longest = max(map(len, paths))
    out = np.zeros((len(archs), sum(base**length for length in range(1, longest + 1))))
    rows = np.arange(len(archs))
    for path in paths:
        number = archs[:, path].astype(np.intp) @ (base ** np.arange(len(path))[::-1])
        out[rows, starts[len(path) - 1] + number] = 1.0
    return out


def _graph(archs: Archs) -> FloatArray:
    nodes, labels = NB201Space.graph_shape
    ends = [(-1, 0), *EDGES, (3, -2)]  # the input node ends where node 0 begins, the output node begins at node 3
    wired = np.array([[end == begin for begin, _ in ends] for _, end in ends])
    alive = np.ones((len(archs), nodes), dtype=bool)
    alive[:, 1:-1] = archs != NONE
    adjacency = wired & alive[:, :, None] & alive[:, None, :]
    features = np.zeros((len(archs), nodes, labels))
    features[:, 0, 0] = 1.0
    features[:, -1, 1] = 1.0
    np.put_along_axis(features[:, 1:-1, 2:], archs[:, :, None].astype(np.intp), 1.0, axis=2)
    return np.concatenate([adjacency.reshape(len(archs), -1), features.reshape(len(archs), -1)], axis=1)
