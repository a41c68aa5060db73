"""MO-ASHA: asynchronous successive halving whose rungs are ordered by fronts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.problem import Problem
from harness.records import Evaluations
from harness.strategy import Takes
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.rungs import Rung, Trial
from strategies.parts.fronts import bounds, epsilon_net, judged, normalise, pareto_ranks
from strategies.parts.ranking import FAILED, Score


class MOASHA(ASHA):
    """Promote what is on the first fronts of its rung, of one front the members farthest from each other.

    Schmucker, Donini, Zafar, Salinas & Archambeau, "Multi-objective asynchronous successive halving", 2021: `asha`,
    its members ordered by non-dominated sorting, and within a front by an epsilon-net: the best in the first objective,
    then always the member farthest from those before (Salinas et al., "A multi-objective perspective on jointly tuning
    hardware and hyperparameters", 2021).  Distances are Euclidean, with objectives in units of the rung's range.

    The authors' code uses the ranks of the net where it needs its order, so that it often promotes others than the
    paper says; here it is the order.  Constraints come first (`strategies.parts.fronts`), and a failed training is the
    worst.

    Parameters
    ----------
    eta : int
        The reduction: one of so many is promoted, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    rule : {"promotion", "stopping"}
        Promote later what proves good, or stop at once what does not: what is not among the best 1/eta of those that
        reached the rung, rounded up.
    cost_aware : bool
        Whether the best 1/eta is counted in seconds, not in members; see `asha`.
    brackets : int
        How many rungs a new configuration may start on; see `asha`.
    """

    family, paper, year = "several objectives", "Schmucker et al., arXiv", 2021
    takes = Takes(fewest_objectives=2, fidelities=True)
    libraries = ("moocore",)

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
        super().__init__(problem, rng, eta=eta, rungs=rungs, rule=rule, cost_aware=cost_aware, brackets=brackets)
        self._members: dict[Rung, _Members] = {}
        self._in_vain: dict[Rung, tuple[int, int]] = {}  # members and promotions of a rung that had none to promote

    def scores(self, evaluations: Evaluations) -> list[Score]:
        """Return violation and first objective of each row, `FAILED` where any objective is missing."""
        found = judged(self.problem, evaluations)
        return [score if score is FAILED else (score.violation, float(score.objectives[0])) for score in found]

    def best(self, rung: Rung, count: int) -> list[Trial]:
        """Return the `count` best members of a rung, the best first, without failed ones."""
        return [front.trial(place) for front in self._fronts(rung, count) for place in front.order()]

    def promotion(self) -> tuple[Trial, int] | None:
        """Return the best trial of the highest rung that has one to promote."""
        if self.rule == "stopping":
            return None
        for rung, above in self.steps:
            state = len(rung), len(rung.promoted)
            if self._in_vain.get(rung) == state:
                continue
            for front in self._fronts(rung, self.promotable(rung)):
                trial = front.first_beside(rung.promoted)
                if trial is not None:
                    rung.promoted.add(trial.tag)
                    return trial, above
            self._in_vain[rung] = state
        return None

    def goes_on(self, rung: Rung, trial: Trial) -> bool:
        """Return whether a trial that was just added is among the best 1/eta of its rung, rounded up."""
        if trial.score(rung.fidelity) is FAILED:
            return False
        fronts = self._fronts(rung, (len(rung) - 1) // self.eta + 1)
        return any(front.holds(trial) for front in fronts)

    def _fronts(self, rung: Rung, count: int) -> Iterator[_Front]:
        """Yield the fronts of a rung that have some of its `count` best members, the best front first."""
        members = self._members.setdefault(rung, _Members(rung.fidelity))
        members.take(rung.members)
        if not members.trials or count < 1:
            return
        values = np.array(members.objectives)
        ranks = pareto_ranks(values, np.array(members.violations) if self.problem.constraints else None)
        units = normalise(values, *bounds(values))
        for front in range(int(ranks.max()) + 1):
            if count <= 0:
                return
            rows = np.flatnonzero(ranks == front)
            yield _Front(members.trials, rows, units, count)
            count -= len(rows)


class _Members:
    """The members of a rung that did not fail, in the order told."""

    def __init__(self, fidelity: int) -> None:
        self.fidelity = fidelity
        self.seen = 0
        self.trials: list[Trial] = []
        self.objectives: list[tuple[float, ...]] = []
        self.violations: list[float] = []

    def take(self, members: list[Trial]) -> None:
        """Take what is new of the members of the rung."""
        for trial in members[self.seen :]:
            score, objectives, _ = trial.results[self.fidelity]
            if score is not FAILED:
                self.trials.append(trial)
                self.objectives.append(objectives)
                self.violations.append(score[0])
        self.seen = len(members)


class _Front(NamedTuple):
    """Members of one front, of which `room` count."""

    trials: list[Trial]
    rows: IntArray
    units: FloatArray
    room: int

    def trial(self, place: int) -> Trial:
        """Return the member at a place of the front."""
        trial: Trial = self.trials[self.rows[place]]
        return trial

    def order(self) -> list[int]:
        """Return the places of those that count, the best first."""
        places: list[int] = epsilon_net(self.units[self.rows], self.room).tolist()
        return places

    def first_beside(self, promoted: set[int]) -> Trial | None:
        """Return the best of those that count and are not promoted."""
        if all(self.trials[row].tag in promoted for row in self.rows.tolist()):
            return None
        return next((self.trial(place) for place in self.order() if self.trial(place).tag not in promoted), None)

    def holds(self, trial: Trial) -> bool:
        """Return whether a trial is one of those that count."""
        if not any(self.trials[row] is trial for row in self.rows.tolist()):
            return False
        return len(self.rows) <= self.room or any(self.trial(place) is trial for place in self.order())
