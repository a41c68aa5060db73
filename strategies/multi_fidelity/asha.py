"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from harness.checks import boolean, choice, integer
from harness.errors import HarnessError
from harness.problem import Problem
from strategies.multi_fidelity.base import MultiFidelity, Place
from strategies.multi_fidelity.ladder import require_continuations
from strategies.multi_fidelity.rungs import Rung, Trial
from strategies.parts.ranking import FAILED


def bracket_probabilities(rungs: int, eta: int, brackets: int) -> list[float]:
    """Return how often a new configuration starts s rungs above the lowest, for s below `brackets`.

    Proportional to ``eta**(K - s) (K + 1) / (K - s + 1)``, the configurations that Hyperband would start there.

    Examples
    --------
    >>> [round(share, 3) for share in bracket_probabilities(3, 3, 3)]
    [0.545, 0.273, 0.182]
    """
    weights = [eta ** (rungs - 1 - s) * rungs / (rungs - s) for s in range(brackets)]
    return [weight / sum(weights) for weight in weights]


class ASHA(MultiFidelity):
    """Promote whatever is among the best 1/eta of its rung whenever a worker is idle, else begin something new.

    Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2 (`rule` = "promotion"):
    rungs are scanned from the top; of the best ``floor(|rung| / eta)`` members that finished a rung, promoted ones
    among them, the best that was not promoted is trained on.  There is no barrier and no fixed number of
    configurations.

    `rule` = "stopping" is the variant of syne-tune and Ray: a trial goes on at once if its value is at most the
    1/eta quantile (linear, as numpy's) of all that reached the rung, itself among them, and is given up for ever if
    not; the first always goes on.  It fills the higher rungs sooner, with less to judge by.

    Departs from the paper: `eta` is 3, as in most code (their experiments: 4); the rungs are those of the table; with
    several `brackets`, each keeps rungs of its own (syne-tune shares one system), and a bracket is drawn with the
    probability that Hyperband's own numbers give.  An architecture is proposed once.

    Parameters
    ----------
    eta : int
        The reduction: one of so many is promoted, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    rule : {"promotion", "stopping"}
        Promote later what proves good, or stop at once what does not.
    cost_aware : bool
        Whether the best 1/eta is counted in seconds, not in members: of members sorted by value, those whose seconds
        sum to at most 1/eta of all are promoted (syne-tune's ``cost_promotion``).  For promotions alone.
    brackets : int
        How many rungs a new configuration may start on, from 1, the lowest alone, to one for each rung: asynchronous
        Hyperband.
    """

    family, paper, year = "multi-fidelity", "Li et al., MLSys", 2020

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        rule: str = "promotion",
        cost_aware: bool = False,
        brackets: int = 1,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs)
        self.rule = choice("rule", rule, ("promotion", "stopping"))
        self.cost_aware = boolean("cost_aware", cost_aware)
        if self.cost_aware and self.rule == "stopping":
            raise HarnessError('`cost_aware` chooses promotions: leave it out with `rule = "stopping"`')
        if self.rule == "stopping":
            require_continuations(type(self).__name__, problem, self.ladder)
        count = integer("brackets", brackets, low=1, high=len(self.ladder))
        self.systems = [[Rung(fidelity) for fidelity in self.ladder[s:]] for s in range(count)]
        """The rungs of each bracket, the lowest first."""
        self._bounds = np.cumsum(bracket_probabilities(len(self.ladder), self.eta, count))[:-1]
        heights = [
            (len(rungs) - above, s, above) for s, rungs in enumerate(self.systems) for above in range(1, len(rungs))
        ]
        self.steps = [(self.systems[s][above - 1], self.systems[s][above].fidelity) for _, s, above in sorted(heights)]
        """The rungs from which is promoted and the fidelities to which, the highest first."""

    def places(self, n: int) -> list[Place]:
        """Return `n` places on the lowest rungs of brackets that are drawn."""
        return [Place(self.ladder[bracket], bracket) for bracket in (self.draw_bracket() for _ in range(n))]

    def draw_bracket(self) -> int:
        """Return the bracket of a new configuration."""
        if len(self.systems) == 1:
            return 0
        return int(np.searchsorted(self._bounds, self.rng.random(), side="right"))

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Add a member to its rung; under the stopping rule, let it go on or give it up."""
        system = self.systems[trial.note]
        level = self.ladder.index(fidelity) - trial.note
        rung = system[level]
        rung.add(trial)
        if self.rule == "stopping" and level + 1 < len(system):
            trial.stopped = not self.goes_on(rung, trial)
            if not trial.stopped:
                rung.promoted.add(trial.tag)
                self.owed.append((trial, system[level + 1].fidelity))

    def goes_on(self, rung: Rung, trial: Trial) -> bool:
        """Return whether a trial that was just added is at most the 1/eta quantile of its rung.

        A member is at most the linear quantile q of n exactly where no more than ``q (n - 1)`` members are better.
        """
        score = trial.score(rung.fidelity)
        return score is not FAILED and rung.better_than(score) <= (len(rung) - 1) // self.eta

    def promotion(self) -> tuple[Trial, int] | None:
        """Return the best trial of the highest rung that has one to promote."""
        if self.rule == "stopping":
            return None
        for rung, above in self.steps:
            if rung.searched == len(rung):
                continue
            for trial in self.best(rung, self.promotable(rung)):
                if trial.tag not in rung.promoted:
                    rung.promoted.add(trial.tag)
                    return trial, above
            rung.searched = len(rung)
        return None

    def promotable(self, rung: Rung) -> int:
        """Return how many of the best members of a rung may be promoted."""
        if not self.cost_aware:
            return len(rung) // self.eta
        seconds = [trial.results[rung.fidelity].seconds for trial in rung.members]
        share = sum(seconds) / self.eta
        if not isfinite(share):  # a table without times
            return len(rung) // self.eta
        count, spent = 0, 0.0
        for trial in self.best(rung, len(rung)):
            spent += trial.results[rung.fidelity].seconds
            if spent > share:
                break
            count += 1
        return count
