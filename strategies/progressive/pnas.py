"""PNAS: progressive search with a predictor."""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer
from harness.problem import Problem
from harness.records import Evaluations
from harness.surrogate import Surrogate
from strategies.parts.candidates import sample_new
from strategies.progressive.growing import Growing

_DRAWN = 100  # random architectures, where nothing can be grown


class PNAS(Growing):
    """Train the simplest architectures; predict their children, train those predicted best, and grow these in turn.

    Liu et al., "Progressive neural architecture search", ECCV 2018, Algorithm 1.  A level of complexity
    (`SearchSpace.growth`: edges that are not none, vertices, or sizes) follows the other; all children of what was
    trained on a level are predicted by the model of everything told, and the best `beam` are trained.

    Departs from the paper: it trains 136 + 4 x 256 cells of one to five blocks; here `beam` is by default what shares
    the budget among the levels, so that the last evaluation is of the last level.  All members of the predictor's
    ensemble learn from all data, where the paper's five see four fifths each.  Where budget is left after the last
    level, the levels are gone through again, with the children not yet trained.

    Small cells say little about large ones where a cell needs several parts to work at all, as on NAS-Bench-201: expect
    a result near that of random search with few evaluations.  Spaces without an order from simple to complex (DARTS)
    are refused.

    Where nothing can be grown, as often in a partial table, new lineages start from random architectures, one for each
    worker: those predicted best of a hundred that satisfy what is known in closed form.  An architecture is proposed
    once, and the search is finished when there is none of these either.  A level is spread over the parallel workers,
    which wait for its end.  Constraints and failures: see `ModelBased` and `Growing`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    beam : int, optional
        Architectures trained on a level (K in the paper), at least 1; by default what is left of the budget is shared
        equally among the levels left, a budget in seconds by the mean time of the trainings so far.
    target : {"identity", "log", "normal_scores"}
        What the model learns; see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "progressive", "Liu et al., ECCV", 2018
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "mlp_ensemble", "encoding": "one_hot", "loss": "mae"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        beam: int | None = None,
        target: str = "identity",
        identity: str = "exact",
    ) -> None:
        self.beam = None if beam is None else integer("beam", beam, low=1, high=MOST)
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=2,
            batch=1,
            acquisition="mean",
            target=target,
            identity=identity,
        )
        self._seconds = 0.0  # of the trainings told
        self._next = self.growth.lowest + 1
        share = self._share()
        self.initial = max(self.initial, share + min(share, len(self.growth.smallest())))

    def design(self) -> Archs:
        """Return the two lowest levels, of each as many as its share."""
        archs = super().design()
        self._next = self.growth.lowest + 2
        return archs

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return the children on the next level that has any, else random ones; set the batch to the beam."""
        trained = told[np.sort(ranked)]
        levels = self.growth.level(trained)
        for _ in range(self.growth.lowest, self.growth.highest + 1):
            if self._next > self.growth.highest:
                self._next = self.growth.lowest + 1
            archs, keys = self.children(trained[levels == self._next - 1])
            self.batch = min(self._share(), len(archs))
            self._next += 1
            if len(archs):
                return archs, keys
        archs, keys = sample_new(self.problem.space, _DRAWN, self._taken, self.keys, self.rng)
        kept = np.flatnonzero(self._broken(archs) <= 0).tolist()
        self.batch = min(self.problem.n_workers, len(kept))
        return archs[kept], [keys[row] for row in kept]

    def _share(self) -> int:
        """Return how many architectures the next level gets."""
        if self.beam is not None:
            return self.beam
        levels = max(1, self.growth.highest + 1 - self._next)
        budget, left = self.problem.budget, float(MOST)
        if budget.evaluations is not None:
            left = budget.evaluations - len(self._taken)
        if budget.seconds is not None and self._seconds:
            seconds = budget.seconds * self.problem.n_workers - self._seconds
            left = min(left, seconds * len(self._scores) / self._seconds)
        elif budget.evaluations is None:
            left = 10.0 * levels  # before the first result
        return min(max(1, ceil(left / levels)), MOST)

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results, and what they took."""
        super().tell(evaluations)
        self._seconds += float(np.nansum(evaluations.seconds))
