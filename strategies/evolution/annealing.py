"""Simulated annealing."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, isnan, log
from sys import float_info
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, boolean, integer, real
from harness.errors import HarnessError, must
from harness.problem import Problem
from harness.records import Evaluations
from harness.strategy import Takes
from strategies.parts.ranking import FAILED, Score
from strategies.parts.rhythms import Generational, Told

_COOLED = 100.0  # the first temperature over the last, where that is not given
_COLDEST = float_info.min  # what is colder has no logarithm, and divides by zero


class SimulatedAnnealing(Generational):
    """Walk to a random neighbour if it is better, or else with a probability that falls with the budget spent.

    Kirkpatrick, Gelatt & Vecchi, "Optimization by Simulated Annealing", Science 220, 1983: a move that is worse by D is
    accepted with probability exp(-D / T) (Metropolis et al., 1953), and T falls geometrically, here from the first
    evaluation of the budget to the last; of budgets in seconds, by the share of the workers' seconds.  Where no
    temperatures are given the scale is found: the first `moves` moves are all accepted, and the first temperature is
    that at which a move as bad as their mean deterioration is accepted with probability `accepted`; the last is a
    hundredth of it.  On tables where a few trainings end at chance level that mean is large and the walk stays hot;
    on NAS-Bench-201, 1 to 0.05 percentage points of error is good.

    An architecture met again is judged by its known result at no charge (`look_up`); where a hundred in a row bring
    nothing new, the walk continues from a random architecture that is new, and the search is finished when there is
    none.  Without, it is evaluated again, as a walk on an unknown landscape would.

    With parallel workers there is one walk: idle workers get further neighbours of where it stands, the first result
    that is accepted moves it, and results of a neighbourhood left behind are only remembered; until the first result
    is told they get random architectures.  Probabilities compare equal violations of constraints only; a move that
    changes the violation is accepted if that falls (`strategies.parts.ranking`).  A failed training is never accepted.

    Parameters
    ----------
    first, last : float, optional
        Temperatures in the unit of the objective, greater than 0; `last` at most `first`, a hundredth of it if not
        given.
    moves : int
        Moves from which the first temperature is found where it is not given, at least 1; more while none was worse.
    accepted : float
        Their probability of acceptance (chi), greater than 0 and at most 0.99.
    look_up : bool
        Whether known results are met at no charge.
    """

    family, paper, year = "local search", "Kirkpatrick et al., Science", 1983
    takes = Takes(objectives=1)
    version = 2

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        first: float | None = None,
        last: float | None = None,
        moves: int = 10,
        accepted: float = 0.8,
        look_up: bool = True,
    ) -> None:
        repeats = "look_up" if boolean("look_up", look_up) else "charge"
        super().__init__(problem, rng, repeats=repeats, remedy="; or set `look_up = true`")
        if first is None and last is not None:
            raise HarnessError(must("last", "be left out where `first` is not given", last))
        self.first = None if first is None else real("first", first, low=0.0, open_low=True)
        self.last = None if last is None else real("last", last, low=0.0, high=self.first or 0.0, open_low=True)
        self.moves = integer("moves", moves, low=1, high=MOST)
        self.accepted = real("accepted", accepted, low=0.0, high=0.99, open_low=True)
        self._here: Archs | None = None  # where the walk stands, (L,); None: nothing told yet
        self._score = FAILED
        # Number of the place stood at, 0 before the walk begins; notes hold that from which a move was proposed, and
        # None where the walk is to continue.
        self._place = 0
        self._made = 0  # moves that were judged while the scale is not known
        self._worse: list[float] = []
        self._evaluations = 0
        self._seconds = 0.0

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return neighbours of where the walk stands; a random architecture while it has not begun."""
        if self._here is None:
            return self.problem.space.sample(n, self.rng), [self._place] * n
        return self.problem.space.mutate(np.repeat(self._here[None], n, axis=0), self.rng), [self._place] * n

    def tell(self, evaluations: Evaluations) -> None:
        """Count what is spent, then judge the moves."""
        for row, seconds in enumerate(evaluations.seconds.tolist()):
            self._evaluations += 1
            self._seconds += 0.0 if isnan(seconds) else seconds
            super().tell(evaluations.part(row, row + 1))

    def learn(self, generation: list[Told]) -> None:
        """Move, or stay."""
        for told in generation:
            starts = self._here is None or told.note is None
            if told.score is not FAILED and (starts or (told.note == self._place and self._accepts(told.score))):
                self._here, self._score = told.arch, told.score
                self._place += 1

    def _accepts(self, score: Score) -> bool:
        if score[0] != self._score[0]:
            return score < self._score
        worse = score[1] - self._score[1]
        if self.first is None:
            self._made += 1
            self._worse += [worse] * (worse > 0)
            if self._made >= self.moves and self._worse:
                self.first = sum(self._worse) / len(self._worse) / -log(self.accepted)
            return True
        return worse <= 0 or self.rng.random() < exp(-worse / self.temperature)

    @property
    def temperature(self) -> float:
        """The temperature now, in the unit of the objective; infinite while the scale is not known."""
        if self.first is None:
            return inf
        first = max(self.first, _COLDEST)
        last = max(first / _COOLED if self.last is None else self.last, _COLDEST)
        return max(first * exp(self.spent * (log(last) - log(first))), _COLDEST)

    @property
    def spent(self) -> float:
        """The share of the budget that is spent, from 0 at the first evaluation to 1 at the last."""
        budget = self.problem.budget
        shares = [0.0]
        if budget.evaluations is not None:
            shares.append((self._evaluations - 1) / max(budget.evaluations - 1, 1))
        if budget.seconds is not None:
            shares.append(self._seconds / (budget.seconds * self.problem.n_workers))
        return min(max(shares), 1.0)
