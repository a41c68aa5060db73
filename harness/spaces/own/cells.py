"""Cells of one's own: operations on the edges between nodes, stacked into networks where the operations are known."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, read_only
from harness.errors import HarnessError, TableError, must, nearest, shown
from harness.graphs import GraphBatch
from harness.growth import GeneGrowth, Growth
from harness.space import SearchSpace, operation_code
from harness.spaces import layers
from harness.spaces.layers import Cost, Geometry, Shape
from harness.spaces.nb201.operations import stage_widths
from harness.spaces.own.operations import NONE, OPERATIONS, SKIP
from harness.spaces.wiring import ABSENT, Wiring, adjacency_encoding

NETWORKS = "cells"
"""What the names of the networks of such cells begin with."""
MOST_NODES, MOST_OPERATIONS = 8, 16
LISTED_CODINGS = 2**16
"""Codings up to which classes are numbered by their smallest coding; beyond, by a hash of what is computed."""
WIDEST_PATHS = 4096
"""Columns up to which the encoding of paths is offered."""
_NAME = re.compile(r"[A-Za-z]\w*")


class CellSpace(SearchSpace):
    """Cells with one of several operations on each edge between nodes, as NAS-Bench-201 has them.

    Node 0 is the input, the last one the output, and every node sums what its incoming edges give.  All codings are
    valid; `sample` is uniform, an edit changes the operation of one edge.  Cells are written as those of NAS-Bench-201,
    ``|op~0|+|op~0|op~1|``: for each node after the input the operations on its edges and where they come from.

    The functional key calls cells the same that compute the same sum of the same terms: ``none`` vanishes from sums,
    an operation on nothing is nothing, and sums that ``skip_connect`` passes on are flattened.

    Networks are those of NAS-Bench-201 (Dong & Yang, ICLR 2020, 2.1) with these cells: a stem, three stages of equal
    cells with a reduction between them, a head; there are some where the trainer knows all operations.

    Parameters
    ----------
    name : str
    operations : sequence of str
        In the order of their codes; ``none`` first gives an order from simple to complex.
    nodes : int
        From 2 to 8, input and output included.
    edges : sequence of (int, int), optional
        From which node to which later one; by default every node reads all before it.

    Raises
    ------
    HarnessError
        If operations or edges are none.

    Examples
    --------
    >>> space = CellSpace("tiny", ["none", "skip_connect", "nor_conv_3x3"], nodes=3)
    >>> space.format(np.array([[2, 1, 0]])), space.network
    (['|nor_conv_3x3~0|+|skip_connect~0|none~1|'], 'cells:3:none,skip_connect,nor_conv_3x3')
    """

    def __init__(
        self, name: str, operations: Sequence[str], *, nodes: int = 4, edges: Sequence[Sequence[int]] | None = None
    ) -> None:
        self.operations = tuple(operations)
        if not 2 <= nodes <= MOST_NODES:
            raise HarnessError(must("nodes", f"be 2 to {MOST_NODES}", nodes))
        if not 2 <= len(self.operations) <= MOST_OPERATIONS or len(set(self.operations)) < len(self.operations):
            raise HarnessError(must("operations", f"be 2 to {MOST_OPERATIONS}, all different", list(self.operations)))
        for operation in self.operations:
            if not _NAME.fullmatch(operation):
                raise HarnessError(must("operation", "have a name of letters, digits and '_'", operation))
        joined = [(int(source), int(target)) for source, target in edges] if edges is not None else None
        ordered = None if joined is None else tuple(sorted(joined, key=lambda edge: (edge[1], edge[0])))
        self.wiring = Wiring.full(nodes) if ordered is None else Wiring(nodes, ordered)
        self._none, self._skip = (
            self.operations.index(known) if known in self.operations else ABSENT for known in (NONE, SKIP)
        )
        count = len(self.wiring.edges)
        super().__init__(name, [len(self.operations)] * count, nodes=self.wiring.targets, preserving=self._widenings())
        self._longest = max(map(len, self.wiring.paths))
        paths = sum(len(self.operations) ** length for length in range(1, self._longest + 1))
        self.encodings = (  # type: ignore[misc]  # of the class elsewhere
            "one_hot",
            *(("adjacency",) if self._none != ABSENT else ()),
            *(("path",) if paths <= WIDEST_PATHS else ()),
        )
        self.description = (  # type: ignore[misc]  # as above
            f"Cells of {nodes} nodes: one of {', '.join(self.operations)} on each of the edges "
            f"{', '.join(self.wiring.names)}. All {len(self.operations) ** count:,} codings are valid; samples are "
            "uniform."
        )

    def _widenings(self) -> list[tuple[int, int, int]]:
        """Return the edits that can keep the function: a convolution where none was, or one of a larger kernel."""
        kernels = {
            code: OPERATIONS[name].kernel
            for code, name in enumerate(self.operations)
            if name in OPERATIONS and OPERATIONS[name].family == "nor_conv"
        }
        pairs = [(self._none, after) for after in kernels if self._none != ABSENT]
        pairs += [(a, b) for a, small in kernels.items() for b, large in kernels.items() if small < large]
        return [(gene, before, after) for gene in range(len(self.wiring.edges)) for before, after in pairs]

    @property
    def network(self) -> str:
        """Name of the networks: what they are built of, and not what the space is called.

        Raises
        ------
        HarnessError
            If the trainer does not know an operation.
        """
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise HarnessError(
                    f"the space '{self.name}' has no networks that could be trained, for the trainer does not know the "
                    f"operation '{operation}'.{nearest(operation, OPERATIONS)} It knows {', '.join(OPERATIONS)}"
                )
        full = self.wiring == Wiring.full(self.wiring.nodes)
        wired = str(self.wiring.nodes) if full else ",".join(self.wiring.names)
        return f"{NETWORKS}:{wired}:{','.join(self.operations)}"

    @cached_property
    def _classes(self) -> UInt64Array:
        """The smallest code of the class of every coding, by its number."""
        first: dict[str, int] = {}
        every = self.decode(np.arange(math.prod(self.cardinalities.tolist()), dtype=np.uint64)).tolist()
        return read_only(
            np.array([first.setdefault(self._text(arch), code) for code, arch in enumerate(every)], dtype=np.uint64)
        )

    def _text(self, arch: Sequence[int]) -> str:
        return self.wiring.functional_text(arch, self.operations, none=self._none, skip=self._skip)

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        if identity == "string":
            return self.code(archs)
        if math.prod(self.cardinalities.tolist()) <= LISTED_CODINGS:
            return self._classes[self.code(archs).astype(np.intp)]
        hashes = [hashlib.blake2b(self._text(arch).encode(), digest_size=8).digest() for arch in archs.tolist()]
        return np.frombuffer(b"".join(hashes), dtype=">u8").astype(np.uint64)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        if encoding == "adjacency":
            return adjacency_encoding(self.one_hot(archs), self.genes, self._none)
        return self.wiring.path_encoding(archs, len(self.operations), self._longest)

    @cached_property
    def growth(self) -> Growth:
        """Growth by one edge, where ``none`` is the first operation; the level is the number of those that are not."""
        return GeneGrowth(self.cardinalities, steps=False) if self._none == 0 else super().growth

    def _graph(self, archs: Archs) -> GraphBatch:
        return self.wiring.line_graph(archs, self.operations)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as ``|op~0|+|op~0|op~1|``: (n, E) to n strings."""
        places = [[(gene, f"~{source}|") for source, gene in into] for into in self.wiring.into[1:]]
        return [
            "+".join("|" + "".join(self.operations[arch[gene]] + end for gene, end in node) for node in places)
            for arch in np.asarray(archs).tolist()
        ]

    def _genes(self, text: str) -> list[int]:
        """Read ``|op~0|+|op~0|op~1|``; the edges into a node may come in any order."""
        hint = f"read '{self.format(np.zeros((1, self.genes), dtype=self.dtype))[0]}'"
        nodes = text.strip().split("+")
        if len(nodes) != self.wiring.nodes - 1:
            raise HarnessError(must("architecture", hint, text))
        genes = [ABSENT] * self.genes
        for node, into in zip(nodes, self.wiring.into[1:], strict=True):
            found = dict[int, int]()
            for part in node.strip().strip("|").split("|"):
                match = re.fullmatch(r"(\w+)~(\d+)", part.strip())
                if match is None:
                    raise HarnessError(must("architecture", hint, text))
                found[int(match[2])] = operation_code(match[1], self.operations, text)
            if sorted(found) != [source for source, _ in into] or node.count("~") != len(into):
                raise HarnessError(must("architecture", hint, text))
            for source, gene in into:
                genes[gene] = found[source]
        return genes

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the operations on each edge."""
        return dict.fromkeys(self.wiring.names, self.operations)

    def definition(self) -> str:
        """Return JSON from which `from_definition` makes the space again."""
        told: dict[str, object] = {
            "kind": "cells",
            "name": self.name,
            "nodes": self.wiring.nodes,
            "operations": self.operations,
        }
        if self.wiring != Wiring.full(self.wiring.nodes):
            told["edges"] = self.wiring.edges
        return json.dumps(told)

    def _facts(self) -> Mapping[str, object]:
        codings = math.prod(self.cardinalities.tolist())
        listed = {} if codings > LISTED_CODINGS else {"classes": {"functional": len(np.unique(self._classes))}}
        try:
            network = self.network
        except HarnessError as error:
            network = f"none: {error}"
        return {"operations": list(self.operations), "valid": codings, **listed, "networks": network}


def from_definition(fields: Mapping[str, object]) -> CellSpace:
    """Make a space from the object that `CellSpace.definition` wrote, or as a file says it.

    Raises
    ------
    TableError
        If it is none.
    """
    operations, nodes, edges = fields.get("operations"), fields.get("nodes", 4), fields.get("edges")
    if not isinstance(operations, list) or not all(isinstance(name, str) for name in operations):
        raise TableError(must("operations", "be a list of names", operations))
    if isinstance(nodes, bool) or not isinstance(nodes, int):
        raise TableError(must("nodes", "be an integer", nodes))
    if edges is not None and not (isinstance(edges, list) and all(map(_is_edge, edges))):
        raise TableError(must("edges", "be a list of pairs of nodes, [[0, 1], [0, 2]]", edges))
    return CellSpace(str(fields.get("name")), operations, nodes=nodes, edges=edges)


def _is_edge(edge: object) -> bool:
    return isinstance(edge, list) and len(edge) == 2 and all(type(node) is int for node in edge)


def of_network(network: str) -> CellSpace:
    """Return the space of the networks of a name, see `CellSpace.network`.

    Raises
    ------
    HarnessError
        If it is none.
    """
    parts = network.split(":")
    if len(parts) != 3 or parts[0] != NETWORKS:
        raise HarnessError(must("network", f"read '{NETWORKS}:NODES:OPERATION,OPERATION'", shown(network)))
    wired, operations = parts[1], parts[2].split(",")
    if re.fullmatch(r"\d", wired):
        return CellSpace(NETWORKS, operations, nodes=int(wired))
    if not re.fullmatch(r"\d-\d(,\d-\d)*", wired):
        raise HarnessError(must("network", "name its edges as '0-1,0-2,1-2'", network))
    edges = [[int(node) for node in edge.split("-")] for edge in wired.split(",")]
    return CellSpace(NETWORKS, operations, nodes=1 + max(max(edge) for edge in edges), edges=edges)


def cost(
    space: CellSpace, archs: Archs, *, classes: int, shape: Shape, channels: int, cells: int, reduction: str
) -> Cost:
    """Count parameters and multiply-adds, dead edges included: (n, E) to two (n,) int64 arrays.

    See `harness.spaces.nb201.costs.cost`.
    """

    def cell(width: int, geometry: Geometry, positions: int) -> Cost:
        total = Cost(np.zeros(len(archs), dtype=np.int64), np.zeros(len(archs), dtype=np.int64))
        for code, name in enumerate(space.operations):
            each = OPERATIONS[name].cost(width, geometry, positions)
            if each is not None:
                total += each * np.sum(archs == code, axis=1, dtype=np.int64)
        return total

    return layers.staged(cell, widths=stage_widths(channels), cells=cells, classes=classes, shape=shape, kind=reduction)
