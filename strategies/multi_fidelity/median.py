"""The median stopping rule."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from math import isfinite

import numpy as np

from harness.checks import MOST, choice, integer, real
from harness.problem import Problem
from harness.strategy import Takes
from strategies.multi_fidelity.base import MultiFidelity, Place
from strategies.multi_fidelity.ladder import require_continuations, training_chain
from strategies.multi_fidelity.rungs import Trial
from strategies.parts.ranking import FAILED


class MedianStopping(MultiFidelity):
    """Train random architectures epoch by epoch, and give up those that are worse than half of the others were.

    Golovin et al., "Google Vizier", KDD 2017, section 3.2.2 (`rule` = "vizier"): at step t a trial is stopped if its
    best value so far is worse than the median of the running averages, up to t, of all trials that were trained fully.

    `rule` = "running_average" is that of syne-tune: the trial's own running average at t is compared with those of all
    trials that reached t, itself among them, and the trial goes on if the share that is better is at most
    `rank_cutoff`.

    Every epoch that the table has is a slice of its own, charged by its increment: a budget must be resumable.  Failed
    trials are stopped and count nowhere.  A trial that breaks a constraint is stopped as soon as one that keeps all of
    them was trained fully.  An architecture is proposed once.

    Parameters
    ----------
    rungs : list of int or str, optional
        Epochs of the full training after which a trial may be stopped, ascending; the default is every one.
    rule : {"vizier", "running_average"}
        With what a trial is compared.
    grace_time : int
        No trial is stopped before so many slices, at least 1.
    grace_population : int, optional
        No trial is stopped before so many can be compared with, at least 1; the default is 1 for "vizier", and 5 for
        "running_average", itself among them.
    rank_cutoff : float
        The share of better ones up to which a trial goes on under "running_average", from 0 to 1.
    """

    takes = Takes(objectives=1, fidelities=True, slices=True)
    family, paper, year = "multi-fidelity", "Golovin et al., KDD", 2017

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        rungs: Sequence[int | str] | None = None,
        rule: str = "vizier",
        grace_time: int = 1,
        grace_population: int | None = None,
        rank_cutoff: float = 0.5,
    ) -> None:
        super().__init__(problem, rng, eta=2, rungs=rungs)
        if rungs is None:
            self.ladder = training_chain(problem)
        require_continuations(type(self).__name__, problem, self.ladder)
        self.rule = choice("rule", rule, ("vizier", "running_average"))
        self.grace_time = integer("grace_time", grace_time, low=1, high=MOST)
        given = {"vizier": 1, "running_average": 5}[self.rule] if grace_population is None else grace_population
        self.grace_population = integer("grace_population", given, low=1, high=MOST)
        self.rank_cutoff = real("rank_cutoff", rank_cutoff, low=0.0, high=1.0)
        self._averages: list[list[float]] = [[] for _ in self.ladder]  # ascending, by step: what is compared with
        self._kept = False  # whether a trial that keeps all constraints was trained fully

    def places(self, n: int) -> list[Place]:
        """Return `n` places at the first slice."""
        return [Place(self.ladder[0])] * n

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Let a trial go on, or stop it."""
        score = trial.score(fidelity)
        violation = score[0]
        if score is FAILED or not isfinite(violation):
            trial.stopped = True
            return
        values = [result.score[1] for result in trial.results.values()]
        if self.rule == "running_average":
            insort(self._averages[len(values) - 1], sum(values) / len(values))
        if len(values) == len(self.ladder):
            self._kept |= violation <= 0
            if self.rule == "vizier":
                for averages, average in zip(
                    self._averages, np.cumsum(values) / np.arange(1, 1 + len(values)), strict=True
                ):
                    insort(averages, float(average))
            return
        trial.stopped = (violation > 0 and self._kept) or self.worse(values)
        if not trial.stopped:
            self.owed.append((trial, self.ladder[len(values)]))

    def worse(self, values: Sequence[float]) -> bool:
        """Return whether a trial with these values up to now is to be stopped.

        Parameters
        ----------
        values : sequence of float
            At its t slices, to be minimised.
        """
        step = len(values)
        others = self._averages[step - 1]
        if step < self.grace_time or len(others) < self.grace_population:
            return False
        if self.rule == "vizier":
            middle = len(others) // 2
            median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
            return min(values) > median
        return bisect_left(others, sum(values) / step) / len(others) > self.rank_cutoff
