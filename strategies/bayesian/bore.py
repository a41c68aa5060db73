"""BORE: Bayesian optimisation by classification."""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, IntArray, choice, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import distinct
from strategies.parts.model_based import ModelBased


class BORE(ModelBased):
    """Learn to tell the best quarter of the results from the rest, evaluate what most probably belongs to it.

    Tiao et al., "BORE: Bayesian Optimization by Density-Ratio Estimation", ICML 2021: the probability of a class that
    holds the best fraction gamma is an increasing function of ``l / g``, the ratio that tree-structured Parzen
    estimators maximise, and needs no densities.  With ``weights = "improvement"`` it is LFBO (Song et al., "A General
    Recipe for Likelihood-free Bayesian Optimization", ICML 2022), which ranks by expected improvement.

    Any learner will do that estimates a mean: its targets are 0 for the best and 1 for the others, and candidates are
    ranked by what it predicts.  The default is a least-squares classifier with a kernel on categories, whose fit is
    one linear system.  For LFBO the targets of the best are lowered in proportion to their improvement on the
    threshold: the optimal classifier of that paper is an increasing function of the expected improvement, which is what
    least squares on these targets estimate.

    Departs from the paper: its network of two layers and its optimiser of a continuous acquisition have no place on
    categories; candidates are mutants of the best and random architectures, half each, in random order, so that ties
    are broken at random; gamma is 1/4 as in syne-tune (the code of the authors has 1/3), and on NAS-Bench-201 its 500
    candidates are no better than 100; no proposal is random.

    At least one result is the best, and equal results are so in the order told.  Failed trainings are among the others;
    infeasible ones come after all feasible ones, by violation (see `strategies.parts.ranking`), and are among the best
    only while too few are feasible.  With parallel workers, what runs is learnt as one of the others.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    gamma : float
        Fraction of the results that are the best, rounded up; greater than 0, at most 1.
    weights : {"equal", "improvement"}
        BORE and LFBO.
    candidates : int
        Architectures drawn for one proposal, at least 2.
    parents : int
        Architectures mutated at most, the best ones, at least 1.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Tiao et al., ICML; Song et al., ICML 2022", 2021
    acquisitions = ("mean",)
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "kernel_classifier", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        gamma: float = 0.25,
        weights: str = "equal",
        candidates: int = 100,
        parents: int = 5,
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=1,
            acquisition="mean",
            batch_rule="liar_max",
            identity=identity,
            constraints="ranked",
        )
        self.gamma = real("gamma", gamma, low=0.0, high=1.0, open_low=True)
        self.weights = choice("weights", weights, ("equal", "improvement"))
        self.candidates = integer("candidates", candidates, low=2, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new mutants of the best and random architectures, in random order."""
        space, half = self.problem.space, self.candidates // 2
        parents = told[ranked[: self.parents]]
        mutants = space.mutate(parents[self.rng.integers(len(parents), size=half)], self.rng)
        drawn = np.concatenate([mutants, space.sample(self.candidates - half, self.rng)])
        return distinct(self.rng.permutation(drawn), self._taken, self.keys)

    def lessons(self, ranked: list[int]) -> tuple[IntArray, FloatArray]:
        """Return all rows told, and 0 for the best, 1 for the others; for LFBO what falls from 1 with improvement."""
        count = ceil(self.gamma * len(ranked))
        targets = np.ones(len(self._scores))
        targets[ranked[:count]] -= self._improvements(ranked, count)
        return np.arange(len(targets)), targets

    def _improvements(self, ranked: list[int], count: int) -> FloatArray:
        """Return the weights of the best, (count,) in [0, 1]: the same for all while one of them is infeasible."""
        violations, objectives = np.array([self._scores[row] for row in ranked[: count + 1]]).T
        improvements: FloatArray = objectives[-1] - objectives[:count]
        if self.weights == "equal" or violations.max() > 0 or improvements.max() <= 0:
            return np.ones(count)
        return improvements / float(improvements.max())
