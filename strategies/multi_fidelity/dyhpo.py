"""DyHPO: dynamic allocation of slices by expected improvement at the next one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, IntArray
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.partial import Improvements, PartialCurves, improvement


class DyHPO(PartialCurves):
    """Train, one slice at a time, what is expected to improve most on the best result after as many slices.

    Wistuba, Kadra & Grabocka, "Supervising the Multi-Fidelity Race of Hyperparameter Configurations", NeurIPS 2022,
    Algorithm 1: a Gaussian process over architectures, epochs and curves so far; all paused trainings, each at its next
    slice, and new configurations at their first compete by expected improvement on the best result at that slice, or,
    where nothing has come so far, on the best of all.

    Departs from the paper: the kernel of the default learner is on the genes and three numbers (the share of the
    training, the last and the best result before), where the paper learns an embedding with a network;
    ``surrogate = { name = "dngo_network" }`` learns one.  What is learnt is how a result differs from the one before,
    so that trainings are expected to go on as others did.  A space has no list of all its configurations: `candidates`
    random new ones compete.  Their number was chosen on `micro-mnist1d`, where 100 are too many: paused trainings
    hardly go on.

    There, with one worker, regrets in percent points after the seconds of 10, 25, 50 and 100 full trainings are 2.45,
    1.68, 1.25 and 1.05; those of `asha` 2.40, 1.61, 1.36 and 1.18, of `random_search` 2.60, 1.87, 1.51 and 1.15 (means
    over 100 runs under the same noise, other ones than those by which the number was chosen).

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
        Results that the model learns from at most: those told last.  At least 10.
    """

    family, paper, year = "multi-fidelity", "Wistuba, Kadra & Grabocka, NeurIPS", 2022
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        slices: int = 10,
        initial: int = 10,
        candidates: int = 10,
        rows: int = 300,
    ) -> None:
        super().__init__(
            problem, rng, surrogate=surrogate, slices=slices, initial=initial, candidates=candidates, rows=rows
        )

    def fit(self) -> Fit:
        """Return the request to learn steps from slice to slice."""
        return self.steps_fit()

    def improvements(self, model: Surrogate, paused: IntArray, new: Archs) -> Improvements:
        """Return the expected improvement at the next slice of each."""
        levels = self.level[paused]
        features, before = self.steps(paused, levels)
        unseen, untrained = self.new_steps(len(new), 0)
        said: Prediction = yield Predict(
            model, np.concatenate([self.archs[paused], new]), np.concatenate([features, unseen])
        )
        bests = [self.best_at(level) for level in range(len(self.ladder))]
        told = [best for best in bests if best is not None]
        against = np.array([min(told) if best is None else best for best in bests])
        mean = np.concatenate([before, untrained]) + said.mean
        return improvement(mean, said.std, against[np.concatenate([levels, np.zeros(len(new), dtype=np.int64)])])
