"""MO-BANANAS: BANANAS with a sorted draw of each objective."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.multi_objective.modelled import Beliefs, Modelled, Preference
from strategies.parts import fronts
from strategies.parts.candidates import MOST_EDITS, mutate_evenly


class MOBananas(Modelled):
    """Mutate the first fronts, draw the mutants' objectives from models, evaluate the first fronts of the draws.

    Guerrero-Viu et al., "Bag of Baselines for Multi-objective Joint Neural Architecture Search and Hyperparameter
    Optimization", AutoML workshop at ICML 2021, with the defaults of archai (`algos/bananas.py`): ten random
    architectures; then batches of ten, chosen among five mutants of each of ten parents.  Parents are the first by
    front; of each mutant and objective an independent normal draw is taken, the draws are sorted into fronts, and
    chance decides inside a front.  An objective that the space knows in closed form is its own draw.

    Departs from archai: inside a front parents are ordered by crowding distance; the number of edits of a mutant is a
    Poisson draw, and one that is not new is drawn again; targets are scaled to between 1 and 2, so that the networks'
    rate of learning suits any objective.  The ensemble is that of `bananas`.

    Constraints decide which architectures are mutated, and those known in closed form filter the mutants
    (`constraints`).  Failed trainings, parallel workers and duplicates as in `ModelBased`: what runs is left out.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of each objective, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    parents : int
        Architectures mutated, the first by front and crowding, at least 1.
    mutations : int
        Mutants of each parent, at least 1.
    edits : float
        Mean number of edits of a mutant, greater than 0, at most 1000.
    target : {"identity", "log"}
        See `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    constraints : {"filtered", "learnt", "ranked"}
        See `ModelBased`.
    """

    family, paper, year = "several objectives", "Guerrero-Viu et al., AutoML workshop at ICML", 2021
    acquisitions = ("its",)
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "mlp_ensemble", "encoding": "path_truncated"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 10,
        parents: int = 10,
        mutations: int = 5,
        edits: float = 1.5,
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "filtered",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            candidates=MOST,
            parents=integer("parents", parents, low=1, high=MOST),
            acquisition="its",
            target=target,
            identity=identity,
            constraints=constraints,
        )
        self.mutations = integer("mutations", mutations, low=1, high=MOST)
        self.edits = real("edits", edits, low=0.0, high=MOST_EDITS, open_low=True)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new mutants of the first by front."""
        parents = told[ranked[: self.parents]]
        n = self.mutations * len(parents)
        return mutate_evenly(self.problem.space, parents, n, self._taken, self.keys, self.rng, edits=self.edits)

    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return the number of the front of a draw, and what chance adds to it inside a front."""

        def value(beliefs: Beliefs) -> FloatArray:
            drawn = beliefs.mean + beliefs.std * self.rng.standard_normal(beliefs.mean.shape)
            places: FloatArray = fronts.pareto_ranks(drawn) + self.rng.random(len(drawn))
            return places

        return value
