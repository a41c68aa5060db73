"""The wiring of an architecture as marks of a drawing: places on a line from input to output, and arcs between them.

The one drawing of architectures of all spaces.  Operations stand on the arcs where the space has them on edges
(NAS-Bench-201, TransNAS-Bench-101, DARTS), else below their place (NAS-Bench-101, NAS-Bench-Graph, chains of layers).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, BoolArray
from harness.graphs import GraphBatch, reduced
from harness.space import SearchSpace

MOST_PLACES = 30
"""Places on a line, above which an architecture is not drawn."""
_GIVEN = ("input", "output", "sum")
"""What a place is called that is no operation; with a number behind it, too."""
_NOTHING = ("none", "zero")
_COMPARED = 8
"""Architectures of a space by which its wiring is seen to be the same for all."""


@dataclass(frozen=True)
class Mark:
    """A place, or an arc between two.

    Attributes
    ----------
    what : {"place", "arc"}
    operation : str
        What stands at it; "" where nothing does.
    x, end : float
        Where it begins and ends, in steps along the line; the same of a place.
    height : float
        Of the middle of an arc above its line; 0 of a straight one.
    live : bool
        Whether it is on a way from the input to the output.
    """

    what: str
    operation: str
    x: float
    end: float
    height: float
    live: bool


def wiring(space: SearchSpace, arch: Archs) -> dict[str, list[Mark]]:
    """Return the marks of each cell of an architecture, (L,), by the name of the cell, "" where there is one.

    Cells of more than `MOST_PLACES` places are left out.
    """
    graph = space.graph(arch[None])
    alive = reduced(graph, _NOTHING, (), to_fixed_point=True).mask[0]
    turned = _is_line_graph(space)
    drawn = {}
    for name, places in _cells(graph).items():
        cell = _Cell(graph, places, alive)
        marks = list(cell.turned() if turned else cell.joined() if cell.has_sums else cell.plain())
        if sum(mark.what == "place" for mark in marks) <= MOST_PLACES:
            drawn[name] = marks
    return drawn


def _cells(graph: GraphBatch) -> dict[str, list[int]]:
    """Return the places of each cell: those whose labels have the same part before ``:``."""
    groups: dict[str, list[int]] = {}
    for place in np.flatnonzero(graph.mask[0]).tolist():
        before, mark, _ = graph.labels[graph.kinds[0, place]].partition(":")
        groups.setdefault(before if mark else "", []).append(place)
    return groups


def _is_line_graph(space: SearchSpace) -> bool:
    """Say whether nodes of the space's graphs are edges of another one that is the same for all, and no chain.

    Nodes of a graph are the edges of another where those that follow any two are the same or have none in common.
    """
    batch = space.graph(space.sample(_COMPARED, np.random.default_rng(0)))
    first: BoolArray = batch.adjacency[0]
    if (batch.adjacency != first).any() or first.sum(axis=1).max() < 2:
        return False
    return all(np.array_equal(a, b) or not (a & b).any() for a in first for b in first)


class _Cell:
    """One connected part of a graph."""

    def __init__(self, graph: GraphBatch, places: list[int], alive: BoolArray) -> None:
        self.adjacency: BoolArray = graph.adjacency[0][np.ix_(places, places)]
        self.names = [graph.labels[kind].rpartition(":")[2] for kind in graph.kinds[0, places]]
        self.alive: BoolArray = alive[places]

    @property
    def has_sums(self) -> bool:
        """Whether operations lead from one sum to another: each has one place before and one behind it."""
        inner = [place for place, name in enumerate(self.names) if not _is_given(name)]
        single = (self.adjacency.sum(axis=0) == 1) & (self.adjacency.sum(axis=1) == 1)
        return "sum" in self.names and bool(single[inner].all())

    def plain(self) -> Iterator[Mark]:
        """Yield nodes as places, and edges as arcs."""
        for place, name in enumerate(self.names):
            yield Mark("place", name, place, place, 0.0, bool(self.alive[place]))
        for source, target in np.argwhere(self.adjacency).tolist():
            yield _arc("", source, target, self.alive[source] and self.alive[target], above=True)

    def joined(self) -> Iterator[Mark]:
        """Yield inputs, sums and output as places, and what is between as arcs."""
        at = [place for place, name in enumerate(self.names) if _is_given(name)]
        for number, place in enumerate(at):
            name = "" if self.names[place] == "sum" else self.names[place]
            yield Mark("place", name, number, number, 0.0, bool(self.alive[place]))
        for source, target in np.argwhere(self.adjacency).tolist():
            if source in at and target in at:
                yield _arc("", at.index(source), at.index(target), self.alive[source] and self.alive[target])
        for place, name in enumerate(self.names):
            if place not in at:
                source, target = (int(np.argmax(line)) for line in (self.adjacency[:, place], self.adjacency[place]))
                yield _arc(name, at.index(source), at.index(target), self.alive[place])

    def turned(self) -> Iterator[Mark]:
        """Yield the nodes between which the nodes of a line graph lead as places with numbers, and these as arcs."""
        follow = list(dict.fromkeys(tuple(row) for row in self.adjacency.tolist() if any(row)))
        ends = [follow.index(tuple(row)) if any(row) else -1 for row in self.adjacency.tolist()]
        begins = [next((state for state, row in enumerate(follow) if row[node]), -1) for node in range(len(ends))]
        arcs = [(a, b, node) for node, (a, b) in enumerate(zip(begins, ends, strict=True)) if a >= 0 and b >= 0]
        order = sorted(range(len(follow)), key=lambda state: (_longest(state, arcs), state))
        for number in range(len(order)):
            yield Mark("place", str(number), number, number, 0.0, True)
        for source, target, node in arcs:
            yield _arc(self.names[node], order.index(source), order.index(target), self.alive[node])


def _longest(state: int, arcs: list[tuple[int, int, int]]) -> int:
    """Return how many arcs lead to a state at most."""
    before = [source for source, target, _ in arcs if target == state]
    return 1 + max(_longest(source, arcs) for source in before) if before else 0


def _is_given(name: str) -> bool:
    return name.rstrip(" 0123456789") in _GIVEN


def _arc(operation: str, source: int, target: int, live: bool, *, above: bool = False) -> Mark:
    """Return an arc: straight between neighbours, above its line from even places, else below it unless `above`."""
    span = target - source
    height = 0.0 if span == 1 else 0.42 * span * (1 if above or source % 2 == 0 else -1)
    return Mark("arc", operation, source, target, height, bool(live))
