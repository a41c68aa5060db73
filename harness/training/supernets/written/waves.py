"""The plan of a step of the supernet: what leaves each node of a cell, convolutions of neighbouring edges together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, POOL
from harness.training.supernets.cells import LEAVING

Kept = tuple[tuple[int, ...], ...]
"""Codes of the operations that are computed on each of 6 edges."""

ROWS = tuple(gene for genes in LEAVING for gene in genes)
"""Genes in the order in which their maps lie in memory: by the node that they leave, targets ascending."""


@dataclass(frozen=True)
class Run:
    """One kernel on edges that leave a node for neighbouring targets.

    Attributes
    ----------
    code : int
        Of the operation.
    start, stop : int
        Places in `ROWS`.
    """

    code: int
    start: int
    stop: int

    @property
    def targets(self) -> tuple[int, ...]:
        """Nodes that it is added to, ascending."""
        return tuple(EDGES[gene][1] for gene in ROWS[self.start : self.stop])


@dataclass(frozen=True)
class Wave:
    """What leaves a node.

    Attributes
    ----------
    runs : tuple of Run
        The wider kernel first.
    skips, pools : tuple of int
        Genes.
    """

    runs: tuple[Run, ...]
    skips: tuple[int, ...]
    pools: tuple[int, ...]


@dataclass(frozen=True)
class Waves:
    """The plan of a cell.

    Attributes
    ----------
    of : tuple of 3 Wave
        What leaves nodes 0, 1 and 2.
    convolved : tuple of (int, int)
        Genes with the codes of their kernels.
    connected : bool
        Whether the input reaches the output.
    """

    of: tuple[Wave, ...]
    convolved: tuple[tuple[int, int], ...]
    connected: bool


@lru_cache(maxsize=4096)
def waves(kept: Kept) -> Waves:
    """Plan a cell; what does not lead to the output is left out.

    Examples
    --------
    >>> plan = waves(((2, 3), (3,), (0,), (1,), (3,), (4,)))
    >>> plan.of[0].runs, plan.of[0].skips
    ((Run(code=3, start=0, stop=2), Run(code=2, start=0, stop=1)), (3,))
    >>> plan.of[1].runs, plan.of[2].pools
    ((Run(code=3, start=4, stop=5),), (5,))
    """
    codes = [tuple(code for code in those if code != NONE) for those in kept]
    leading = {NODES - 1}
    for gene in reversed(ROWS):  # the last to leave a node come first
        if codes[gene] and EDGES[gene][1] in leading:
            leading.add(EDGES[gene][0])
    live = [those if EDGES[gene][1] in leading else () for gene, those in enumerate(codes)]
    reached = {0}
    for gene in ROWS:
        if live[gene] and EDGES[gene][0] in reached:
            reached.add(EDGES[gene][1])
    return Waves(
        tuple(
            Wave(
                tuple(run for code in (CONV_3X3, CONV_1X1) for run in _runs(code, genes, live)),
                tuple(gene for gene in genes if SKIP in live[gene]),
                tuple(gene for gene in genes if POOL in live[gene]),
            )
            for genes in LEAVING
        ),
        tuple((gene, code) for gene in ROWS for code in (CONV_3X3, CONV_1X1) if code in live[gene]),
        NODES - 1 in reached,
    )


def _runs(code: int, genes: Sequence[int], live: Sequence[Sequence[int]]) -> list[Run]:
    """Return the longest runs of neighbours among the edges that leave a node with a kernel."""
    found = list[Run]()
    for gene in genes:
        place = ROWS.index(gene)
        if code not in live[gene]:
            continue
        if found and found[-1].stop == place:
            found[-1] = Run(code, found[-1].start, place + 1)
        else:
            found.append(Run(code, place, place + 1))
    return found
