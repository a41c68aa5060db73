"""Random scalarisations: one model for each objective, weights drawn anew for each choice."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import FloatArray, choice, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.multi_objective.modelled import Beliefs, Modelled, Preference
from strategies.parts import fronts, hypervolume
from strategies.parts.acquisition import BETA
from strategies.parts.scalarisation import AUGMENTATION, linear, simplex, tchebycheff


class RandomScalarisation(Modelled):
    """Draw weights, evaluate the candidate whose drawn objectives, or their optimistic bounds, are the best by them.

    Paria, Kandasamy & Póczos, "A Flexible Framework for Multi-Objective Bayesian Optimization using Random
    Scalarizations", UAI 2019, Algorithm 1: a model of each objective; in each iteration weights from a prior; the
    maximum of the scalarised acquisition.  Thompson sampling takes a draw of each objective, and the confidence bound
    is ``mean - beta std``.  The scalarisations are the Tchebycheff function, the weighted sum, and that whose mean is
    the hypervolume (Golovin & Zhang, "Random hypervolume scalarizations for provable multi-objective black box
    optimization", ICML 2020), whose weights are uniform on the sphere; those of the others are on the simplex.
    Objectives are scaled to [0, 1] by the extremes of what was told.

    Departs from the paper: objectives are learnt as logarithms where they have any (`target`); the Tchebycheff function
    is augmented (`augmentation`), without which many candidates are equally good once an objective is known in closed
    form, and the search stops improving; the weight of the deviation is constant.

    Constraints, failed trainings and duplicates as in `SeveralObjectives`; candidates that more likely than not keep
    what is not known in closed form come first.  Weights are drawn for each choice of a batch; what runs is believed to
    be what the models predict (`batch_rule`).

    Its defaults were chosen by runs on `nb201-cifar10`, with errors and parameters.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of each objective, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen before results are waited for, at least 1.
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the first by front and crowding, all of whose neighbours are candidates too.
    scalarisation : {"tchebycheff", "linear", "hypervolume"}
        The last does much better on NAS-Bench-201; the first is the paper's.
    acquisition : {"ucb", "its"}
        The bound ``mean - weight std``, or a draw: of a member of the learner, where it has any.
    weight : float
        Of the deviation in the bound, at least 0.
    augmentation : float
        Weight of the sum beside the maximum, at least 0; 0 is the paper's.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"log", "identity"}
        See `strategies.parts.targets`; of each objective, before they are scaled.
    reference : {"told", "front"}
        Of the hypervolume; see `EHVI`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Paria, Kandasamy & Póczos, UAI", 2019
    acquisitions = ("its", "ucb")
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 1,
        candidates: int = 300,
        parents: int = 10,
        scalarisation: str = "tchebycheff",
        acquisition: str = "ucb",
        weight: float = BETA,
        augmentation: float = AUGMENTATION,
        batch_rule: str = "believer",
        target: str = "log",
        reference: str = "told",
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
            reference=reference,
            identity=identity,
        )
        self.scalarisation = choice("scalarisation", scalarisation, ("tchebycheff", "linear", "hypervolume"))
        self.weight = real("weight", weight, low=0.0)
        self.augmentation = real("augmentation", augmentation, low=0.0)

    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return the scalarised draws or bounds, lower is better."""
        low, high = fronts.bounds(points)
        objectives = len(low)
        reference = fronts.normalise(self.reference_of(points), low, high)
        if self.scalarisation == "hypervolume":
            weights = hypervolume.directions(1, objectives, self.rng)
        else:
            weights = simplex(1, objectives, self.rng)

        def value(beliefs: Beliefs) -> FloatArray:
            if self.acquisition == "ucb":
                seen = beliefs.mean - self.weight * beliefs.std
            else:
                draws = beliefs.draws(self.rng.standard_normal((1, *beliefs.mean.shape)))
                seen = draws[self.rng.integers(len(draws))]
            seen = fronts.normalise(seen, low, high)
            if self.scalarisation == "hypervolume":
                return -hypervolume.scalarised(seen, weights, reference)[:, 0]
            if self.scalarisation == "linear":
                return linear(seen, weights[0])
            return tchebycheff(seen, weights[0], self.augmentation)

        return value
