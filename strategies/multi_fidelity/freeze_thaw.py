"""Freeze-thaw Bayesian optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs
from harness.problem import Problem
from harness.surrogate import CurveSurrogate, Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.partial import Improvements, PartialCurves, improvement, with_new
from strategies.multi_fidelity.rungs import Trial


class FreezeThaw(PartialCurves):
    """Thaw, or begin, the training whose end is expected to improve most on the best result.

    Swersky, Snoek & Adams, "Freeze-Thaw Bayesian Optimization", arXiv 1406.3896, 2014: curves decay to asymptotes,
    which are a Gaussian process over architectures (the learner `freeze_thaw_gp`); every decision, one slice long, is
    between trainings that are frozen and new ones.

    Departs from the paper: the slice goes to the largest expected improvement at the last epoch; there that chooses a
    basket of ten frozen and three new, of which the one is taken whose next results would tell most of where the
    optimum is (entropy search).  Improvements are on the best full training, and before the first on the best end that
    is predicted of what was begun.  With a learner that reads no curves (`harness.CurveSurrogate`), ends are
    extrapolated as `dyhpo` predicts the next slice.

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
        Trainings that the model learns from at most: those told last.  At least 10.
    """

    family, paper, year = "multi-fidelity", "Swersky, Snoek & Adams, arXiv", 2014
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "freeze_thaw_gp"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        slices: int = 10,
        initial: int = 10,
        candidates: int = 100,
        rows: int = 300,
    ) -> None:
        super().__init__(
            problem, rng, surrogate=surrogate, slices=slices, initial=initial, candidates=candidates, rows=rows
        )
        if isinstance(surrogate, CurveSurrogate):
            self._model = surrogate.over(self.epochs)

    def improvements(self, paused: Sequence[Trial], new: Archs) -> Improvements:
        """Return the expected improvement of the end of each."""
        best = self.best_at(len(self.ladder) - 1)
        compared = paused if best is not None else [*self._recent.values()]
        if isinstance(self.surrogate, CurveSurrogate):
            learnt = [*self._recent.values()][-self.rows :]
            curves = self._curves(learnt)
            last = np.array([self.curve(trial)[-1] for trial in learnt])
            model = yield Fit(self._model, np.array([trial.arch for trial in learnt]), last, self.child(), curves)
            features = np.concatenate([self._curves(compared), np.full((len(new), len(self.ladder)), np.nan)])
            before = np.zeros(len(features))
        else:
            model = yield self.steps_fit()
            known = [self.curve(trial) for trial in compared] + [[]] * len(new)
            features, before = self.steps([len(self.ladder) - 1] * len(known), known)
        self.kept(model)
        said: Prediction = yield Predict(model, with_new(compared, new), features)
        mean, std = before + said.mean, said.std
        if best is not None:
            return improvement(mean, std, np.full(len(mean), best))
        places = {trial.tag: place for place, trial in enumerate(compared)}
        rows = [*(places[trial.tag] for trial in paused), *range(len(compared), len(mean))]
        return improvement(mean[rows], std[rows], np.full(len(rows), mean[: len(compared)].min()))

    def _curves(self, trials: Sequence[Trial]) -> Any:
        """Return curves, (n, T), NaN where they have not come so far."""
        curves = np.full((len(trials), len(self.ladder)), np.nan)
        for row, trial in enumerate(trials):
            curve = self.curve(trial)
            curves[row, : len(curve)] = curve
        return curves
