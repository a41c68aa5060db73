"""The wiring of cells with operations on edges: nodes in a row, of which each sums what its incoming edges give.

Node 0 is the input, the last one the output.  A gene is the operation of an edge.  None and skip are two codes, or one
that does not exist where a space lacks the operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, read_only
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch, of_fixed_wiring

ABSENT = -1
"""The code of an operation that a space does not have."""


@dataclass(frozen=True)
class Wiring:
    """Which nodes are joined.

    Attributes
    ----------
    nodes : int
        At least 2.
    edges : tuple of (int, int)
        Source and target of each gene, by target, then by source.

    Raises
    ------
    HarnessError
        If an edge does not lead to a later node, is there twice or out of order, or a node is on no way.

    Examples
    --------
    >>> Wiring.full(3).edges, Wiring.full(3).paths
    (((0, 1), (0, 2), (1, 2)), ((1,), (0, 2)))
    """

    nodes: int
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if self.nodes < 2:
            raise HarnessError(must("nodes", "be at least 2, the input and the output", self.nodes))
        for edge in self.edges:
            if len(edge) != 2 or not 0 <= edge[0] < edge[1] < self.nodes:
                raise HarnessError(must("edge", f"lead from a node to a later one of 0 to {self.nodes - 1}", edge))
        if list(self.edges) != sorted(set(self.edges), key=lambda edge: (edge[1], edge[0])):
            raise HarnessError(must("edges", "stand once each, by target, then by source", self.edges))
        sources, targets = {source for source, _ in self.edges}, {target for _, target in self.edges}
        for node in range(self.nodes):
            if (node and node not in targets) or (node < self.nodes - 1 and node not in sources):
                raise HarnessError(must("edges", f"lead through node {node}, into it and out of it", self.edges))

    @classmethod
    def full(cls, nodes: int) -> Wiring:
        """Return the wiring in which every node reads all nodes before it."""
        return cls(nodes, tuple((source, target) for target in range(1, nodes) for source in range(target)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the edges, ``source-target``."""
        return tuple(f"{source}-{target}" for source, target in self.edges)

    @property
    def targets(self) -> tuple[int, ...]:
        """Node that each gene leads to."""
        return tuple(target for _, target in self.edges)

    @cached_property
    def into(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Source and gene of each edge into each node, sources ascending."""
        genes = list(enumerate(self.edges))
        return tuple(
            tuple((source, gene) for gene, (source, target) in genes if target == node) for node in range(self.nodes)
        )

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """Genes of each way from input to output, shortest first."""
        ways: list[list[tuple[int, ...]]] = [[()]]
        for node in range(1, self.nodes):
            ways.append([(*way, gene) for source, gene in self.into[node] for way in ways[source]])
        return tuple(sorted(ways[-1], key=lambda way: (len(way), way)))

    @cached_property
    def lines(self) -> BoolArray:
        """Adjacency of the line graph, (E + 2, E + 2): input, edges, output."""
        ends = ((-1, 0), *self.edges, (self.nodes - 1, -2))
        return read_only(np.array([[end == begin for begin, _ in ends] for _, end in ends]))

    def incoming(self, arch: Sequence[int], target: int) -> Iterator[tuple[int, int]]:
        """Yield source and operation of each edge into a node, sources ascending."""
        return ((source, arch[gene]) for source, gene in self.into[target])

    def live_edges(self, arch: Sequence[int], none: int) -> list[int]:
        """Return the genes that are computed: not none, and on a path to the output.

        Edges that leave a node nothing reaches stay: a convolution there gives zeros to its batch normalisation, whose
        bias is trained and reaches the output.
        """
        useful = {self.nodes - 1}
        live: list[int] = []
        for gene in range(len(self.edges) - 1, -1, -1):  # by falling target: a target is known before its sources
            source, target = self.edges[gene]
            if arch[gene] != none and target in useful:
                useful.add(source)
                live.append(gene)
        return live[::-1]

    def functional_text(
        self, arch: Sequence[int], operations: Sequence[str], *, none: int, skip: int, input_skips_join: bool = True
    ) -> str:
        """Return a string that is equal for cells that compute the same sum of the same terms.

        Zeros vanish, an operation on zero is zero, and a skipped sum joins the sum it enters.  Empty if the output is
        constant zero.

        Parameters
        ----------
        arch : sequence of E int
        operations : sequence of str
            Names of the codes.
        none, skip : int
        input_skips_join : bool
            Whether a skip that leaves the input is an identity like the others; where it is not, it stays an operation.
        """
        nodes: list[tuple[str, ...]] = [("0",)]
        for target in range(1, self.nodes):
            terms: list[str] = []
            for source, gene in self.into[target]:
                code = arch[gene]
                if code == skip and (source or input_skips_join):
                    terms.extend(nodes[source])
                elif code != none and nodes[source]:
                    terms.append(f"({'+'.join(nodes[source])})@{operations[code]}")
            nodes.append(tuple(sorted(terms)))
        return "+".join(nodes[-1])

    def computed(self, archs: Archs, none: int) -> Archs:
        """Return cells with none on every edge that gets nothing or leads nowhere: (n, E) to (n, E)."""
        there = archs != none
        reached, useful = (np.zeros((len(archs), self.nodes), dtype=bool) for _ in range(2))
        reached[:, 0] = useful[:, -1] = True
        for gene, (source, target) in enumerate(self.edges):
            reached[:, target] |= there[:, gene] & reached[:, source]
        for gene, (source, target) in reversed([*enumerate(self.edges)]):
            useful[:, source] |= there[:, gene] & useful[:, target]
        sources, targets = np.array(self.edges).T
        return np.where(reached[:, sources] & useful[:, targets], archs, none).astype(archs.dtype)

    def line_graph(self, archs: Archs, operations: Sequence[str]) -> GraphBatch:
        """Return the line graphs of cells: input, the edges, output; (n, E) to n graphs of E + 2 places.

        An operation feeds those that start where it ends; none and skip are operations like others.  The graph of
        NAS-BOWL (Ru et al., ICLR 2021) before `harness.graphs.reduced`.
        """
        kinds = np.zeros((len(archs), len(self.edges) + 2), dtype=np.int64)
        kinds[:, 1:-1] = archs
        kinds[:, 1:-1] += 2
        kinds[:, -1] = 1
        return of_fixed_wiring(self.lines, kinds, ("input", "output", *operations))

    def path_encoding(self, archs: Archs, operations: int, longest: int) -> FloatArray:
        """Say which sequences of at most `longest` operations lead from input to output: (n, E) to (n, d) float64.

        White et al., "BANANAS" (AAAI 2021, 4): with o operations there are o, o**2, ... sequences of one, two, ...,
        numbered in base o within a length; as in the authors' code, none is an operation like the others.
        """
        starts = [sum(operations**shorter for shorter in range(1, length)) for length in range(1, longest + 2)]
        out = np.zeros((len(archs), starts[longest]))
        rows = np.arange(len(archs))
        for path in self.paths:
            if len(path) <= longest:
                number = archs[:, path].astype(np.intp) @ (operations ** np.arange(len(path))[::-1])
                out[rows, starts[len(path) - 1] + number] = 1.0
        return out


def adjacency_encoding(one_hot: FloatArray, edges: int, none: int) -> FloatArray:
    """Turn indicators (n, E o) into which edges are there, then the o - 1 indicators of what is on them: (n, E o).

    The one-hot adjacency encoding of White et al., "A Study on Encodings for Neural Architecture Search" (NeurIPS
    2020, 3), for operations on edges.
    """
    indicators = one_hot.reshape(len(one_hot), edges, -1)
    others = np.delete(indicators, none, axis=2).reshape(len(one_hot), -1)
    return np.concatenate([1.0 - indicators[:, :, none], others], axis=1)
