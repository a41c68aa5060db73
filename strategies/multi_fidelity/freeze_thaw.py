"""Freeze-thaw Bayesian optimisation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, IntArray
from harness.problem import Problem
from harness.surrogate import CurveSurrogate, Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.partial import Improvements, PartialCurves, improvement


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

    Its defaults were chosen by runs on `micro-mnist1d`.

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
        candidates: int = 5,
        rows: int = 300,
    ) -> None:
        super().__init__(
            problem, rng, surrogate=surrogate, slices=slices, initial=initial, candidates=candidates, rows=rows
        )
        if isinstance(surrogate, CurveSurrogate):
            self._model = surrogate.over(self.epochs)

    def fit(self) -> Fit:
        """Return the request to learn curves, or steps from slice to slice."""
        if not isinstance(self.surrogate, CurveSurrogate):
            return self.steps_fit()
        recent = dict.fromkeys(tag for tag, _ in reversed(self._order))  # in the order of their last results
        tags = np.array([*recent][: self.rows][::-1])
        last = self.curves[tags, np.maximum(self.level[tags], 1) - 1]
        return Fit(self._model, self.archs[tags], last, self.child(), self.curves[tags])

    def improvements(self, model: Surrogate, paused: IntArray, new: Archs) -> Improvements:
        """Return the expected improvement of the end of each."""
        end = len(self.ladder) - 1
        best = self.best_at(end)
        compared = paused if best is not None else np.flatnonzero(self.level[: len(self.trials)] > 0)
        if isinstance(self.surrogate, CurveSurrogate):
            features = np.concatenate([self.curves[compared], np.full((len(new), end + 1), np.nan)])
            before = np.zeros(len(features))
        else:
            (seen, last), (unseen, untrained) = (
                self.steps(compared, np.full(len(compared), end)),
                self.new_steps(len(new), end),
            )
            features, before = np.concatenate([seen, unseen]), np.concatenate([last, untrained])
        said: Prediction = yield Predict(model, np.concatenate([self.archs[compared], new]), features)
        mean, std = before + said.mean, said.std
        if best is None:
            best = float(mean[: len(compared)].min())
            rows = [*np.searchsorted(compared, paused), *range(len(compared), len(mean))]
            mean, std = mean[rows], std[rows]
        return improvement(mean, std, np.full(len(mean), best))
