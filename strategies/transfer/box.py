"""Search in the box that holds the best architectures of other tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, IntArray, integer
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.search.beginning import Make
from harness.spaces.given import Box as BoxSpace
from harness.strategy import Plan, Strategy, Takes
from strategies.parts.candidates import exact_keys, no_archs
from strategies.parts.ranking import Score, scores
from strategies.transfer.sources import top_of_each

_IN_VAIN = 1000
"""Proposals in a row that were looked up after which a strategy waits."""
INSIDE, WHOLE = 0, 1


class Box(Strategy):
    """Let a strategy search only among the values of genes that the best architectures of other tables have.

    Perrone, Shen, Seeger, Archambeau & Jenatton, "Learning search spaces for Bayesian optimization: another view of
    hyperparameter transfer learning", NeurIPS 2019, equation 3, with categories: the box holds every value that a gene
    has among the `top` of each source.

    Departs from the paper, which trusts the box: it is put to the test.  Two copies of the strategy, one in the box and
    one in the whole space, take turns until each was told `trial` results; the one whose results rank better on
    average goes on alone, the box where they are alike.  What one copy proposed and the other proposes too is looked
    up at no charge.  Where the box is exhausted, the copy in the whole space goes on.  A box of a whole space is none.

    Constraints, failed trainings and duplicates are treated by the strategy inside.  Parallel workers that would wait
    for the end of the test work in the box.

    Parameters
    ----------
    inner : callable
        Makes the strategy inside; in a spec a table with its name and hyperparameters.
    top : int
        Architectures of each source that the box holds, at least 1.
    trial : int
        Results of each copy before the choice, at least 0; with 0 the box is trusted.
    """

    family, paper, year = "transfer", "Perrone et al., NeurIPS", 2019
    takes = Takes(objectives=1, prior=True)
    default_inner: ClassVar[dict[str, Any] | None] = {
        "name": "genetic_algorithm",
        "population": 10,
        "offspring": 10,
    }

    def __init__(
        self, problem: Problem, rng: np.random.Generator, *, inner: Make, top: int = 1, trial: int = 10
    ) -> None:
        super().__init__(problem, rng)
        self.top = integer("top", top, low=1, high=MOST)
        self.trial = integer("trial", trial, low=0, high=MOST)
        members = top_of_each(problem, self.top)
        whole = inner(problem, rng)
        self.space = BoxSpace(problem.space, members) if len(members) else None
        boxed = whole if self.space is None else inner(replace(problem, space=self.space), rng)
        self._copies = (boxed, whole)
        self._open = [self.space is not None, self.space is None or self.trial > 0]  # copies that may propose
        self._proposed = [0, 0]
        self._scores: list[list[Score]] = [[], []]
        self._rows: list[tuple[int, int]] = []  # copy and its tag, by our tag
        self._seen: dict[object, Evaluations | None] = {}  # None: it runs
        self._by: dict[object, int] = {}  # which copy proposed it first
        self._waiting: dict[object, list[tuple[int, int]]] = {}  # the other copy's tags of what runs

    @property
    def testing(self) -> bool:
        """Whether the box is on trial."""
        return all(self._open) and self.space is not None

    def plan(self, n: int) -> Plan:
        """Return what the copy proposes whose turn it is."""
        order = [INSIDE, WHOLE] if self._open[INSIDE] else [WHOLE]
        if self.testing and self._proposed[WHOLE] < min(self.trial, self._proposed[INSIDE]):
            order.reverse()
        for copy in order:
            most = min(n, self.trial - self._proposed[WHOLE]) if self.testing and copy == WHOLE else n
            if most > 0:
                proposed = yield from self._new(copy, most)
                if len(proposed):
                    return proposed
        if self._open[INSIDE] and not self._running():  # the box is exhausted
            self._open = [False, True]
            return (yield from self._new(WHOLE, n))
        return self.proposals(no_archs(self.problem.space))

    def _running(self) -> bool:
        return any(told is None for told in self._seen.values())

    def _new(self, copy: int, n: int) -> Plan:
        """Return rows of a copy that the other has not proposed; what it has is looked up and told."""
        for _ in range(_IN_VAIN):
            proposed = yield from self._copies[copy].asking(n)
            kept = [row for row, key in enumerate(exact_keys(proposed.archs)) if self._is_new(copy, key, proposed, row)]
            if kept or not len(proposed):
                return self._tagged(copy, proposed.take(kept))
        return self.proposals(no_archs(self.problem.space))

    def _is_new(self, copy: int, key: object, proposed: Proposals, row: int) -> bool:
        if self._by.setdefault(key, copy) == copy:
            self._seen.setdefault(key, None)
            return True
        tag, told = int(proposed.tag[row]), self._seen[key]
        if told is None:
            self._waiting.setdefault(key, []).append((copy, tag))
        else:
            self._tell(copy, told, np.array([tag]))
        return False

    def _tagged(self, copy: int, proposed: Proposals) -> Proposals:
        first = len(self._rows)
        self._rows += [(copy, tag) for tag in proposed.tag.tolist()]
        self._proposed[copy] += len(proposed)
        return replace(proposed, tag=np.arange(first, len(self._rows)))

    def tell(self, evaluations: Evaluations) -> None:
        """Tell each copy its own results, in the order in which they came, and choose when both were told enough."""
        super().tell(evaluations)
        owners = [self._rows[tag] for tag in evaluations.tag.tolist()]
        for copy in (INSIDE, WHOLE):
            rows = [row for row, (owner, _) in enumerate(owners) if owner == copy]
            if rows:
                self._tell(copy, evaluations.take(rows), np.array([owners[row][1] for row in rows]))
        for row, key in enumerate(exact_keys(np.asarray(evaluations.archs, dtype=self.problem.space.dtype))):
            told = self._seen[key] = evaluations.take([row])
            for copy, tag in self._waiting.pop(key, ()):
                self._tell(copy, told, np.array([tag]))
        if self.testing and min(map(len, self._scores)) >= self.trial:
            self._open[WHOLE if self.box_is_better() else INSIDE] = False

    def _tell(self, copy: int, told: Evaluations, tags: IntArray) -> None:
        self._copies[copy].tell(replace(told, tag=tags))
        self._scores[copy] += scores(told)

    def box_is_better(self) -> bool:
        """Say whether results from the box rank at least as well, on average, as the others of the trial."""
        inside, whole = (self._scores[copy][: self.trial] for copy in (INSIDE, WHOLE))
        wins = sum((a < b) + 0.5 * (a == b) for a in inside for b in whole)
        return wins >= 0.5 * len(inside) * len(whole)
