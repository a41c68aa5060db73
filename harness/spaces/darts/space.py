"""The DARTS search space: a normal and a reduction cell, searched by NAS-Bench-301 and by most one-shot methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array, choice, read_only
from harness.graphs import GraphBatch
from harness.space import IDENTITIES, SearchSpace
from harness.spaces.darts import graphs as darts_graphs
from harness.spaces.darts import texts as darts_texts
from harness.spaces.darts.cells import (
    GENE_NODES,
    GENES,
    LARGER,
    NODES,
    OPERATION_GENES,
    OPERATIONS,
    WITH_NONE,
    Codes,
    canonical_number,
    cardinalities,
    codings,
    legend,
    number,
)
from harness.spaces.darts.costs import macs, params
from harness.spaces.darts.edits import DISTINCT_MOVES, EDGE_MOVES, MOVES, move_edges
from harness.spaces.darts.encodings import adjacency, graph_features, paths

_EDITED = read_only(np.array([cell * GENES + gene for cell in (0, 1) for gene in OPERATION_GENES], dtype=np.intp))
"""The 16 genes that are operations."""


class DARTSSpace(SearchSpace):
    """Pairs of cells of Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019; NAS-Bench-301's space.

    Genes: 11 for the normal cell, then 11 for the reduction cell: two operations of node 2 (which always reads both
    inputs), then for nodes 3, 4, 5 the pair of earlier nodes that they read (`darts_cells.PAIRS`) and an operation for
    each, the lower node's first.  Operations are numbered as in NASLib's compact form (`OPERATIONS`, without none).
    All (180 * 7**8)**2, about 1.1e18, codings are valid.  The space ``darts-none`` has DARTS' own eight operations,
    `none` too, which comes last; an edge with it gives zeros.

    A coding does not tell the order of the two inputs of a node, which a sum does not see either.  `key` knows:

    - ``"exact"`` and ``"string"``: the same genotype, its inputs sorted;
    - ``"functional"``: the same two cells up to the names of nodes 2 to 5.  Renaming them permutes the channels of the
      concatenation and, in the same way, the weights of what reads it, so both train alike.  Cells that are equal only
      because skips make two of their nodes equal, or because `none` adds nothing, are told apart.

    `sample` is uniform over codings: for each node a pair of earlier nodes, for each of the 16 edges an operation.
    `mutate` changes, with probability one half each, an operation or an edge, as in Real et al. ("Regularized
    Evolution", AAAI 2019, 3): one of 16 operations becomes another, or one of the 12 edges into nodes 3 to 5 starts at
    another node that its target does not read yet, and keeps its operation.  `neighbours` are all 120 such edits.
    By node, one of the eight nodes is drawn, then one of its genes.  A child of `crossover` has each node, inputs and
    operations, from either parent.  `morphisms` put a kernel of 5 in place of one of 3, in its centre; a node has two
    inputs, no more, and a skip or a pool is no convolution for inputs below zero.

    Encodings, one row for each architecture; the widths are those of seven operations:

    - ``one_hot`` (150): indicators of all genes;
    - ``adjacency`` (224): for each cell, 14 indicators that an edge is there, then seven for each edge that name its
      operation (White et al., "A Study on Encodings", NeurIPS 2020, 3, for operations on edges);
    - ``path`` (11,200): for each cell and each of its two inputs, which of 7 + 49 + 343 + 2401 operation sequences lead
      from it to any of nodes 2 to 5 (White et al., "BANANAS", AAAI 2021, 4; naszilla), numbered in base 7 within a
      length, the operation next to the input first;
    - ``path_truncated`` (224): those of one and two operations;
    - ``graf`` (1,792): the neural graph features of Kadlecová et al. (ICML 2024), for each cell seven counts of
      operations, then seven lengths of paths and degrees for each of 127 sets of operations; see `graf.of_edges`.

    Parameters
    ----------
    name : str
    operations : sequence of str
        `OPERATIONS`, or `WITH_NONE`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "path_truncated", "graf")
    description: ClassVar[str] = (
        "DARTS cells, normal and reduction: each of four nodes sums one of the operations on each of two earlier "
        "nodes. All codings are valid; samples are uniform over them."
    )

    def __init__(self, name: str = "darts", operations: Sequence[str] = OPERATIONS) -> None:
        nodes = (*GENE_NODES, *(NODES[-1] + 1 + node for node in GENE_NODES))
        larger = [(operations.index(small), operations.index(large)) for small, large in LARGER]
        super().__init__(
            name,
            cardinalities(len(operations)) * 2,
            nodes=nodes,
            exchanged=nodes,
            preserving=[(gene, *sizes) for gene in _EDITED.tolist() for sizes in larger],
        )
        self.operations = tuple(operations)
        self._per_cell = codings(len(operations))

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two architectures are the same: (n, 22) to (n,); see the class.

        A functional key is the smallest code of its class, so `decode` gives a representative.
        """
        choice("identity", identity, IDENTITIES)
        name, count = canonical_number if identity == "functional" else number, len(self.operations)
        return name(archs[:, :GENES], count) * np.uint64(self._per_cell) + name(archs[:, GENES:], count)

    def canonical(self, archs: Archs) -> Archs:
        """Return the representative of each functional class: (n, 22) to (n, 22) uint8."""
        return self.decode(self.key(archs))

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Change one operation or one edge of each row, each with probability one half: (n, 22) to (n, 22)."""
        n = len(archs)
        genes = _EDITED[rng.integers(0, len(_EDITED), size=n)]
        steps = rng.integers(1, len(self.operations), size=n)
        moves = MOVES[rng.integers(0, len(MOVES), size=n)]
        return self._edited(archs, genes, steps, moves, rng.random(n) < 0.5)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Change one of the 22 genes of each row, its node drawn first; of inputs, one edge starts elsewhere."""
        n = len(archs)
        genes = self._node_draws[rng.integers(0, len(self._node_draws), size=n)]
        steps = rng.integers(1, len(self.operations), size=n)
        first = np.searchsorted(MOVES[:, 0], genes)  # of the moves of an operation there are none, and none is made
        moves = MOVES[np.minimum(first, len(MOVES) - 2 * EDGE_MOVES) + rng.integers(0, 2 * EDGE_MOVES, size=n)]
        return self._edited(archs, genes, steps, moves, moves[:, 0] == genes)

    def _edited(self, archs: Archs, genes: Codes, steps: IntArray, moves: Codes, edge: BoolArray) -> Archs:
        """Return each row with its edge moved where `edge` says so, else with its gene that much further: (n, 22)."""
        children = np.array(archs, dtype=self.dtype)
        children[edge] = move_edges(children[edge], moves[edge])
        rows, genes, steps = np.flatnonzero(~edge), genes[~edge], steps[~edge]
        children[rows, genes] = (children[rows, genes] + steps) % len(self.operations)
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return all architectures one edit away, 120 or 136, operations first, then edges: (22,) to (k, 22)."""
        parent = np.asarray(arch, dtype=self.dtype)[None]
        others = len(self.operations) - 1
        genes = np.repeat(_EDITED, others)
        around = np.repeat(parent, len(genes), axis=0)
        rows, steps = np.arange(len(genes)), np.tile(np.arange(1, others + 1), len(_EDITED))
        around[rows, genes] = (around[rows, genes] + steps) % len(self.operations)
        moved = move_edges(np.repeat(parent, len(DISTINCT_MOVES), axis=0), DISTINCT_MOVES)
        return np.concatenate([around, moved])

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        cells = (archs[:, :GENES], archs[:, GENES:])
        if encoding == "adjacency":
            return np.concatenate([adjacency(cell, len(self.operations)) for cell in cells], axis=1)
        if encoding == "graf":
            return np.concatenate([graph_features(cell, len(self.operations)) for cell in cells], axis=1)
        longest = 4 if encoding == "path" else 2
        return np.concatenate([paths(cell, longest, len(self.operations)) for cell in cells], axis=1)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return both cells side by side, see `darts_graphs.graph`: (n, 22) to n graphs of 30 places."""
        return darts_graphs.graph(archs, self.operations)

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return operations of both cells, and the pairs of nodes that nodes 3 to 5 read."""
        return legend(self.operations)

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the network that the DARTS paper evaluates: 36 channels, 20 cells, 10 classes."""
        return {"params_m": params(archs) / 1e6, "macs_m": macs(archs) / 1e6}

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as the field's genotypes, the inputs of each node sorted: (n, 22) to n strings.

        >>> text = DARTSSpace().format(np.zeros((1, 22), dtype=np.uint8))[0]
        >>> text[:77]
        "Genotype(normal=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 0"
        """
        return [darts_texts.genotype(*cells, self.operations) for cells in self.compact(archs)]

    def compact(self, archs: Archs) -> list[tuple[darts_texts.Edges, darts_texts.Edges]]:
        """Return NASLib's compact form, (normal, reduce) of 8 (input, operation) each: (n, 22) to n tuples."""
        normal, reduce = darts_texts.edges_of(archs[:, :GENES]), darts_texts.edges_of(archs[:, GENES:])
        return list(zip(normal, reduce, strict=True))

    def _genes(self, text: str) -> list[int]:
        """Read a genotype, a compact form or a configuration, the two edges of a node in any order."""
        return darts_texts.read(text, self.operations)

    def notation(self, text: str) -> str:
        """Say which of the forms a text has."""
        return darts_texts.notation(text)

    def _facts(self) -> Mapping[str, object]:
        return {"operations": list(self.operations), "valid": self._per_cell**2}


def with_none() -> DARTSSpace:
    """Return the space ``darts-none``: DARTS' own eight operations, `none` last."""
    return DARTSSpace("darts-none", WITH_NONE)
