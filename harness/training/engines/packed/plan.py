"""The plan of a pack, cell by cell: edges of all members bucketed by source, operation and targets.

Wave i of a cell is everything that leaves node i.  Members whose operation leads from node i to the same targets form
one bucket, whatever the rest of their cells looks like; two convolutions of equal kernel out of one node ("siblings")
share their input.  Dead edges are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, IntArray
from harness.spaces.four_nodes import EDGES, NODES, SKIP, live_edges
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, KERNELS, POOL

SOURCES = NODES - 1
"""Nodes that edges leave."""


@dataclass(frozen=True, eq=False)
class Bucket:
    """One operation out of one node into the same targets, for some members of the pack.

    Attributes
    ----------
    operation : int
        Code of NAS-Bench-201: skip, 1x1 convolution, 3x3 convolution or pool.
    source : int
        Node 0, 1 or 2.
    targets : tuple of int
        Nodes it is added to, ascending.
    members : (E,) int64
        Positions in the pack, ascending, without repetition.
    """

    operation: int
    source: int
    targets: tuple[int, ...]
    members: IntArray

    @property
    def genes(self) -> tuple[int, ...]:
        """The genes of the edges, one for each target."""
        return tuple(EDGES.index((self.source, target)) for target in self.targets)

    @property
    def is_convolution(self) -> bool:
        """Whether the operation has weights."""
        return self.operation in KERNELS

    @property
    def key(self) -> str:
        """A name within the cell, for example ``"2.0.13"``: operation, source, targets."""
        return f"{self.operation}.{self.source}.{''.join(map(str, self.targets))}"


@dataclass(frozen=True, eq=False)
class WavePlan:
    """The buckets of a pack of M members.

    Attributes
    ----------
    members : int
    waves : tuple of 3 tuples of Bucket
        What leaves node 0, 1 and 2.
    """

    members: int
    waves: tuple[tuple[Bucket, ...], ...]

    @property
    def buckets(self) -> list[Bucket]:
        """All buckets in the order in which they are computed."""
        return [bucket for wave in self.waves for bucket in wave]


def wave_plan(archs: Archs | Sequence[Sequence[int]]) -> WavePlan:
    """Plan a pack.

    Parameters
    ----------
    archs : (M, 6) integers
        The member's cells; equal rows (seeds of one architecture) are welcome.

    Examples
    --------
    >>> plan = wave_plan([[3, 3, 0, 1, 1, 1], [3, 3, 0, 4, 1, 1]])
    >>> [(bucket.key, bucket.members.tolist()) for bucket in plan.waves[0]]
    [('1.0.3', [0]), ('3.0.12', [0, 1]), ('4.0.3', [1])]
    """
    members: dict[tuple[int, int, tuple[int, ...]], list[int]] = {}
    for member, arch in enumerate(archs):
        live = live_edges([int(gene) for gene in arch])
        for source in range(SOURCES):
            for operation in (SKIP, CONV_1X1, CONV_3X3, POOL):
                targets = tuple(EDGES[gene][1] for gene in live if EDGES[gene][0] == source and arch[gene] == operation)
                if targets:
                    members.setdefault((source, operation, targets), []).append(member)
    waves = tuple(
        tuple(
            Bucket(operation, source, targets, np.array(members[source, operation, targets], dtype=np.int64))
            for at, operation, targets in sorted(members)
            if at == source
        )
        for source in range(SOURCES)
    )
    return WavePlan(len(archs), waves)
