"""The NAS-Bench-201 cell space: five operations on the six edges of a four-node cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array
from harness.graphs import GraphBatch
from harness.growth import GeneGrowth, Growth
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.four_nodes import (
    EDGE_NAMES,
    GENE_NODES,
    NONE,
    WIRED,
    adjacency_encoding,
    graf_encoding,
    line_graph,
    path_encoding,
)
from harness.spaces.nb201 import texts
from harness.spaces.nb201.costs import cost
from harness.spaces.nb201.keys import classes
from harness.spaces.nb201.operations import CARDINALITIES, OPERATIONS, PRESERVING


class NB201Space(EnumeratedSpace):
    """Cells of NAS-Bench-201 (Dong & Yang, ICLR 2020), the topology space of NATS-Bench (Dong et al., TPAMI 2021).

    Genes: the operations, in the order of `OPERATIONS`, on the edges of `four_nodes.EDGES`.  All 15,625 codings are
    valid and each is a row of the table.  `key` tells three notions of the same cell apart:

    - ``"exact"``: the same coding, 15,625 classes;
    - ``"string"``: the same unique string of the official code, 6,466 classes; dead terms stay in its sums;
    - ``"functional"``: zeros vanish from sums and sums of sums are flattened, 4,930 classes; the 341 cells whose output
      is constant zero are one class.

    A string or functional key is the smallest code of its class, so `decode` gives a representative.

    `morphisms` put a convolution where there is none (the last batch normalisation gives zeros), or a 3x3 in place of a
    1x1 convolution (its kernel in the centre).  No other edit keeps the function: a convolution behind a skip or in
    place of one would begin with ReLU, and inputs can be negative; a pool counts the border.

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
      nothing), then for each node the indicators of input, output and the five operations;
    - ``graf`` (191): the neural graph features of Kadlecová et al. (ICML 2024), five counts of operations, then six
      lengths of paths and degrees for each of 31 sets of operations; see `graf_encoding`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "path_truncated", "graph", "graf")
    description: ClassVar[str] = (
        "NAS-Bench-201 cells: one of none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3 on each of the edges "
        "1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2. All 15,625 codings are valid; samples are uniform over them."
    )
    graph_shape: ClassVar[tuple[int, int]] = (8, 7)

    def __init__(self) -> None:
        super().__init__("nb201", CARDINALITIES, nodes=GENE_NODES, preserving=PRESERVING)

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return classes(identity)[self.positions(archs)]

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        if encoding == "adjacency":
            return adjacency_encoding(self.one_hot(archs))
        if encoding == "graph":
            return _graph_encoding(archs)
        if encoding == "graf":
            return graf_encoding(archs, len(OPERATIONS))
        return path_encoding(archs, len(OPERATIONS), longest=3 if encoding == "path" else 2)

    @cached_property
    def growth(self) -> Growth:
        """Growth by one edge; the level is the number of those that are not none."""
        return GeneGrowth(self.cardinalities, steps=False)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return line graphs, see `four_nodes.line_graph`: (n, 6) to n graphs of 8 places."""
        return line_graph(archs, OPERATIONS)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as official strings, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``: (n, 6) to n strings.

        >>> NB201Space().format(np.array([[4, 2, 1, 2, 1, 1]]))
        ['|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|']
        """
        names = np.asarray(OPERATIONS)[archs].tolist()
        return [f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" for a, b, c, d, e, f in names]

    def _genes(self, text: str) -> list[int]:
        """Read an official string or list of nodes, or a tuple of NASLib."""
        return texts.read(text)

    def notation(self, text: str) -> str:
        """Say how the numbers of NASLib's tuples are meant."""
        return texts.notation(text)

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the operations on each edge."""
        return dict.fromkeys(EDGE_NAMES, OPERATIONS)

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the published network for CIFAR-10: 16 channels, 5 cells a stage, 10 classes."""
        return cost(archs, classes=10).millions()

    def _facts(self) -> Mapping[str, object]:
        functional = classes("functional")
        return {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {name: len(np.unique(classes(name))) for name in ("functional", "string")},
            "constant_zero": int(np.count_nonzero(functional == functional[0])),
        }


def _graph_encoding(archs: Archs) -> FloatArray:
    nodes, labels = NB201Space.graph_shape
    alive = np.ones((len(archs), nodes), dtype=bool)
    alive[:, 1:-1] = archs != NONE
    adjacency = WIRED & alive[:, :, None] & alive[:, None, :]
    features = np.zeros((len(archs), nodes, labels))
    features[:, 0, 0] = 1.0
    features[:, -1, 1] = 1.0
    np.put_along_axis(features[:, 1:-1, 2:], archs[:, :, None].astype(np.intp), 1.0, axis=2)
    return np.concatenate([adjacency.reshape(len(archs), -1), features.reshape(len(archs), -1)], axis=1)
