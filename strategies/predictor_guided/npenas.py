"""NPENAS: evolution guided by a graph network."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import mutate_best
from strategies.parts.defaults import defaults
from strategies.parts.model_based import ModelBased


class NPENASBO(ModelBased):
    """Mutate the best architectures, draw the error of each mutant from a graph network, evaluate the ten lowest.

    Wei et al., "NPENAS: Neural Predictor Guided Evolution for Neural Architecture Search", IEEE TNNLS 2022, Algorithm 1
    with the acquisition of NPENAS-BO: ten random architectures; then the network is fitted to everything told, and of
    about 100 mutants, single edits of the best fifty in turn, ten are evaluated: those of the lowest independent
    Thompson samples ``mean + std N(0, 1)``.  No population is kept: what is called evolution is mutation of the best.
    The default learner is the paper's graph isomorphism network with a Gaussian head.

    As in the authors' code two architectures are the same when they compute the same function.  Where mutants do not
    fill a batch, random new architectures do.

    Constraints decide which architectures are mutated; failed trainings are in no model; with parallel workers each
    model waits for the batch before it to be handed out, not to be told.  See `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Mutants of each parent, and candidates wanted; at least `batch`.
    parents : int
        Architectures mutated at most, the best ones.
    acquisition : str
        See `strategies.parts.acquisition`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"ranked", "filtered", "learnt"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "predictor-guided", "Wei et al., IEEE TNNLS", 2022
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gin", "head": "gaussian"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 10,
        candidates: int = 100,
        parents: int = 50,
        acquisition: str = "its",
        target: str = "identity",
        identity: str = "functional",
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
        """Return the first new single edits of the best."""
        space, parents = self.problem.space, told[ranked[: self.parents]]
        archs, keys = mutate_best(space, parents, self.candidates, self._taken, self.keys, self.rng, edits=None)
        return archs[: self.candidates], keys[: self.candidates]


@defaults(acquisition="mean")
class NPENASNP(NPENASBO):
    """Mutate the best architectures, predict the mutants with a graph network, evaluate the ten best.

    NPENAS-NP (Wei et al., IEEE TNNLS 2022), see `NPENASBO`: the network predicts a number and is fitted by squared
    error, and the ten lowest predictions are taken.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Mutants of each parent, and candidates wanted; at least `batch`.
    parents : int
        Architectures mutated at most, the best ones.
    acquisition : str
        See `strategies.parts.acquisition`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"ranked", "filtered", "learnt"}
        See `strategies.parts.model_based`.
    """

    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gin", "head": "mean"}
