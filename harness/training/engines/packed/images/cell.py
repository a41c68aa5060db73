"""One cell of NAS-Bench-201 for all members of a pack, on images: three waves forward, three backward."""

from __future__ import annotations

from harness.spaces.four_nodes import NODES
from harness.spaces.nb201 import operations as nb201
from harness.training.engines.packed.images.maps import POOL, SKIP, Edge, Slope, Sum, Term
from harness.training.engines.packed.images.operations import Run
from harness.training.engines.packed.images.places import Block, Feature, Pack, normed
from harness.training.engines.packed.plan import SOURCES


class ImageCell(Block):
    """Four nodes of M members.

    Parameters
    ----------
    stage, cell : int
        Position in the network.
    inputs : Feature
        Node 0.

    Attributes
    ----------
    out : Feature
        Node 3.
    """

    def __init__(self, pack: Pack, stage: int, cell: int, inputs: Feature) -> None:
        self._pack, self._stage, self._maps = pack, stage, pack.stages[stage]
        self.out = pack.feature(self._maps, 3 - inputs.place)
        self._nodes: list[dict[int, int]] = [dict(enumerate(inputs.nodes)), {}, {}, dict(enumerate(self.out.nodes))]
        self._gradients = [dict(enumerate(inputs.gradients)), {}, {}, dict(enumerate(self.out.gradients))]
        self._inner_rows()
        self._edges: dict[tuple[int, int, int], Edge] = {}  # by member, source, target
        self._simple: dict[tuple[int, int, int], int] = {}
        self._all_edges(f"stages.{stage}.{cell}")
        self.out.into.extend(self._into(member, NODES - 1) for member in pack.members)
        self._forward = [step for wave in range(SOURCES) for step in (self._convolve(wave), self._add(wave + 1))]
        if pack.training:
            self._backward = [step for node in reversed(range(1, NODES)) for step in self._differentiate(node, inputs)]

    def _inner_rows(self) -> None:
        """Give rows to nodes 1 and 2 of the members that use them."""
        pack, maps = self._pack, self._maps
        used = [
            (node, member)
            for node in range(1, SOURCES)
            for member in pack.members
            if any(member in bucket.members for bucket in pack.plan.waves[node])
        ]
        rows, gradients = pack.keep(maps.nodes, len(used)), pack.share(maps.gradients, len(used))
        for (node, member), row, gradient in zip(used, rows, gradients, strict=True):
            self._nodes[node][member], self._gradients[node][member] = row, gradient

    def _all_edges(self, prefix: str) -> None:
        """List the members' operations by source and target."""
        pack, stage = self._pack, self._stage
        convolutions = [bucket for bucket in pack.plan.buckets if bucket.is_convolution]
        rows = iter(pack.rows(self._maps, sum(len(b.members) * len(b.targets) for b in convolutions)))
        for bucket in pack.plan.buckets:
            for target, gene in zip(bucket.targets, bucket.genes, strict=True):
                for index, member in enumerate(bucket.members.tolist()):
                    at = member, bucket.source, target
                    if bucket.is_convolution:
                        source, into = self._nodes[bucket.source][member], self._gradients[target][member]
                        key = f"{prefix}.{gene}.{bucket.key}"
                        self._edges[at] = pack.edge(key, index, source, next(rows), into, stage)
                    else:
                        self._simple[at] = POOL if bucket.operation == nb201.POOL else SKIP

    def _into(self, member: int, node: int) -> tuple[Edge, ...]:
        return tuple(self._edges[member, i, node] for i in range(node) if (member, i, node) in self._edges)

    def _convolve(self, source: int) -> Run:
        maps, edges = self._maps, [edge for (_, at, _), edge in self._edges.items() if at == source]
        return self._pack.operations.convolve(edges, maps.nodes, maps.convs, training=self._pack.training)

    def _add(self, node: int) -> Run:
        sums = []
        for member, row in self._nodes[node].items():
            terms = []
            for source in range(node):
                at = member, source, node
                if at in self._edges:
                    terms.append(normed(self._edges[at]))
                elif at in self._simple:
                    terms.append(Term(self._simple[at], self._nodes[source][member]))
            sums.append(Sum(row, tuple(terms)))
        return self._pack.operations.add(sums, self._maps.nodes, self._maps.convs)

    def _differentiate(self, node: int, inputs: Feature) -> tuple[Run, Run]:
        """Return the gradients of what leads into a node, and then that of the node before."""
        maps, operations = self._maps, self._pack.operations
        every = maps.nodes, maps.convs, maps.gradients, maps.conv_gradients
        edges = [edge for (_, _, at), edge in self._edges.items() if at == node]
        source = node - 1
        slopes = []
        for member, row in self._nodes[source].items():
            convolutions, direct = [], []
            for target in range(source + 1, NODES):
                at = member, source, target
                if at in self._edges:
                    convolutions.append(self._edges[at])
                elif at in self._simple:
                    direct.append(Term(self._simple[at], self._gradients[target][member]))
            into = self._into(member, source) if source else inputs.into[member]
            gradient = self._gradients[source][member]
            slopes.append(Slope(gradient, row, tuple(convolutions), tuple(direct), into))
        return operations.weigh(edges, *every), operations.descend(slopes, *every)
