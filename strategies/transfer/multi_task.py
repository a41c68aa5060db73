"""One model of all tables."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, FloatArray
from harness.problem import Problem
from harness.surrogate import Fit, Surrogate
from strategies.parts.model_based import Models
from strategies.transfer.models import OfTask, lessons_of, standardised
from strategies.transfer.sources import Begun


class MultiTask(Begun):
    """Learn the results of all tables with one model, of an architecture and of the table that it was trained on.

    Swersky, Snoek & Adams, "Multi-task Bayesian optimization", NeurIPS 2013, with the table as one-hot covariates: with
    a Gaussian process of automatic relevance, its default, one rate says how much the tables have in common, and where
    it is large each is learnt by itself: the search falls back to that of `GPBO`.

    ``surrogate = { name = "ablr_network" }`` is ABLR (Perrone, Jenatton, Seeger & Archambeau, "Scalable Hyperparameter
    Transfer Learning", NeurIPS 2018): one network, and a Bayesian linear head for each table.

    Departs from the paper: one rate for all pairs of tables in place of a matrix of covariances; results of each table
    are standardised; of each source at most `source_rows` are learnt; `initial` architectures come first, of which the
    first `start` are a portfolio of the sources (`strategies.transfer.sources`); candidates are those of `GPBO`.

    Constraints, failed trainings, parallel workers and duplicates are treated as in `GPBO`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that takes covariates and predicts a standard deviation.
    initial : int
        Architectures before the first model, at least 2.
    start : int
        How many of them are taken from the sources, from 0 to `initial`.
    source_rows : int
        Trainings of a source that the model learns, at least 2; drawn at random where there are more.
    batch, candidates, parents, acquisition, batch_rule, target, identity
        See `GPBO`.
    """

    family, paper, year = "transfer", "Swersky, Snoek & Adams, NeurIPS", 2013
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot", "ard": True}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 6,
        start: int = 3,
        source_rows: int = 25,
        batch: int = 1,
        candidates: int = 500,
        parents: int = 5,
        acquisition: str = "ei",
        batch_rule: str = "believer",
        target: str = "log",
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            candidates=candidates,
            parents=parents,
            acquisition=acquisition,
            batch_rule=batch_rule,
            target=target,
            identity=identity,
            start=start,
        )
        lessons = lessons_of(problem, source_rows, self.target, rng)
        self._tasks = np.eye(len(lessons) + 1)
        self._archs: Archs = np.concatenate([problem.space.sample(0, rng), *[archs for _, archs, _ in lessons]])
        self._values = np.concatenate([np.zeros(0), *[values for _, _, values in lessons]])
        self._of_task = np.repeat(np.arange(len(lessons)), [len(values) for _, _, values in lessons])

    def learn(self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray) -> Models:
        """Return the model of all tables, which answers for the target."""
        values, centre, spread = standardised(targets)
        target = len(self._tasks) - 1
        tasks = np.concatenate([self._of_task, np.full(len(archs) + len(lies), target)])
        model: Surrogate = yield Fit(
            self._model,
            np.concatenate([self._archs, archs, believed[: len(lies)]]),
            np.concatenate([self._values, values, (lies - centre) / spread]),
            self._child(),
            self._tasks[tasks],
        )
        self._kept(model)
        return OfTask(model, self._tasks[target], centre, spread)
