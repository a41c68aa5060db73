"""Search with a predictor that also learns from what it predicted itself, after SemiNAS."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts.candidates import mutate_best, random_and_mutants
from strategies.parts.model_based import Learning, ModelBased, Valued


class SemiNAS(ModelBased):
    """Learn from results and from predictions, train the best mutants of the best told and of the best predicted.

    After Luo et al., "Semi-Supervised Neural Architecture Search", NeurIPS 2020, and not all of it: in each round the
    learner, `surrogates.graphs.seminas`, is fitted to everything told, predicts random architectures, and is fitted
    again to both.  Candidates are mutants of the best told, random architectures, and mutants of those of all these
    that are predicted best; the best predictions are trained.

    Departs from the paper, which is why this is SemiNAS-style: mutants stand where the paper moves along the gradient
    of the predicted value in the latent space of its encoder and decodes.  Rounds are of twenty trainings, where the
    paper has three of a third of what was trained before: two trainings of a network are made in each, which are what
    the search costs.  With another learner, or its ``unlabelled = 0``, it is the same search, supervised.

    Constraints decide which architectures are mutated; failed trainings are in no model.  See
    `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Mutants wanted, of the told and of the predicted each; at least `batch`.
    parents : int
        Architectures mutated at most, the best told and the best predicted each.
    acquisition : str
        See `strategies.parts.acquisition`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"ranked", "filtered", "learnt"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "predictor-guided", "Luo et al., NeurIPS", 2020
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "seminas_network"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 20,
        batch: int = 20,
        candidates: int = 100,
        parents: int = 10,
        acquisition: str = "mean",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "ranked",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            acquisition=acquisition,
            target=target,
            identity=identity,
            constraints=constraints,
        )
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return mutants of the best told, and as many random architectures."""
        space, parents = self.problem.space, told[ranked[: self.parents]]
        return random_and_mutants(space, parents, 2 * self.candidates, self._taken, self.keys, self.rng, edits=1.0)

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the pool, and mutants of the best of it."""
        values = yield from value(archs)
        best = archs[np.argsort(values, kind="stable")[: self.parents]]
        taken = {*self._taken, *keys}
        near, new = mutate_best(self.problem.space, best, self.candidates, taken, self.keys, self.rng, edits=None)
        kept = np.flatnonzero(self._broken(near) <= 0.0)
        near, new = near[kept], [new[row] for row in kept.tolist()]
        if not len(near):
            return archs, keys, values
        return np.concatenate([archs, near]), [*keys, *new], np.concatenate([values, (yield from value(near))])
