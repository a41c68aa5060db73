"""WeakNAS: many weak predictors, each of which only has to find a better part of the space."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, IntArray, integer
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.predictor_guided.ranked import Ranked


class WeakNAS(Ranked):
    """Rank the whole space with a weak predictor, train ten of its hundred best at random, repeat.

    Wu et al., "Stronger NAS with Weaker Predictors", NeurIPS 2021: after ten random architectures, each round fits a
    predictor to everything told, ranks the whole space, and draws ten uniformly among those of the 100 best that have
    not been trained; if fewer are left, the next in rank follow.  So the sampled part of the space shrinks towards the
    best, and no predictor has to be good anywhere else.

    The default learner is a forest of a thousand trees of the paper's three (networks of four layers of a thousand
    units, such a forest, boosting), on one-hot rows.  Departs from it: its trees are of full depth, and of a hundred;
    targets are normal scores of ranks, where the paper standardises them by the whole table, which nobody knows (on
    NAS-Bench-201, CIFAR-10, 150 evaluations, 25 runs, mean regret is 0.20 percent points so, 0.31 with errors as they
    are); and where a space has more than 20,000 codings 20,000 candidates are ranked, half of them mutants of the best.

    Constraints known in closed form filter the candidates, others are learnt; failed trainings are in no model.  See
    `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures drawn in a round, at least 1.
    top : int
        Of so many of the best, at least `batch`; equal to it, the best are taken.
    candidates, parents, edits, acquisition, target, identity, constraints
        See `WidePool`.
    """

    family, paper, year = "predictor-guided", "Wu et al., NeurIPS", 2021
    default_surrogate: ClassVar[dict[str, Any] | None] = {
        "name": "random_forest",
        "encoding": "one_hot",
        "targets": "normal_scores",
    }

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 10,
        top: int = 100,
        candidates: int = 20_000,
        parents: int = 10,
        edits: float = 1.5,
        acquisition: str = "mean",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "learnt",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            candidates=candidates,
            parents=parents,
            edits=edits,
            acquisition=acquisition,
            target=target,
            identity=identity,
            constraints=constraints,
        )
        self.top = integer("top", top, low=self.batch, high=MOST)

    def order(self, ranks: IntArray, whole: int) -> IntArray:
        """Return those of the `top` best in random order, then the others by rank."""
        count = int(np.count_nonzero(ranks < self.top))
        return np.concatenate([self.rng.permutation(count), np.arange(count, len(ranks))])
