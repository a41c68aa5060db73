"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import random_and_neighbours
from strategies.parts.model_based import ModelBased


class GPBO(ModelBased):
    """Fit a Gaussian process to all results, evaluate the candidate of largest expected improvement, repeat.

    Jones, Schonlau & Welch, "Efficient global optimization of expensive black-box functions", Journal of Global
    Optimization 13, 1998; for categories, the learner's default is the exponential of Hamming distances, the kernel of
    Hutter, Hoos & Leyton-Brown, "Sequential model-based optimization for general algorithm configuration", LION 2011,
    section 4.1, with one rate for all genes (`ard` of the learner: one for each).

    Departs from both: errors are learnt as logarithms; rate and noise are fitted on a grid, again after every ten
    results, where the first paper maximises the likelihood by branch and bound; the acquisition is maximised over
    random architectures and all neighbours of the best, where the papers search globally or from many starts.

    One by one is the default.  Batches: ``batch = 10, batch_rule = "top", acquisition = "its"`` draws each member
    independently (a lighter tail than greedy expected improvement); the other rules choose one after the other, see
    `strategies.parts.batches`.

    Constraints, failed trainings, parallel workers and duplicates are treated as in `ModelBased`: the result of what
    runs is believed to be what the model predicts (`batch_rule`), and nothing is proposed twice.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the best ones, all of whose neighbours are candidates too.
    acquisition : {"ei", "its", "ucb", "pi", "log_ei"}
        See `strategies.parts.acquisition`.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"log", "identity"}
        See `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Jones, Schonlau & Welch, J. Global Optimization", 1998
    acquisitions = ("ei", "its", "ucb", "pi", "log_ei")
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
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
            acquisition=acquisition,
            batch_rule=batch_rule,
            target=target,
            identity=identity,
        )
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=0, high=MOST)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return random architectures and the neighbours of the best, or a small space as a whole."""
        parents = told[ranked[: self.parents]]
        return random_and_neighbours(self.problem.space, parents, self.candidates, self._taken, self.keys, self.rng)
