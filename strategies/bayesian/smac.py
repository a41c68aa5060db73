"""SMAC: Bayesian optimisation with a random forest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from math import prod
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer, real
from harness.problem import Problem
from harness.strategy import Plan
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts.candidates import distinct
from strategies.parts.climbing import climb
from strategies.parts.model_based import Learning, ModelBased, Valued

_MOST_OF_SPACE = 4  # the pool holds at most a fourth of the codings


class SMAC(ModelBased):
    """Fit a forest to log errors, climb its expected improvement from many places, and now and then draw at random.

    Hutter, Hoos & Leyton-Brown, "Sequential model-based optimization for general algorithm configuration", LION 2011;
    defaults of SMAC 2.4 (Lindauer et al., JMLR 23, 2022, hyperparameter-optimisation facade, as coded): ten trees on
    bootstrap samples with all features at every split, down to single results; the log form of expected improvement
    (section 5.2 of the paper); 10,000 random architectures, and local search over one-gene changes from the ten best
    of them and of those told, with at most ten steps on plateaus; a fifth of the proposals random.

    Departs from SMAC: there is no intensification, since an architecture is trained once; the initial design is random,
    where SMAC takes a Sobol sequence of ten for each gene, at most a quarter of the budget; a walk goes to the best
    neighbour, not to the first better one; of a small space the pool holds at most a fourth.  Trees split one-hot
    features, one value against the rest, where the forest of the paper splits a gene into two sets of values.

    Constraints, failures, parallel workers and duplicates as in `ModelBased`: what runs is left out and otherwise not
    taken into account.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    candidates : int
        Random architectures whose acquisition is compared, at least 1.
    starts : int
        Local searches for one proposal, at least 0.
    plateau : int
        Most steps of a local search to a neighbour that is only as good.
    random_share : float
        Probability that a proposal is random, in [0, 1].
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Hutter, Hoos & Leyton-Brown, LION", 2011
    default_surrogate: ClassVar[dict[str, Any] | None] = {
        "name": "random_forest",
        "encoding": "one_hot",
        "trees": 10,
        "max_features": 1.0,
        "leaf_variance": True,
    }

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        candidates: int = 10_000,
        starts: int = 10,
        plateau: int = 10,
        random_share: float = 0.2,
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=1,
            acquisition="log_ei",
            target="log",
            identity=identity,
        )
        self.candidates = integer("candidates", candidates, low=1, high=MOST)
        self.starts = integer("starts", starts, low=0, high=MOST)
        self.plateau = integer("plateau", plateau, low=0, high=MOST)
        self.random_share = real("random_share", random_share, low=0.0, high=1.0)

    def plan(self, n: int) -> Plan:
        """Return the initial design, then one architecture, at random or by the model."""
        if len(self._scores) >= (self._initial_size or MOST) and self.rng.random() < self.random_share:
            return self._proposed(self.random(1))
        return (yield from super().plan(n))

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new random architectures."""
        codings = prod(self.problem.space.cardinalities.tolist())
        count = min(self.candidates, -(-codings // _MOST_OF_SPACE))
        return distinct(self.problem.space.sample(count, self.rng), self._taken, self.keys)

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the pool and what local search finds from the best of it and of those told, new ones only."""
        values = yield from value(archs)
        told, _ = distinct(np.concatenate(self._told), (), self.keys)
        everything, levels = np.concatenate([archs, told]), np.concatenate([values, (yield from value(told))])
        best = np.argsort(levels, kind="stable")[: self.starts]
        near, near_values = yield from climb(
            self.problem.space, everything[best], levels[best], value, plateau=self.plateau
        )
        allowed = (self._broken(near) <= 0.0).tolist()
        new = {row: key for row, key in enumerate(self.keys(near)) if allowed[row] and key not in self._taken}
        rows = [*new]
        return np.concatenate([archs, near[rows]]), [*keys, *new.values()], np.concatenate([values, near_values[rows]])
