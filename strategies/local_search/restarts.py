"""Local search with random restarts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, choice, integer
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import exact_keys, no_archs, sample_new
from strategies.parts.ranking import FAILED, Score, scores

_UNKNOWN: Score = (-1.0, 0.0)  # no score has a negative violation


class LocalSearch(Strategy):
    """Move to a better neighbour until there is none, then start again from a random architecture.

    White, Nolen & Savani, "Exploring the loss landscape in neural architecture search", UAI 2021: their Algorithm 1
    evaluates all neighbours and moves to the best (`improvement` = "best"); their code (naszilla, `local_search`) by
    default goes through them in random order and moves at the first better one, and that is the default here.
    Den Ottelander et al., "Local search is a remarkably strong baseline for neural architecture search", EMO 2021, are
    in between (`improvement` = "gene"): variables in random order, all values of each evaluated and the best kept at
    once, until a pass over all variables changes nothing.

    An architecture (a row of integers, the exact identity) is proposed once in a run.  A neighbour whose result is
    known is compared at no charge, so the search may move to it; the code of Den Ottelander et al. evaluates it again
    and counts unique evaluations beside all, naszilla passes it over.  Departs from naszilla: each start is one random
    architecture that is new, as in Algorithm 1; `starts` = 10 takes the best of ten, as its code does.  Where an edit
    of a space changes several genes, "gene" takes the edits of the same genes as one variable.

    With parallel workers "first" proposes as many neighbours as there are free workers and moves at the first better
    result told; results of the neighbourhood left behind are only remembered.  Workers wait while starts, or the last
    neighbours, run.  Starts that all failed are replaced.  Constraints are compared as in `strategies.parts.ranking`.
    The search is finished when every architecture has been proposed.

    Parameters
    ----------
    improvement : {"first", "best", "gene"}
        Move to the first better neighbour in random order; or evaluate all and move to the best (ties at random); or
        go through the genes in random order, evaluate all values of each and move to the best of them.
    starts : int
        Random architectures at each start, at least 1; the descent begins at the best of them.
    at_minimum : {"restart", "continue"}
        Start again; or go on from the best architecture told at which the search has not stood yet (naszilla's
        ``stop_at_minimum=False``), and start again only where there is none.
    """

    family, paper, year = "local search", "White, Nolen & Savani, UAI", 2021
    takes = Takes(objectives=1)
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"starts": 1, "at_minimum": "restart"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        improvement: str = "first",
        starts: int = 1,
        at_minimum: str = "restart",
    ) -> None:
        super().__init__(problem, rng)
        self.improvement = choice("improvement", improvement, ("first", "best", "gene"))
        self.starts = integer("starts", starts, low=1, high=MOST)
        self.at_minimum = choice("at_minimum", at_minimum, ("restart", "continue"))
        self._first, self._by_gene = self.improvement == "first", self.improvement == "gene"
        self._continues = self.at_minimum == "continue"
        self._known: dict[Hashable, Score | None] = {}  # None: proposed, not told yet
        self._waiting: set[Hashable] = set()  # the start, or neighbours of `_here`, that run
        self._here: Score | None = None  # score of the architecture stood at; None: none yet
        self._place: Archs = no_archs(problem.space)  # (L,), the architecture stood at
        self._started: list[tuple[Score, int, Archs]] = []  # starts told, with their number
        self._told: list[tuple[Score, int, Any]] = []  # a heap, where the search continues
        self._numbers = count()  # the earlier told among equals
        self._stood: set[Hashable] = set()
        self._looked_at: set[Hashable] = set()  # variables of this pass, as the genes that differ ("gene")
        self._moved = False  # in this pass
        self._around: Archs = no_archs(problem.space)
        self._keys: list[Hashable] = []  # of `_around`
        self._seen = 0  # neighbours already looked at
        self._one = np.full(1, problem.full_fidelity, dtype=np.int64)
        self._untagged = np.zeros(1, dtype=np.int64)

    def propose(self, n: int) -> Proposals:
        """Return unknown neighbours ("first": at most `n`, "best": all), or a new start; none while waiting."""
        while self._here is not None:
            rows = self._look_around(n if self._first else len(self._keys))
            if len(rows) == 1:
                return Proposals(self._around[rows[0] : rows[0] + 1], self._one, self._untagged)
            if rows:
                return self.proposals(self._around[rows])
            if self._waiting and self._seen == len(self._keys):
                return self.proposals(self._around[:0])
            if not self._move() and not (self._continues and self._go_on()):
                self._here = None
        return self.proposals(self._around[:0]) if self._waiting else self._start()

    def _look_around(self, wanted: int) -> list[int]:
        """Return up to `wanted` neighbours to propose, by row; "first" stops at one that is known to be better."""
        rows: list[int] = []
        while self._seen < len(self._keys) and len(rows) < wanted:
            key = self._keys[self._seen]
            score = self._known.get(key, _UNKNOWN)
            if score is _UNKNOWN:
                self._known[key] = None
                self._waiting.add(key)
                rows.append(self._seen)
            elif score is None:  # proposed in a neighbourhood left behind, and still running
                self._waiting.add(key)
            elif self._first and self._here is not None and score < self._here:
                break
            self._seen += 1
        return rows

    def _move(self) -> bool:
        """Move to a better known neighbour, or look at the next gene; return false at a local optimum."""
        if self._first:
            target = self._seen  # where `_look_around` stopped
        else:
            ranked = [self._known[key] or FAILED for key in self._keys]
            target = min(range(len(ranked)), key=ranked.__getitem__, default=0)
        score = self._known[self._keys[target]] if target < len(self._keys) else None
        if score is None or self._here is None or not score < self._here:
            return self._by_gene and self._next_gene()
        self._stand(self._around[target], score)
        if self._by_gene:
            self._moved = True
            self._next_gene()
        return True

    def _begin(self, arch: Archs, score: Score) -> None:
        """Begin a descent at an architecture, (L,)."""
        self._stand(arch, score)
        if self._by_gene:
            self._looked_at.clear()
            self._moved = False
            self._next_gene()

    def _stand(self, arch: Archs, score: Score) -> None:
        """Make an architecture, (L,), the one whose neighbours are looked at."""
        self._here = score
        if self._by_gene or self._continues:
            self._place = arch
            self._stood.add(arch.tobytes())
        self._look_at(self._around[:0] if self._by_gene else self.problem.space.neighbours(arch))

    def _look_at(self, around: Archs) -> None:
        self._around = around[self.rng.permutation(len(around))]
        self._keys = exact_keys(self._around)
        self._seen = 0
        self._waiting.clear()

    def _next_gene(self) -> bool:
        """Look at the values of a gene not looked at in this pass; false after a pass in which nothing moved."""
        around = self.problem.space.neighbours(self._place)
        variables = exact_keys(around != self._place)
        left = [variable for variable in dict.fromkeys(variables) if variable not in self._looked_at]
        if not left and self._moved:
            self._looked_at.clear()
            self._moved = False
            left = list(dict.fromkeys(variables))
        if not left:
            return False
        chosen = left[int(self.rng.integers(len(left)))]
        self._looked_at.add(chosen)
        self._look_at(around[[variable == chosen for variable in variables]])
        return True

    def _go_on(self) -> bool:
        """Go on from the best architecture told at which the search has not stood; false if there is none."""
        while self._told:
            score, _, key = heappop(self._told)
            if key not in self._stood:
                self._begin(np.frombuffer(key, dtype=self.problem.space.dtype), score)
                return True
        return False

    def _start(self) -> Proposals:
        """Propose random architectures that are new; none when the space is exhausted."""
        archs, keys = sample_new(self.problem.space, self.starts, self._known, exact_keys, self.rng)
        self._known.update(dict.fromkeys(keys))
        self._waiting.update(keys)
        return self.proposals(archs)

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results; move at the first that is better than here ("first"), or that completes a start."""
        super().tell(evaluations)
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        for row, (key, score) in enumerate(zip(exact_keys(archs), scores(evaluations), strict=True)):
            self._known[key] = score
            if self._continues and score is not FAILED:
                heappush(self._told, (score, next(self._numbers), key))
            if key not in self._waiting:
                continue
            self._waiting.discard(key)
            if self._here is None:
                if score is not FAILED:
                    self._started.append((score, len(self._started), archs[row]))
                if self._started and not self._waiting:
                    score, _, start = min(self._started)
                    self._started.clear()
                    self._begin(start, score)
            elif self._first and score < self._here:
                self._stand(archs[row], score)
