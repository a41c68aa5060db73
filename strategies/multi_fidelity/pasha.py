"""Progressive asynchronous successive halving."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from harness.checks import MOST, Archs, FloatArray, boolean, real
from harness.problem import Problem
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.ladder import training_chain
from strategies.multi_fidelity.reserve import Reserve
from strategies.multi_fidelity.rungs import Rung, Trial

_PERCENTILE = 90.0


def crossing_distances(curve: FloatArray, others: FloatArray) -> FloatArray:
    """Return how far a curve ends from those others that it crossed and crossed back: (t,), (k, t) to (j,), j <= k.

    Examples
    --------
    >>> crossing_distances(np.array([5.0, 3.0, 2.5]), np.array([[4.0, 3.5, 2.0], [4.0, 3.5, 4.0]]))
    array([0.5])
    """
    below = curve < others
    differ = curve != others
    # A tie keeps the order of the epoch before; those at the beginning take that of the first difference.
    last = np.maximum.accumulate(np.where(differ, np.arange(len(curve)), -1), axis=1)
    first = np.argmax(differ, axis=1)[:, None]
    order = np.take_along_axis(below, np.where(last < 0, first, last), axis=1)
    flips = np.count_nonzero(order[:, 1:] != order[:, :-1], axis=1)
    distances: FloatArray = np.abs(curve[-1] - others[flips >= 2, -1])
    return distances


def same_ranking(top: Sequence[Trial], below: int, epsilon: float) -> bool:
    """Return whether members rank alike on two rungs, but for those that are within epsilon below.

    Bohdal et al., ICLR 2023, soft ranking as in syne-tune: the member at each position above must belong to the group
    of the same position below, which reaches up and down for as long as values are within `epsilon` of its own.

    Parameters
    ----------
    top : sequence of Trial
        Members of the rung above, the best first; all are members below, too.
    below : int
        Fidelity of the rung below.
    epsilon : float
    """
    own = [trial.score(below) for trial in top]
    pairs = zip(own, sorted(own), strict=True)
    return all(mine[0] == there[0] and abs(mine[1] - there[1]) <= epsilon for mine, there in pairs)


class PASHA(ASHA):
    """Asynchronous successive halving whose highest rung is raised only when the ranking still changes.

    Bohdal, Balles, Wistuba, Ermis, Archambeau & Zappella, "PASHA: Efficient HPO and NAS with progressive resource
    allocation", ICLR 2023, Algorithm 1 with soft ranking: training ends at the second rung at first.  When a member
    joins the highest rung allowed, its members are ranked there and one rung below; where one is not in the
    epsilon-group of its place, one more rung is allowed.  epsilon is the 90th percentile of how far apart curves of its
    members are that crossed and crossed back; 0 before there are any.

    Departs from the paper: where the budget is resumable, trainings go on epoch by epoch, so that curves are seen
    (each epoch is charged by its increment); from scratch, curves have a point for each rung only.  Curves are compared
    where two members are on the highest rung, not before.  On a ladder of two rungs it is ASHA.

    A full training may never be made, and then there is no incumbent at the full fidelity: the answer is trained fully
    while the budget still allows it, at its cost (`final_training`).  Until then the best of the highest rung is
    recommended.

    Parameters
    ----------
    eta : int
        The reduction: one of so many is promoted, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    epsilon : float, optional
        A fixed epsilon in units of the objective, at least 0; the default is estimated from the curves.
    final_training : bool
        Whether the best of the highest rung is trained fully when, by what was told, the budget leaves time for that
        and no more, unless an architecture was trained fully before.
    """

    paper, year = "Bohdal et al., ICLR", 2023

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        epsilon: float | None = None,
        final_training: bool = True,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs)
        self.fixed_epsilon = None if epsilon is None else real("epsilon", epsilon, low=0.0)
        self.final_training = boolean("final_training", final_training)
        self.allowed = 1
        """The highest rung to which is promoted now, counted from 0."""
        slices = set(training_chain(problem)) if problem.budget.multi_fidelity == "resumable" else set()
        self._slices = sorted(slices | set(self.ladder))
        self._goals: dict[int, int] = {}  # by tag, the fidelity of the rung that a trial is on its way to
        self._distances: list[float] = []
        self._curves: list[list[float]] = []  # of the members of the highest rung allowed, up to that rung
        self._reserve = Reserve(problem)
        self._answer: Trial | None = None
        self._all_steps = self.steps
        self._allow(self.allowed)

    @property
    def epsilon(self) -> float:
        """How far apart values may be that count as one."""
        if self.fixed_epsilon is not None:
            return self.fixed_epsilon
        return float(np.percentile(self._distances, _PERCENTILE)) if self._distances else 0.0

    def _allow(self, level: int) -> None:
        self.allowed = level
        self.steps = [(rung, above) for rung, above in self._all_steps if above <= self.ladder[level]]

    def next_step(self) -> tuple[Trial, int] | None:
        """Return the answer, when its full training is due, else what is owed, else the next promotion."""
        if self._lacks_answer():
            state = self.running, self._longest_step()
            best = next(self._best_so_far(1 + self.problem.n_workers), None)
            if best is not None and self._reserve.due(best, *state):
                # One that was told meanwhile may be better and take longer than what is left.
                fits = (trial for trial in self._best_so_far() if self._reserve.affords(trial, *state))
                return self._train_fully(next(fits, best))
        return super().next_step()

    def recommend(self) -> Archs:
        """Return the best that was trained fully, and before there is one the best of the highest rung that has any."""
        trained = super().recommend()
        if len(trained):
            return trained
        for rung in reversed(self.systems[0]):
            for trial in self.best(rung, 1):
                if trial.score(rung.fidelity)[0] <= 0:
                    return trial.arch[None].copy()
        return trained

    def _longest_step(self) -> int:
        """Return the most epochs of a row, as long as no full training is proposed."""
        epochs = [self.problem.fidelities[fidelity].epoch for fidelity in self._slices]
        if self.problem.budget.multi_fidelity == "from_scratch":
            return self.problem.fidelities[self.ladder[self.allowed]].epoch
        top = self._slices.index(self.ladder[self.allowed])
        return max(high - low for low, high in pairwise([0, *epochs[: top + 1]]))

    def promotion(self) -> tuple[Trial, int] | None:
        """Return the first slice of the next promotion; the full training of the answer where nothing else is left."""
        step = super().promotion()
        if step is not None:
            trial, goal = step
            self._goals[trial.tag] = goal
            return trial, self._next_slice(max(trial.results))
        if self.exhausted and not self.running and self._lacks_answer():
            answer = next(self._best_so_far(), None)
            return None if answer is None else self._train_fully(answer)
        return None

    def _lacks_answer(self) -> bool:
        """Whether an answer is to be trained fully, and none was."""
        return self.final_training and self._answer is None and not self.told[self.problem.full_fidelity]

    def _best_so_far(self, most: int = MOST) -> Iterator[Trial]:
        """Yield the `most` best of each rung, the highest rung first, without those that run."""
        for rung in reversed(self.systems[0]):
            yield from (trial for trial in self.best(rung, most) if trial.running is None)

    def _train_fully(self, answer: Trial) -> tuple[Trial, int]:
        self._answer = answer
        for rung in self.systems[0]:
            rung.promoted.add(answer.tag)
        return answer, self.problem.full_fidelity

    def _next_slice(self, fidelity: int) -> int:
        return self._slices[bisect_right(self._slices, fidelity)]

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Let a trial go on to its rung; there, compare the rankings."""
        self._reserve.take(trial, fidelity)
        goal = self._goals.get(trial.tag, self.ladder[0])
        if trial is self._answer and fidelity == self.problem.full_fidelity != goal:
            return  # trained for its own sake, a member of no rung
        if fidelity < goal and not trial.failed:
            self.owed.append((trial, self._next_slice(fidelity)))
            return
        level = self.ladder.index(goal)
        rung = self.systems[0][level]
        rung.add(trial)
        if level == self.allowed and level + 1 < len(self.ladder) and not trial.failed:
            self._compare(trial, rung, self.systems[0][level - 1])

    def _compare(self, trial: Trial, rung: Rung, below: Rung) -> None:
        """Allow one more rung where the members of the highest do not rank as they did below."""
        values = [result.score[1] for fidelity, result in trial.results.items() if fidelity <= rung.fidelity]
        if self.fixed_epsilon is None:
            curve = np.array(values)
            if self._curves:
                self._distances += crossing_distances(curve, np.array(self._curves)).tolist()
            self._curves.append(values)
        if len(rung) > 1 and not same_ranking(self.best(rung, len(rung)), below.fidelity, self.epsilon):
            self._allow(self.allowed + 1)
            self._distances, self._curves = [], []
