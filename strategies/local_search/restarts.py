"""Local search with random restarts."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from harness.checks import Archs, choice
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
    in between: variables in random order, each set to its best value at once, until a pass changes nothing; then a
    restart.

    An architecture (a row of integers, the exact identity) is proposed once in a run.  A neighbour whose result is
    known is compared at no charge, so the search may move to it; the code of Den Ottelander et al. evaluates it again
    and counts unique evaluations beside all, naszilla passes it over.  Departs from naszilla: each start is one random
    architecture that is new, as in Algorithm 1, not the best of ten.

    With parallel workers "first" proposes as many neighbours as there are free workers and moves at the first better
    result told; results of the neighbourhood left behind are only remembered.  Workers wait while a start, or the last
    neighbours, run.  A start that failed is replaced.  Constraints are compared as in `strategies.parts.ranking`.  The
    search is finished when every architecture has been proposed.

    Parameters
    ----------
    improvement : {"first", "best"}
        Move to the first better neighbour in random order, or evaluate all and move to the best (ties at random).
    """

    family, paper, year = "local search", "White, Nolen & Savani, UAI", 2021
    takes = Takes(objectives=1)

    def __init__(self, problem: Problem, rng: np.random.Generator, *, improvement: str = "first") -> None:
        super().__init__(problem, rng)
        self.improvement = choice("improvement", improvement, ("first", "best"))
        self._first = self.improvement == "first"
        self._known: dict[Hashable, Score | None] = {}  # None: proposed, not told yet
        self._waiting: set[Hashable] = set()  # the start, or neighbours of `_here`, that run
        self._here: Score | None = None  # score of the architecture stood at; None: none yet
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
            if not self._move():
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
        """Move to a better known neighbour; return false at a local optimum."""
        if self._first:
            target = self._seen  # where `_look_around` stopped
        else:
            ranked = [self._known[key] or FAILED for key in self._keys]
            target = min(range(len(ranked)), key=ranked.__getitem__, default=0)
        if target == len(self._keys):
            return False
        score = self._known[self._keys[target]]
        if score is None or self._here is None or not score < self._here:
            return False
        self._stand(self._around[target], score)
        return True

    def _stand(self, arch: Archs, score: Score) -> None:
        """Make an architecture, (L,), the one whose neighbours are looked at."""
        around = self.problem.space.neighbours(arch)
        self._around = around[self.rng.permutation(len(around))]
        self._keys = exact_keys(self._around)
        self._seen = 0
        self._waiting.clear()
        self._here = score

    def _start(self) -> Proposals:
        """Propose a random architecture that is new; none when the space is exhausted."""
        archs, keys = sample_new(self.problem.space, 1, self._known, exact_keys, self.rng)
        self._known.update(dict.fromkeys(keys))
        self._waiting.update(keys)
        return self.proposals(archs)

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results; move at the first that is better than here ("first"), or that starts a descent."""
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        for row, (key, score) in enumerate(zip(exact_keys(archs), scores(evaluations), strict=True)):
            self._known[key] = score
            if key not in self._waiting:
                continue
            self._waiting.discard(key)
            if self._here is None:
                if score is not FAILED:
                    self._stand(archs[row], score)
            elif self._first and score < self._here:
                self._stand(archs[row], score)
