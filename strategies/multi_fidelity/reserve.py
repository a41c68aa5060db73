"""The reserve for the training of the answer: when a search must train it fully, for there to be an incumbent."""

from __future__ import annotations

from math import inf, isfinite

from harness.problem import Problem
from strategies.multi_fidelity.rungs import Trial


class Reserve:
    """Sees how much of a budget is left, from what was told and what runs.

    A strategy does not see the clock.  What was charged is known from the results; spread over all workers it is the
    time that has passed, if none of them waited.  What still runs is counted as if it were over: the answer is
    trained a little too early rather than too late.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._resumes = problem.budget.multi_fidelity == "resumable"
        self._spent = 0.0
        self._dearest = 0.0  # of an epoch
        budget = problem.budget
        self._in_seconds = budget.seconds is not None
        self._whole = budget.seconds if budget.seconds is not None else (budget.epochs or inf)
        self._shared = problem.n_workers if self._in_seconds else 1  # epochs are counted over all workers

    def take(self, trial: Trial, fidelity: int) -> None:
        """Count a result, which is the last of its trial's."""
        charged = self._cost(trial, fidelity)
        if isfinite(charged):
            self._spent += charged
            scratch = self._from_scratch(trial, fidelity)
            self._dearest = max(self._dearest, scratch / self._problem.fidelities[fidelity].epoch)

    def due(self, answer: Trial, running: int, epochs: int) -> bool:
        """Return whether the answer must be trained fully now.

        Parameters
        ----------
        answer : Trial
            Told at some fidelity.
        running : int
            Rows that run now.
        epochs : int
            Most epochs of any row, one that runs or the next: all are thought to cost as much as the dearest so far.
        """
        longest = self._dearest * epochs
        return self._passed(running, epochs) + longest + self.full_cost(answer) >= self._whole

    def affords(self, answer: Trial, running: int, epochs: int) -> bool:
        """Return whether a full training of the answer that begins now ends within the budget; see `due`."""
        return self._passed(running, epochs) + self.full_cost(answer) <= self._whole

    def _passed(self, running: int, epochs: int) -> float:
        return (self._spent + running * self._dearest * epochs) / self._shared

    def full_cost(self, trial: Trial) -> float:
        """Return what the rest of a trial's full training will cost, in proportion to the epochs that it has had."""
        fidelities = self._problem.fidelities
        full = fidelities[self._problem.full_fidelity]
        reached = max(trial.results)
        paid = self._from_scratch(trial, reached)
        whole = paid * full.epoch / fidelities[reached].epoch
        continues = self._resumes and fidelities[reached].training == full.training
        return whole - paid if continues else whole

    def _from_scratch(self, trial: Trial, fidelity: int) -> float:
        return trial.results[fidelity].seconds if self._in_seconds else float(self._problem.fidelities[fidelity].epoch)

    def _cost(self, trial: Trial, fidelity: int) -> float:
        """Return what a row was charged: by its increment where it continued one of the same trial."""
        scratch = self._from_scratch(trial, fidelity)
        earlier = self._problem.fidelities[fidelity].continues if self._resumes else None
        while earlier is not None and earlier not in trial.results:
            earlier = self._problem.fidelities[earlier].continues
        return scratch if earlier is None else max(0.0, scratch - self._from_scratch(trial, earlier))
