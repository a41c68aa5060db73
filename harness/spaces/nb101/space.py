"""The NAS-Bench-101 space: cells of at most seven vertices and nine edges, three operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, UInt64Array, read_only
from harness.graphs import GraphBatch
from harness.growth import Growth
from harness.space import SearchSpace
from harness.spaces.nb101 import edits as nb101_edits
from harness.spaces.nb101 import encodings as nb101_encodings
from harness.spaces.nb101 import texts as nb101_texts
from harness.spaces.nb101.costs import macs, params
from harness.spaces.nb101.growth import VertexGrowth
from harness.spaces.nb101.hash import ModuleKeys, by_size, module_digests
from harness.spaces.nb101.wiring import (
    ABSENT,
    BITS,
    EDGES,
    GENE_NODES,
    GENE_ROWS,
    INNER,
    OPERATIONS,
    VERTICES,
    prune,
    reach,
    wiring,
)

CLASSES = 423_624
_KINDS = read_only(np.array([*range(2, 2 + len(OPERATIONS)), 0, 1, 0]))
"""Place of each label among those of graphs; the last three are absent, output, input."""


class NB101Space(SearchSpace):
    """Cells of NAS-Bench-101 (Ying et al., "Towards Reproducible Neural Architecture Search", ICML 2019).

    Genes: the 21 bits above the diagonal of the adjacency of seven vertices, by rows, then the codes, in the order of
    `OPERATIONS`, of the five inner vertices.  Vertices and edges that lie on no path from input to output are pruned;
    a coding is valid if a path is left, of at most nine edges.  `key` tells three notions of the same cell apart:

    - ``"exact"``: the same coding;
    - ``"string"``: the same adjacency and operations after pruning;
    - ``"functional"``: the same module hash, of which the key is the first 64 bits: 423,624 classes, the rows of the
      table.  (It is what the table goes by; cells can compute the same function and differ in it.)

    `sample` is the official random cell: uniform bits and operations, drawn again until valid.  So it is uniform over
    valid codings, and small cells, which have many, come often.  `mutate` and `neighbours` make one edit of the coding,
    see `nb101_edits.allowed`; by node, the vertex is drawn first that an edge enters or an operation belongs to.  A
    child of `crossover` has each row of the adjacency, with the operation of its vertex, from either parent.  For
    `morphisms` see `nb101_edits.morphisms`.

    Encodings, one row for each architecture:

    - ``one_hot`` (57): the indicators of all genes, pruned or not;
    - ``adjacency`` (36): the bits, then three indicators for each inner vertex: White et al., "A Study on Encodings for
      Neural Architecture Search" (NeurIPS 2020, 3); of the coding as it is, not pruned;
    - ``path`` (364): which operation sequences lead from input to output, White et al., "BANANAS" (AAAI 2021, 4): 1 +
      3 + 9 + 27 + 81 + 243 of none to five operations, numbered in base 3 within a length;
    - ``path_truncated`` (40): the first 40 of them, the paths of at most three operations;
    - ``graph`` (84): the 7 x 7 adjacency after pruning by rows, then for each vertex the indicators of input, output
      and the three operations (`graph_shape` = 7 nodes, 5 labels); zeros where there is no vertex;
    - ``graf`` (52): the neural graph features of Kadlecová et al. (ICML 2024) of the pruned cell, three counts of
      operations, then seven lengths of paths and degrees for each of seven sets of operations; see
      `graf.of_vertices`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path", "path_truncated", "graph", "graf")
    description: ClassVar[str] = (
        "NAS-Bench-101 cells: a directed acyclic graph of input, at most five inner vertices and output, at most nine "
        "edges, each inner vertex conv3x3-bn-relu, conv1x1-bn-relu or maxpool3x3. Vertices and edges on no path are "
        "pruned. Samples are uniform bits and operations, drawn again until valid (the official random cell)."
    )
    graph_shape: ClassVar[tuple[int, int]] = nb101_encodings.GRAPH_SHAPE

    def __init__(self) -> None:
        counts = [2] * len(EDGES) + [len(OPERATIONS)] * INNER
        super().__init__("nb101", counts, nodes=GENE_NODES, exchanged=GENE_ROWS)
        self.has_morphisms = True
        self._module_keys = ModuleKeys()

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` valid architectures, uniform over the valid codings, with replacement: (n, 26) uint8."""
        valid = np.flatnonzero(reach().valid)
        wirings = valid[rng.integers(0, len(valid), size=n)]
        operations = rng.integers(0, len(OPERATIONS), size=(n, INNER))
        return np.concatenate([(wirings[:, None] & BITS) != 0, operations], axis=1).astype(np.uint8)

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows are architectures of this space: (n, 26) to (n,) bool."""
        valid = super().is_valid(archs)
        valid[valid] = reach().valid[wiring(archs[valid])]
        return valid

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        """Return the keys; a coding without a path from input to output has the functional key 0."""
        pruned = prune(archs)
        if identity == "functional":
            return self._module_keys(pruned)
        packed = pruned.adjacency[:, *np.triu_indices(VERTICES, 1)].astype(np.uint64) @ BITS.astype(np.uint64)
        labels = (pruned.labels[:, 1:].astype(np.int64) + 3).astype(np.uint64)  # absent is 0
        return packed * np.uint64(6**6) + labels @ (6 ** np.arange(6, dtype=np.uint64))

    def module_hashes(self, archs: Archs) -> list[str]:
        """Return the official module hashes of valid architectures: (n, 26) to n strings of 32 hexadecimal digits.

        >>> NB101Space().module_hashes(NB101Space().parse(["0100 input,output"]))
        ['043721b9c7fe8c5fad811d47d83132ec']
        """
        digests = np.zeros((len(archs), 16), dtype=np.uint8)
        for rows, adjacency, labels in by_size(prune(archs)):
            digests[rows] = module_digests(adjacency, labels)
        text = digests.tobytes().hex()
        return [text[start : start + 32] for start in range(0, len(text), 32)]

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once, an edge or an operation; result valid and another cell: (n, 26) to (n, 26) uint8.

        The official mutation (``mutate_spec``) flips each edge with probability 1/7 and changes each operation with
        probability 1/5.  Here one edit is drawn with these weights, among those that change the pruned cell
        (`nb101_edits.allowed`).
        """
        return self._edited(archs, np.where(nb101_edits.allowed(archs), nb101_edits.WEIGHTS, 0.0), rng)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once: a vertex is drawn, then an edge into it or its operation, among the same edits."""
        return self._edited(archs, nb101_edits.by_node(nb101_edits.allowed(archs)), rng)

    def _edited(self, archs: Archs, weights: FloatArray, rng: np.random.Generator) -> Archs:
        weights = np.cumsum(weights, axis=1)
        drawn = rng.random(len(weights)) * weights[:, -1]
        return nb101_edits.edited(archs, (weights <= drawn[:, None]).sum(axis=1))

    def neighbours(self, arch: Archs) -> Archs:
        """Return every valid cell of another function one edit away: edges, then operations; (26,) to (k, 26)."""
        archs = np.asarray(arch, dtype=self.dtype)[None]
        edits = np.flatnonzero(nb101_edits.allowed(archs)[0])
        return nb101_edits.edited(np.repeat(archs, len(edits), axis=0), edits)

    def _morphisms(self, arch: Archs) -> Archs:
        """Return edits of the pruned cell, see `nb101_edits.morphisms`: (26,) to (k, 26)."""
        return nb101_edits.morphisms(arch)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        if encoding == "adjacency":
            edges = archs[:, : len(EDGES)].astype(np.float64)
            return np.concatenate([edges, self.one_hot(archs)[:, 2 * len(EDGES) :]], axis=1)
        if encoding == "graph":
            return nb101_encodings.graph(archs)
        if encoding == "graf":
            return nb101_encodings.graph_features(archs)
        return nb101_encodings.paths(archs, INNER if encoding == "path" else nb101_encodings.TRUNCATED)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return the pruned cells, input first and output last of their nodes: (n, 26) to n graphs of 7 places."""
        pruned = prune(archs)
        kinds = _KINDS[pruned.labels]
        return GraphBatch(pruned.adjacency.view(bool), kinds, pruned.labels != ABSENT, ("input", "output", *OPERATIONS))

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return the bits of the adjacency, "yes" where the edge is there, then the operations of vertices 1 to 5."""
        bits: dict[str, Sequence[str]] = {f"edge {source}->{target}": ("no", "yes") for source, target in EDGES}
        return bits | {f"operation of vertex {vertex}": OPERATIONS for vertex in range(1, INNER + 1)}

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the published network for CIFAR-10."""
        return {"params_m": params(archs) / 1e6, "macs_m": macs(archs) / 1e6}

    @cached_property
    def growth(self) -> Growth:
        """Growth by one vertex; see `VertexGrowth`."""
        return VertexGrowth()

    def format(self, archs: Archs) -> list[str]:
        """Write codings as the records do, adjacency and operations: (n, 26) to n strings; not pruned.

        >>> NB101Space().format(NB101Space().parse(["011001000 input,conv3x3-bn-relu,output"]))
        ['0100001000000100000000000000000000000000000000000 input,conv3x3-bn-relu,conv3x3-bn-relu,...']
        """
        return nb101_texts.write(archs)

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read cells of two to seven vertices; see `nb101_texts.read`: n strings to (n, 26) uint8.

        Raises
        ------
        HarnessError
            If a text is no valid cell; names the text and the rule.
        """
        return nb101_texts.read(texts)

    def notation(self, text: str) -> str:
        """Say how the numbers of NASLib's tuples are meant."""
        return nb101_texts.notation(text)

    def _facts(self) -> Mapping[str, object]:
        return {
            "operations": list(OPERATIONS),
            "valid": int(np.count_nonzero(reach().valid)) * len(OPERATIONS) ** INNER,
            "classes": {"functional": CLASSES},
        }
