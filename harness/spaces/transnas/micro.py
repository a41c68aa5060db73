"""Cells of TransNAS-Bench-101: four operations on the six edges of a four-node cell, in a fixed network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, partial
from typing import ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, read_only
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.growth import GeneGrowth, Growth
from harness.spaces.enumerated import EnumeratedSpace
from harness.spaces.four_nodes import (
    EDGE_NAMES,
    EDGES,
    GENE_NODES,
    adjacency_encoding,
    functional_text,
    graf_encoding,
    line_graph,
    path_encoding,
    smallest_codes,
)

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
    4 + 16 + 64 (White et al., "BANANAS", AAAI 2021, 4); ``graf`` (94): neural graph features (Kadlecová et al., ICML
    2024), see `graf_encoding`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "graf")
    description: ClassVar[str] = (
        "TransNAS-Bench-101 cells: one of none, skip_connect, conv_1x1, conv_3x3 on each of the edges 1<-0, 2<-0, "
        "2<-1, 3<-0, 3<-1, 3<-2. All 4,096 codings are valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__("transnas-micro", [len(OPERATIONS)] * len(EDGES), nodes=GENE_NODES)

    @cached_property
    def official(self) -> Archs:
        """Every cell in the order of the official index from 3,256 on: (4096, 6)."""
        return self.all_codings

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return _classes()[self.positions(archs)] if identity == "functional" else self.code(archs)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        if encoding == "adjacency":
            return adjacency_encoding(self.one_hot(archs))
        return (path_encoding if encoding == "path" else graf_encoding)(archs, len(OPERATIONS))

    @cached_property
    def growth(self) -> Growth:
        """Growth by one edge; the level is the number of those that are not none."""
        return GeneGrowth(self.cardinalities, steps=False)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return line graphs, see `four_nodes.line_graph`: (n, 6) to n graphs of 8 places."""
        return line_graph(archs, OPERATIONS)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as official strings: (n, 6) to n strings.

        >>> TransNASMicroSpace().format(np.array([[1, 0, 2, 3, 3, 3]]))
        ['64-41414-1_02_333']
        """
        return [f"{_PREFIX}{a}_{b}{c}_{d}{e}{f}" for a, b, c, d, e, f in np.asarray(archs).tolist()]

    def _genes(self, text: str) -> list[int]:
        """Read an official string, with or without ``64-41414-``."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise HarnessError(must("architecture", "read '64-41414-a_bc_def', digits 0 to 3", text))
        return list(map(int, match.groups()))

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the operations on each edge."""
        return dict.fromkeys(EDGE_NAMES, OPERATIONS)

    def _facts(self) -> Mapping[str, object]:
        return {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(np.unique(_classes()))},
        }


@cache
def _classes() -> UInt64Array:
    """Return for every code the smallest code of its functional class, (4096,) uint64."""
    text_of = partial(functional_text, operations=OPERATIONS, input_skips_join=False)
    return read_only(smallest_codes(text_of, len(OPERATIONS)))
