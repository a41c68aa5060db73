"""Extrapolation of learning curves as a stopping rule for any strategy."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.errors import HarnessError, UnfitError, must
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Plan, Strategy, Takes
from harness.surrogate import CurveSurrogate, Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.base import MultiFidelity
from strategies.multi_fidelity.ladder import require_continuations
from strategies.multi_fidelity.partial import slice_epochs
from strategies.multi_fidelity.rungs import Trial
from strategies.parts.acquisition import probability_of_improvement, suited
from strategies.parts.ranking import Score


class CurveStopping(MultiFidelity):
    """Train what another strategy proposes slice by slice, and stop what will hardly beat the best full training.

    Domhan, Springenberg & Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
    Extrapolation of Learning Curves", IJCAI 2015, section 4: after each slice a training is stopped if the probability
    that its end is better than the best full training is below `probability`, and it has not been better on its way;
    the strategy inside is told the end that is predicted.  Baker et al. stop by the same rule with another predictor
    (``surrogate = { name = "curve_svr" }``).

    The predictor is any learner: those of curves (`curve_ensemble`, `curve_ridge`, `curve_svr`, `curve_value`) and
    others, which get the results so far as features beside the architecture.  It learns from the full trainings.

    With `curve` it reads the results so far of another column, such as the training loss, which the spec names in
    `auxiliary`; the ends that it predicts are those of the objective.  Ru et al. (NeurIPS 2021) sum training losses:
    ``curve = "train_loss"`` with ``surrogate = { name = "curve_sotl" }``.  `curve_ridge` and `curve_svr` read such
    curves too.  A training of which the table lacks the column is not stopped.

    Departs from the paper: the first `initial` trainings are full ones, by which the predictor's errors are known; the
    paper predicts from one curve alone, by sampling.  A training that breaks constraints more than the best does is
    stopped.  A failed training is told as failed.

    Parameters
    ----------
    surrogate : Surrogate
        The predictor, built on ``problem.space``.
    inner : strategy
        The strategy inside, one that trains fully: its name, or a table with name, hyperparameters and surrogate.
    probability : float
        Below which a training is stopped, from 0, never, to 1.
    slices : int
        Parts of a full training, at most; at least 2.
    grace : int
        Slices before a training may be stopped, at least 2.
    initial : int
        Full trainings before any is stopped, at least 1.
    curve : str
        Column of which the predictor reads the results so far: one of `Problem.auxiliary`, "" for the objective.
    """

    takes = Takes(objectives=1, fidelities=True, slices=True, auxiliary=True)
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"curve": ""}
    family, paper, year = "multi-fidelity", "Domhan, Springenberg & Hutter, IJCAI", 2015
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "curve_ensemble"}
    default_inner: ClassVar[dict[str, Any] | None] = {"name": "random_search", "distinct": True}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        inner: Callable[[Problem, np.random.Generator], Strategy],
        probability: float = 0.05,
        slices: int = 10,
        grace: int = 2,
        initial: int = 5,
        curve: str = "",
    ) -> None:
        most = integer("slices", slices, low=2, high=MOST)
        super().__init__(problem, rng, eta=2, rungs=slice_epochs(problem, most))
        require_continuations(type(self).__name__, problem, self.ladder)
        self.probability = real("probability", probability, low=0.0, high=1.0)
        self.grace = integer("grace", grace, low=2, high=MOST)
        self.initial = integer("initial", initial, low=1, high=MOST)
        self._place = _place_of(curve, problem) if curve else None
        # what is predicted of a training that was stopped has no other column
        posed = replace(problem, auxiliary=()) if problem.auxiliary else problem
        self.inner = inner(posed, np.random.default_rng(int(rng.integers(1 << 63))))
        if self.inner.takes.fidelities:
            raise UnfitError(
                f"CurveStopping stops trainings itself, and `inner` trains at lower fidelities "
                f"({type(self.inner).__name__}): name one that trains fully, such as 'random_search'"
            )
        epochs = np.array([problem.fidelities[index].epoch for index in self.ladder], dtype=np.float64)
        surrogate = suited(surrogate, problem.space, "pi")
        if isinstance(surrogate, CurveSurrogate):
            surrogate = surrogate.over(epochs, problem.objectives[0].bounds, of_targets=self._place is None)
        self.surrogate = surrogate
        self._models: dict[int, Surrogate] = {}  # by the length of curves, of learners that continue
        self._undecided: list[Trial] = []
        self._finished: list[Trial] = []
        self._told: dict[int, Evaluations] = {}  # the last result of each trial under way, by tag
        self._curves: dict[int, list[float]] = {}  # what the predictor reads of each trial, by tag

    def plan(self, n: int) -> Plan:
        """Return slices of what goes on, then of what the strategy inside proposes."""
        yield from self._decide()
        steps: list[tuple[Trial, int]] = []
        while len(steps) < n and self.owed:
            trial, fidelity = self.owed.popleft()
            trial.running = fidelity
            steps.append((trial, fidelity))
        if len(steps) < n:
            proposed: Proposals = yield from self.inner.asking(n - len(steps))
            self._check(proposed)
            for arch, tag in zip(proposed.archs, proposed.tag.tolist(), strict=True):
                trial = Trial(len(self.trials), arch, tag)
                trial.running = self.ladder[0]
                self.trials.append(trial)
                steps.append((trial, self.ladder[0]))
        self.running += len(steps)
        return self._rows(steps)

    def tell(self, evaluations: Evaluations) -> None:
        """Take results of slices."""
        objectives, place = evaluations.objectives, self._place
        read = objectives[:, 0] if place is None else evaluations.auxiliary[:, place]
        for row, (tag, value) in enumerate(zip(evaluations.tag.tolist(), read.tolist(), strict=True)):
            self._told[tag] = evaluations.take([row])
            self._curves.setdefault(tag, []).append(value)
        super().tell(evaluations)

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Tell the strategy inside of what ended; what has had its grace is decided on at the next question."""
        level = self.ladder.index(fidelity)
        if trial.failed:
            self._end(trial, np.nan)
        elif level == len(self.ladder) - 1:
            self._finished.append(trial)
            self._end(trial, trial.results[fidelity].objectives[0])
        elif level + 1 < self.grace or len(self._finished) < self.initial:
            self.owed.append((trial, self.ladder[level + 1]))
        else:
            self._undecided.append(trial)

    def _decide(self) -> Generator[Fit | Predict, Any, None]:
        """Stop or continue what was told since the last question."""
        undecided, self._undecided = self._undecided, []
        if not undecided:
            return
        best = min(trial.score(self.ladder[-1]) for trial in self._finished)
        groups: dict[int, list[Trial]] = {}
        for trial in undecided:
            groups.setdefault(len(trial.results), []).append(trial)
        predicted: dict[int, tuple[float, float]] = {}  # by tag: the end, and the probability that it is better
        for count, trials in sorted(groups.items()):
            trials = [trial for trial in trials if self._is_read(trial, count)]
            if not trials or not any(self._is_read(trial, count) for trial in self._finished):
                continue
            said = yield from self._ends(trials, count)
            better = probability_of_improvement(said.mean, said.std, best[1])
            tags = [trial.tag for trial in trials]
            predicted |= dict(zip(tags, zip(said.mean.tolist(), better.tolist(), strict=True), strict=True))
        for trial in undecided:
            end, chance = predicted.get(trial.tag, (np.nan, 1.0))
            if self._goes_on(trial, best, chance):
                self.owed.append((trial, self.ladder[len(trial.results)]))
            else:
                trial.stopped = True
                self._end(trial, end)

    def _goes_on(self, trial: Trial, best: Score, chance: float) -> bool:
        """Say whether a training may yet beat the best; one that has been better on its way always may."""
        scores = [result.score for result in trial.results.values()]
        if scores[-1][0] != best[0]:
            return scores[-1][0] < best[0]
        return min(scores) < best or chance >= self.probability

    def _ends(self, trials: list[Trial], count: int) -> Generator[Fit | Predict, Any, Prediction]:
        """Predict the ends of trainings that have had `count` slices, from the full ones cut there."""
        finished = [trial for trial in self._finished if self._is_read(trial, count)]
        ends = np.array([trial.results[self.ladder[-1]].objectives[0] for trial in finished])
        rng = np.random.default_rng(int(self.rng.integers(1 << 63)))
        learner = self._models.get(count, self.surrogate)
        model: Surrogate = yield Fit(learner, _archs(finished), ends, rng, self._begun(finished, count))
        if model.continues:
            self._models[count] = model
        said: Prediction = yield Predict(model, _archs(trials), self._begun(trials, count))
        return said

    def _begun(self, trials: list[Trial], count: int) -> FloatArray:
        """Return the first `count` results of trainings that the predictor reads, (n, count)."""
        return np.array([self._curves[trial.tag][:count] for trial in trials])

    def _is_read(self, trial: Trial, count: int) -> bool:
        """Say whether the first `count` results are known of the column that the predictor reads."""
        return self._place is None or all(map(isfinite, self._curves[trial.tag][:count]))

    def _end(self, trial: Trial, value: float) -> None:
        """Tell the strategy inside how a training ended, or would have."""
        told = self._told.pop(trial.tag)
        if trial.failed or trial.stopped:
            del self._curves[trial.tag]
        full = np.array([self.ladder[-1]], dtype=np.int64)
        tag, objectives = np.array([trial.note], dtype=np.int64), np.array([[value]])
        self.inner.tell(Evaluations(told.archs, full, tag, objectives, told.constraints, told.seconds))

    def _check(self, proposed: Proposals) -> None:
        lower = proposed.fidelity != self.problem.full_fidelity
        if lower.any():
            label = self.problem.fidelities[int(proposed.fidelity[lower][0])].label
            raise HarnessError(must("inner", "propose full trainings alone", f"a proposal at '{label}'"))


def _place_of(column: str, problem: Problem) -> int:
    """Return the place of a column among those that are told beside the objective."""
    names = [item.name for item in problem.auxiliary]
    if column not in names:
        rule = f"be a column that is told beside the objective ({', '.join(names) or 'none is'})"
        raise HarnessError(f'{must("curve", rule, column)}; name it in the spec: `auxiliary = ["{column}"]`')
    return names.index(column)


def _archs(trials: list[Trial]) -> Archs:
    return np.array([trial.arch for trial in trials])
