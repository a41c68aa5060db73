"""The base of strategies that train slice by slice: paused trainings and new configurations compete for a worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, integer
from harness.problem import Problem
from harness.strategy import Plan, Takes
from harness.surrogate import CurveSurrogate, Fit, Predict, Surrogate
from strategies.multi_fidelity.base import MultiFidelity, Place
from strategies.multi_fidelity.ladder import require_continuations, training_chain
from strategies.multi_fidelity.rungs import Trial
from strategies.parts.acquisition import expected_improvement, suited
from strategies.parts.candidates import no_archs, sample_new
from strategies.parts.ranking import FAILED, known_violation

_DRAWN = 64
"""Random architectures at least, at every decision, among which those are sought that keep known constraints."""
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


def improvement(mean: FloatArray, std: FloatArray, best: FloatArray) -> FloatArray:
    """Return the expected improvement of each on a best of its own, (q,); higher is better."""
    return expected_improvement(mean - best, std, 0.0)


class PartialCurves(MultiFidelity):
    """Base of strategies that spend one slice after the other on whichever training promises most.

    After `initial` random configurations of one slice each, every decision is made by a model of all curves so far:
    trainings that are paused, each for one slice more, and `candidates` random new configurations compete by
    `improvements`.

    A failed training is never continued.  Trainings that break constraints more than the best do stay paused;
    constraints known in closed form filter new configurations.  With parallel workers, what runs is neither continued
    nor in the model, which is fitted again when as many results are new as there are workers, or a fiftieth of all.

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
        Results, or trainings, that the model learns from at most: those told last.  At least 10.

    Attributes
    ----------
    epochs : (T,) float64
        At which trainings are interrupted; the last is the end.
    archs : (n, L) unsigned integers
        Of all trials, by tag.
    curves : (n, T) float64
        What was told of them; NaN where that is nothing.
    level : (n,) int64
        How many results of a trial there are; 0 while its first slice runs, -1 where a slice failed.
    """

    takes = Takes(objectives=1, fidelities=True, slices=True)

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
        require_continuations(type(self).__name__, problem, self.ladder)
        self.surrogate = suited(surrogate, problem.space, "ei")
        self.initial = integer("initial", initial, low=FEWEST_TO_FIT, high=MOST)
        self.candidates = integer("candidates", candidates, low=1, high=MOST)
        self.rows = integer("rows", rows, low=10, high=MOST)
        self.epochs = np.array([problem.fidelities[index].epoch for index in self.ladder], dtype=np.float64)
        self._level_of = {fidelity: level for level, fidelity in enumerate(self.ladder)}
        self.archs: Archs = no_archs(problem.space)
        self.curves: FloatArray = np.empty((0, len(self.ladder)))
        self.level: IntArray = np.empty(0, dtype=np.int64)
        self._busy: BoolArray = np.empty(0, dtype=np.bool_)  # a slice of it runs
        self._broken: FloatArray = np.empty(0)  # by how much constraints are broken
        self._order: list[tuple[int, int]] = []  # tag and level of what did not fail, in the order told
        self._model: Surrogate = surrogate
        self._fitted: Surrogate | None = None
        self._fitted_at = 0

    def _room(self, n: int) -> None:
        """Make room for n trials."""
        space, old = self.problem.space, len(self.level)
        more = max(64, 2 * n) - old
        self.archs = np.concatenate([self.archs, np.zeros((more, space.genes), dtype=space.dtype)])
        self.curves = np.concatenate([self.curves, np.full((more, len(self.ladder)), np.nan)])
        self.level = np.concatenate([self.level, np.zeros(more, dtype=np.int64)])
        self._busy = np.concatenate([self._busy, np.ones(more, dtype=np.bool_)])
        self._broken = np.concatenate([self._broken, np.zeros(more)])

    def fit(self) -> Fit:
        """Return the request to learn from what was told."""
        raise NotImplementedError(f"{type(self).__name__} must define fit")

    def improvements(self, model: Surrogate, paused: IntArray, new: Archs) -> Improvements:
        """Yield requests to predict, and return the value of a slice of each: paused trials, by tag, then new ones."""
        raise NotImplementedError(f"{type(self).__name__} must define improvements")

    def places(self, n: int) -> list[Place]:
        """Return places of the initial design."""
        return [Place(self.ladder[0])] * min(n, self.initial - len(self.trials))

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Write a result into the curve of its trial."""
        tag, level = trial.tag, self._level_of[fidelity]
        if tag >= len(self.level):
            self._room(len(self.trials))
        self._busy[tag] = False
        self.archs[tag] = trial.arch
        if trial.failed:
            self.level[tag] = -1
            return
        self.curves[tag, level] = trial.results[fidelity].objectives[0]
        self.level[tag] = level + 1
        self._broken[tag] = trial.score(fidelity)[0]
        self._order.append((tag, level))

    def plan(self, n: int) -> Plan:
        """Return the initial design, then the slices that promise most."""
        if len(self.trials) < self.initial and not self.exhausted:
            return (yield from super().plan(n))
        told = np.flatnonzero(self.level[: len(self.trials)] > 0)
        if len(told) < FEWEST_TO_FIT:
            steps = [] if self.running else [self._begun(arch) for arch in self.fresh(n)]
            self.running += len(steps)
            return self._rows(steps)
        ready = ~self._busy[told] & (self.level[told] < len(self.ladder))
        paused = told[ready & (self._broken[told] <= self._broken[told].min())]
        new = self._new()
        if not len(paused) + len(new):
            return self._rows([])
        if self._fitted is None or len(self._order) >= self._fitted_at + self._patience():
            self._fitted = yield self.fit()
            self._fitted_at = len(self._order)
            if self.surrogate.continues:
                self._model = self._fitted
        values = yield from self.improvements(self._fitted, paused, new)
        steps = []
        for place in np.argsort(-values, kind="stable")[:n].tolist():
            if place < len(paused):
                trial = self.trials[paused[place]]
                trial.running = self.ladder[self.level[trial.tag]]
                self._busy[trial.tag] = True
                steps.append((trial, trial.running))
            else:
                arch = new[place - len(paused)]
                self.taken.update(self.keys(arch[None]))
                steps.append(self._begun(arch))
        self.running += len(steps)
        return self._rows(steps)

    def _patience(self) -> int:
        """Return how many new results a model waits for.

        A learner of steps is told how far a training has come with each question, and can wait for a fiftieth of all
        results; one of curves knows only those that it has learnt from.
        """
        share = 0 if isinstance(self.surrogate, CurveSurrogate) else len(self._order) // 50
        return max(self.problem.n_workers, share)

    def best_at(self, level: int) -> float | None:
        """Return the best result at a level of those that break constraints least; None before the first."""
        scores = [trial.score(self.ladder[level]) for trial in self.told[self.ladder[level]]]
        known = [score for score in scores if score is not FAILED]
        return min(known)[1] if known else None

    def child(self) -> np.random.Generator:
        """Return a generator of its own for a learner: what it draws cannot move what the strategy draws."""
        return np.random.default_rng(int(self.rng.integers(1 << 63)))

    def steps_fit(self) -> Fit:
        """Return a request to learn how results change from one slice to the next: see `steps`."""
        tags, levels = np.array(self._order[-self.rows :]).T
        features, before = self.steps(tags, levels)
        return Fit(self._model, self.archs[tags], self.curves[tags, levels] - before, self.child(), features)

    def steps(self, tags: IntArray, levels: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return what steps to levels are learnt by, (n, 3), and the results before them, (n,).

        Features are the share of the training that is done by then, the last and the best result before.  Before the
        first slice the worst first result stands for both: that of a network that was hardly trained.

        Parameters
        ----------
        tags : (n,) integers
            Of trials; what they have beyond the step is not read.
        levels : (n,) integers
            From 0.
        """
        begun = self.curves[tags, np.maximum(np.minimum(levels, self.level[tags]) - 1, 0)]
        seen = np.where(np.arange(len(self.ladder)) < levels[:, None], self.curves[tags], np.nan)
        lowest = np.where(np.isfinite(seen), seen, np.inf).min(axis=1)
        last = np.where(levels > 0, begun, self._untrained())
        return self._features(levels, last, np.where(levels > 0, lowest, last)), last

    def new_steps(self, count: int, level: int) -> tuple[FloatArray, FloatArray]:
        """Return `steps` of new configurations to a level, of which nothing is known."""
        last = np.full(count, self._untrained())
        return self._features(np.full(count, level, dtype=np.int64), last, last), last

    def _features(self, levels: IntArray, last: FloatArray, best: FloatArray) -> FloatArray:
        return np.stack([self.epochs[levels] / self.epochs[-1], last, best], axis=1)

    def _untrained(self) -> float:
        return float(np.nanmax(self.curves[: len(self.trials), 0]))

    def _begun(self, arch: Archs) -> tuple[Trial, int]:
        trial = Trial(len(self.trials), arch)
        trial.running = self.ladder[0]
        self.trials.append(trial)
        return trial, self.ladder[0]

    def fresh(self, n: int) -> Archs:
        """Draw `n` new architectures, fewer where the space is exhausted; none in advance, so that others compete."""
        return self.random(n)

    def _new(self) -> Archs:
        """Return random configurations that were never proposed, (k, L): of some more, those that break least."""
        drawn = max(self.candidates, _DRAWN) if self.problem.constraints else self.candidates
        archs, _ = sample_new(self.problem.space, drawn, self.taken, self.keys, self.rng)
        if not self.problem.constraints:
            return archs
        broken = np.maximum(known_violation(self.problem, archs), 0.0)
        return archs[np.argsort(broken, kind="stable")[: self.candidates]]
