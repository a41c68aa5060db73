"""The base of strategies that train slice by slice: paused trainings and new configurations compete for a worker."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer
from harness.errors import HarnessError, must
from harness.problem import Objective, Problem
from harness.records import Proposals
from harness.strategy import Plan
from harness.surrogate import Fit, Predict, Surrogate
from strategies.multi_fidelity.base import MultiFidelity, Place
from strategies.multi_fidelity.ladder import require_continuations, training_chain
from strategies.multi_fidelity.rungs import Trial
from strategies.parts.acquisition import expected_improvement
from strategies.parts.candidates import sample_new
from strategies.parts.ranking import FAILED, known_violation

FEWEST_TO_FIT = 2
"""Results without which there is no model; what is begun until then is random."""
Improvements = Generator[Fit | Predict, Any, FloatArray]
"""Acquisition values, (q,), higher is better, for which requests have to be answered first."""


def slice_epochs(problem: Problem, most: int) -> list[int] | None:
    """Return the epochs at which a full training is interrupted, at most `most`, evenly spaced, the last its end.

    None where it cannot be interrupted.
    """
    epochs = [problem.fidelities[index].epoch for index in training_chain(problem)]
    if len(epochs) < 2:
        return None
    ideal = np.arange(1, most + 1) * (epochs[-1] / most)
    nearest = {int(np.argmin(np.abs(np.array(epochs) - epoch))) for epoch in ideal.tolist()}
    return [epochs[place] for place in sorted({*nearest, len(epochs) - 1})]


def bounds_of(objective: Objective) -> tuple[float, float] | None:
    """Return the best and the worst result that can be thought of, to be minimised; None where nobody says."""
    if objective.direction == "maximise" and objective.best is not None and objective.best > 0:
        return 0.0, objective.best
    return (0.0, 100.0) if objective.direction == "minimise" and objective.unit == "percent" else None


def with_new(trials: Sequence[Trial], new: Archs) -> Archs:
    """Return the architectures of trials, then new ones: n trials and (k, L) to (n + k, L)."""
    return np.concatenate([np.array([trial.arch for trial in trials], dtype=new.dtype).reshape(-1, new.shape[1]), new])


def improvement(mean: FloatArray, std: FloatArray, best: FloatArray) -> FloatArray:
    """Return the expected improvement of each on a best of its own, (q,); higher is better."""
    return expected_improvement(mean - best, std, 0.0)


class PartialCurves(MultiFidelity):
    """Base of strategies that spend one slice after the other on whichever training promises most.

    After `initial` random configurations of one slice each, every decision fits a model to all curves so far; trainings
    that are paused, each for one slice more, and `candidates` random new configurations compete by `improvements`.

    A failed training is never continued.  Trainings that break a constraint more than the best do are left paused;
    constraints known in closed form filter new configurations.  With parallel workers, what runs is neither continued
    nor in the model, and several workers get the best of one model.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    slices : int
        Parts of a full training, at most; at least 2.
    initial : int
        Random configurations before the first model, at least 2.
    candidates : int
        Random new configurations that compete, at least 1.
    rows : int
        Trainings, or their results, that the model learns from at most: those told last.  At least 10.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        slices: int,
        initial: int,
        candidates: int,
        rows: int,
    ) -> None:
        most = integer("slices", slices, low=2, high=MOST)
        super().__init__(problem, rng, eta=2, rungs=slice_epochs(problem, most))
        require_continuations(type(self).__name__, problem, self.ladder, slices=True)
        if not isinstance(surrogate, Surrogate) or surrogate.space.name != problem.space.name:
            rule = f"be a Surrogate built on the space '{problem.space.name}'"
            raise HarnessError(must("surrogate", rule, surrogate))
        self.surrogate = surrogate
        self.initial = integer("initial", initial, low=FEWEST_TO_FIT, high=MOST)
        self.candidates = integer("candidates", candidates, low=1, high=MOST)
        self.rows = integer("rows", rows, low=10, high=MOST)
        self.epochs = np.array([problem.fidelities[index].epoch for index in self.ladder], dtype=np.float64)
        self._level = {fidelity: level for level, fidelity in enumerate(self.ladder)}
        self._recent: dict[int, Trial] = {}  # begun and not failed, by tag, in the order of their last result
        self._model: Surrogate = surrogate

    def improvements(self, paused: Sequence[Trial], new: Archs) -> Improvements:
        """Yield requests to learn, and return the value of a slice for each paused training, then each new one."""
        raise NotImplementedError(f"{type(self).__name__} must define improvements")

    def places(self, n: int) -> list[Place]:
        """Return places of the initial design."""
        return [Place(self.ladder[0])] * min(n, self.initial - len(self.trials))

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Remember the order in which trainings were told."""
        self._recent.pop(trial.tag, None)
        if not trial.failed:
            self._recent[trial.tag] = trial

    def plan(self, n: int) -> Plan:
        """Return the initial design, then the slices that promise most."""
        if len(self.trials) < self.initial and not self.exhausted:
            return (yield from super().plan(n))
        if len(self._recent) < FEWEST_TO_FIT:
            if any(trial.running is not None for trial in self.trials):
                return self._rows([])
            return self._rows([self._begun(arch) for arch in self.fresh(n)])
        paused = self._paused()
        new = self._new()
        if not len(paused) + len(new):
            return self._rows([])
        values = yield from self.improvements(paused, new)
        steps = []
        for place in np.argsort(-values, kind="stable")[:n].tolist():
            if place < len(paused):
                trial = paused[place]
                trial.running = self.ladder[self.level(trial) + 1]
                steps.append((trial, trial.running))
            else:
                arch = new[place - len(paused)]
                self.taken.update(self.keys(arch[None]))
                steps.append(self._begun(arch))
        return self._rows(steps)

    def level(self, trial: Trial) -> int:
        """Return the last level at which a training was told."""
        return self._level[next(reversed(trial.results))]

    def curve(self, trial: Trial) -> list[float]:
        """Return the results of a training, in the order of its epochs."""
        return [result.objectives[0] for result in trial.results.values()]

    def violation(self) -> float:
        """Return by how much the best training breaks constraints."""
        return min(next(reversed(trial.results.values())).score[0] for trial in self._recent.values())

    def best_at(self, level: int) -> float | None:
        """Return the best result at a level of those that break constraints least; None before the first."""
        told = [trial.score(self.ladder[level]) for trial in self.told[self.ladder[level]]]
        scores = [score for score in told if score is not FAILED]
        return min(scores)[1] if scores else None

    def child(self) -> np.random.Generator:
        """Return a generator of its own for a learner: what it draws cannot move what the strategy draws."""
        return np.random.default_rng(int(self.rng.integers(1 << 63)))

    def kept(self, model: Surrogate) -> None:
        """Let the next fit start from a model, where the learner continues."""
        if self.surrogate.continues:
            self._model = model

    def steps_fit(self) -> Fit:
        """Return a request to learn how results change from one slice to the next: see `steps`."""
        archs: list[Archs] = []
        levels: list[int] = []
        curves: list[list[float]] = []
        targets: list[float] = []
        for trial in reversed(self._recent.values()):
            curve = self.curve(trial)
            for level in range(len(curve) - 1, -1, -1):
                archs.append(trial.arch)
                levels.append(level)
                curves.append(curve[:level])
                targets.append(curve[level])
            if len(targets) >= self.rows:
                break
        features, before = self.steps(levels[: self.rows], curves[: self.rows])
        values = np.array(targets[: self.rows]) - before
        return Fit(self._model, np.array(archs[: self.rows]), values, self.child(), features)

    def steps(self, levels: Sequence[int], curves: Sequence[Sequence[float]]) -> tuple[FloatArray, FloatArray]:
        """Return what steps to levels are learnt by, (n, 3), and the results before them, (n,).

        Features are the share of the training that is done by then, the last and the best result before.  Before the
        first slice the worst first result stands for both: that of a network that was hardly trained.

        Parameters
        ----------
        levels : n integers
        curves : n sequences of float
            The results before.
        """
        fill = max(trial.results[self.ladder[0]].objectives[0] for trial in self._recent.values())
        share = self.epochs[list(levels)] / self.epochs[-1]
        last = np.array([curve[-1] if curve else fill for curve in curves])
        best = np.array([min(curve) if curve else fill for curve in curves])
        return np.stack([share, last, best], axis=1), last

    def _begun(self, arch: Archs) -> tuple[Trial, int]:
        trial = Trial(len(self.trials), arch)
        trial.running = self.ladder[0]
        self.trials.append(trial)
        return trial, self.ladder[0]

    def _paused(self) -> list[Trial]:
        """Return what may be continued, in the order of the last results."""
        least = self.violation()
        last = len(self.ladder) - 1
        return [
            trial
            for trial in self._recent.values()
            if trial.running is None
            and self.level(trial) < last
            and next(reversed(trial.results.values())).score[0] <= least
        ]

    def _new(self) -> Archs:
        """Return random configurations that were never proposed, (k, L), by constraints known in closed form."""
        archs, _ = sample_new(self.problem.space, self.candidates, self.taken, self.keys, self.rng)
        if not self._filters or not len(archs):
            return archs
        broken = known_violation(self.problem, archs)
        return archs[broken <= max(float(broken.min()), 0.0)]
