"""NASH-style search: hill climbing by network morphisms."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, choice, integer
from harness.problem import Problem
from harness.strategy import Takes
from strategies.parts import moves as moving
from strategies.parts.candidates import exact_keys, sample_new
from strategies.parts.ranking import FAILED
from strategies.parts.rhythms import Generational, Told

_PATIENCE = 10  # walks in a row that end at nothing new, after which an architecture counts as exhausted


class Nash(Generational):
    """Make children of the best architecture by random network morphisms; the best of children and parent goes on.

    Elsken, Metzen & Hutter, "Simple and efficient architecture search for convolutional neural networks", ICLR workshop
    2018: each step makes `children` by `morphisms` random network morphisms each, trains them, and goes on from the
    best, one of the children being the parent as it is.  The defaults are the paper's.

    It is called NASH-style because no weights are inherited: every child is a whole training, where the paper trains it
    for 17 epochs from its parent's weights.  The parent is not trained again and costs nothing.  Departs from the
    paper: the climb goes on for the whole budget, and starts again from a random architecture where all that the parent
    leads to has been proposed; the first start is random too by default, where the paper starts from a small network.

    On tables it is expected to be poor wherever the optimum cannot be reached by morphisms: these only add, and on
    NAS-Bench-201 lead to cells of convolutions alone.

    An architecture (a row of integers) is proposed once in a run; the search is finished when nothing is left.  With
    parallel workers a generation is spread over them, and they wait for its end.  Results are compared as in
    `strategies.parts.ranking`, constraints first; a failed training is never a parent.

    Parameters
    ----------
    children : int
        Architectures trained in a step, at least 1.
    morphisms : int
        Moves from the parent to a child, at least 1; fewer where no more are possible.
    moves : {"morphism", "neighbours"}
        See `strategies.parts.moves`: network morphisms, and all edits in spaces that know none; or all edits.
    start : {"random", "smallest"}
        The first architecture: random, or the simplest of the space (`SearchSpace.growth`).
    """

    family, paper, year = "network morphism", "Elsken, Metzen & Hutter, ICLR workshop", 2018
    takes = Takes(objectives=1)
    flows = False

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        children: int = 8,
        morphisms: int = 5,
        moves: str = "morphism",
        start: str = "random",
    ) -> None:
        super().__init__(problem, rng, repeats="refuse")
        self.children = integer("children", children, low=1, high=MOST)
        self.morphisms = integer("morphisms", morphisms, low=1, high=MOST)
        self.moves = moving.Moves(choice("moves", moves, moving.NAMES), problem.space)
        smallest = choice("start", start, ("random", "smallest")) == "smallest"
        self._smallest = problem.space.growth.smallest()[:1] if smallest else None
        self._parent: Told | None = None
        self._spent = False  # the last walks from the parent led to nothing new

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return up to n children of the parent; a start where there is none, or where it has none left."""
        if self._parent is not None:
            children = self._children(self._parent.arch, n)
            if len(children) or self._running or self._generation:
                return children, [None] * len(children)
            self._parent, self.size = None, 1
        archs, self._smallest = self._smallest, None
        if archs is None:
            archs, _ = sample_new(self.problem.space, 1, self._known, exact_keys, self.rng)
        return archs, [None] * len(archs)

    def _children(self, parent: Archs, n: int) -> Archs:
        """Return up to n new architectures by random moves from a parent: (L,) to (k, L)."""
        found: dict[Hashable, Archs] = {}
        in_vain = 0
        while len(found) < n and in_vain < _PATIENCE and not self._spent:
            arch, around, keys = parent, *self.moves(parent)
            for lot in self.rng.random(self.morphisms - 1).tolist():
                if not keys:
                    break
                arch = around[int(lot * len(keys))]
                around, keys = self.moves(arch)
            if not keys:
                around, keys = arch[None], [arch.tobytes()]
            new = [row for row, key in enumerate(keys) if key not in self._known and key not in found]
            in_vain = 0 if new else in_vain + 1
            if new:
                row = new[int(self.rng.integers(len(new)))]
                found[keys[row]] = around[row]
            elif self.morphisms == 1:
                break  # its only moves were all looked at
        self._spent = len(found) < n
        return np.array([*found.values()], dtype=parent.dtype).reshape(-1, len(parent))

    def learn(self, generation: list[Told]) -> None:
        """Go on from the best of the generation and the parent."""
        trained = [told for told in generation if told.score is not FAILED]
        best = min(trained, key=lambda told: told.score, default=None)
        if best is not None and (self._parent is None or best.score < self._parent.score):
            self._parent, self.size, self._spent = best, self.children, False
