"""BANANAS: Bayesian optimisation with an ensemble of neural networks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import MOST_EDITS, mutate_best
from strategies.parts.model_based import ModelBased


class Bananas(ModelBased):
    """Mutate the best architectures, predict the mutants with a model, evaluate those that the acquisition prefers.

    White, Neiswanger & Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
    Search", AAAI 2021, Algorithm 1, with the defaults of the authors' code (naszilla): ten random architectures, then
    batches of ten, each chosen by independent Thompson sampling among about 100 mutants: 100 of the best architecture,
    then of the second best, up to the fifth, until enough of them are new and distinct.  The ensemble of five networks
    on path encodings is the surrogate's.

    Departs from that code: the number of edits of a mutant is a Poisson draw, where naszilla changes each of the six
    operations of NAS-Bench-201 with probability 1/4 (the same mean, 1.5); where the mutants do not fill a batch, random
    new architectures do; expected improvement is the paper's formula, without the factor of 1/5 on the standard
    deviation.

    The model learns objectives to be minimised from every training told that did not fail; while there are fewer than
    two, batches are random.  Constraints decide which architectures are mutated (see `strategies.parts.ranking`) and
    whose objective counts as the best; the model does not learn them by default (`constraints`).  With parallel
    workers, the first model waits for the whole initial design; each later one is fitted to what has been told when the
    batch before it has been handed out, and never proposes what is running.  The search is finished when nothing new is
    left.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Mutations of each parent, at least `batch`; further parents are mutated until as many mutants are new.
    parents : int
        Architectures mutated at most, the best ones.
    edits : float
        Mean number of edits of a mutant, greater than 0, at most 1000.
    acquisition : {"its", "ucb", "ei", "pi", "ts"}
        See `strategies.parts.acquisition`; "ucb" is ``mean - 0.5 std``.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).  Exact, as in the
        authors' code for NAS-Bench-201, where equal functions were trained separately and have results of their own.
    constraints : {"ranked", "learnt"}
        Whether constraints only decide which architectures are mutated, or are also known or learnt when mutants are
        chosen; see `ModelBased`.
    """

    family, paper, year = "Bayesian optimisation", "White, Neiswanger & Savani, AAAI", 2021
    acquisitions = ("its", "ucb", "ei", "pi", "ts")
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"constraints": "ranked"}
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "mlp_ensemble", "encoding": "path_truncated"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 10,
        candidates: int = 100,
        parents: int = 5,
        edits: float = 1.5,
        acquisition: str = "its",
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
            identity=identity,
            constraints=constraints,
        )
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)
        self.edits = real("edits", edits, low=0.0, high=MOST_EDITS, open_low=True)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new mutants of the best."""
        space, parents = self.problem.space, told[ranked[: self.parents]]
        return mutate_best(space, parents, self.candidates, self._taken, self.keys, self.rng, edits=self.edits)
