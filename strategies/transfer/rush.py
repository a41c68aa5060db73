"""Asynchronous successive halving behind a hurdle: the best of other tables run first, and others must match them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import MOST, integer
from harness.problem import Problem
from harness.strategy import Takes
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.rungs import Rung, Trial
from strategies.parts.candidates import distinct
from strategies.parts.ranking import FAILED, Score
from strategies.transfer.sources import top_of_each


class RUSH(ASHA):
    """Train the best of other tables first; of all others only what is as good as the best of them is trained on.

    Zappella, Salinas & Archambeau, "A resource-efficient method for repeated HPO and NAS problems", AutoML workshop at
    ICML 2021, as in syne-tune: the `top` best architectures of each source begin.  What `ASHA` would let go on from a
    rung must besides be at least as good there as the best of those that began from the sources, as far as any of them
    was told there: the hurdle.  They themselves pass without it.  Where the sources mislead the hurdle is low, and what
    is left is `ASHA`, later by what they cost.

    Under the stopping rule, the default as in syne-tune, the first goes on to the full training.  Under promotion the
    higher rungs may hold fewer than `eta` members for ever where the hurdle is high: then nothing is trained fully.

    Departs from syne-tune: the hurdle counts all of the sources' architectures that were told at the rung, not those
    alone that went on from it; there is one bracket.

    Constraints that the space knows in closed form are kept by what begins; failed trainings set no hurdle.  Workers
    are treated as in `ASHA`: what reaches a rung before the sources' architectures meets no hurdle there.

    Parameters
    ----------
    top : int
        Architectures of each source that begin, at least 1.
    eta, rungs
        See `ASHA`.
    rule : {"stopping", "promotion"}
        See `ASHA`.
    """

    family, paper, year = "transfer", "Zappella, Salinas & Archambeau, AutoML workshop", 2021
    takes = Takes(objectives=1, fidelities=True, prior=True)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        top: int = 1,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        rule: str = "stopping",
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs, rule=rule)
        self.top = integer("top", top, low=1, high=MOST)
        self._drawn, keys = distinct(top_of_each(problem, self.top), self.taken, self.keys)  # what is begun first
        self.taken.update(keys)
        self.first = len(self._drawn)
        """How many architectures the sources give: the first trials."""
        self.hurdles: dict[int, Score] = {}
        """The best score of theirs that was told at each fidelity."""

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Raise the hurdle, then add a member to its rung."""
        score = trial.score(fidelity)
        if trial.tag < self.first and score is not FAILED:
            self.hurdles[fidelity] = min(score, self.hurdles.get(fidelity, score))
        super().learn(trial, fidelity)

    def clears(self, rung: Rung, trial: Trial) -> bool:
        """Return whether a member of a rung is one of the sources', or as good as the best of theirs there."""
        hurdle = self.hurdles.get(rung.fidelity, FAILED)
        return trial.tag < self.first or trial.score(rung.fidelity) <= hurdle

    def goes_on(self, rung: Rung, trial: Trial) -> bool:
        """Return whether a trial that was just added goes on by the rule of `ASHA`, and clears the hurdle."""
        return super().goes_on(rung, trial) and self.clears(rung, trial)

    def best(self, rung: Rung, count: int) -> list[Trial]:
        """Return those of the `count` best members that clear the hurdle, the best first."""
        return [trial for trial in super().best(rung, count) if self.clears(rung, trial)]
