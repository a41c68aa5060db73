"""NAS-BOWL: Bayesian optimisation with a kernel on graphs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import MOST_EDITS, mutate_evenly, sample_new
from strategies.parts.model_based import ModelBased


class NasBowl(ModelBased):
    """Fit a Gaussian process on graphs, evaluate the mutants of the best that have the largest expected improvement.

    Ru, Wan, Dong & Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman
    Kernels", ICLR 2021, Algorithm 1, with the settings of the authors' commands for NAS-Bench-201: ten random
    architectures, then batches of five, chosen among 200 mutants, twenty of each of the ten best.  Errors are learnt as
    logarithms.  The graph kernel and its fit are those of the learner ``wl_gp``; for NAS-Bench-101 the authors take its
    kernel "assignment" and ``random = 0.5``.

    Improvement is measured from the result at which the mean of the model is the best, not from the best result: what
    the authors' code does, whatever its setting, and what noisy trainings ask for; ``incumbent = "told"`` is the other.

    Departs from that code: the number of edits of a mutant is a Poisson draw, where the code changes each of the six
    operations of NAS-Bench-201 with probability 1/5 (the same mean, 1.2); candidates of equal function are one
    (`identity`), and none is proposed again, where the code leaves out those whose expected improvement is equal to
    another's of the batch, and may propose what it has evaluated.

    Constraints, failed trainings and parallel workers are treated as in `ModelBased`; with the batch rule ``top``, the
    authors', what runs is only left out.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Candidates of a decision, at least `batch`.
    parents : int
        Architectures mutated, the best ones, each equally often; at least 1.
    edits : float
        Mean number of edits of a mutant, greater than 0, at most 1000.
    random : float
        Share of the candidates that are random, 0 to 1; random ones also stand in for mutants that are not new.
    acquisition : {"ei", "ucb", "its", "pi", "log_ei"}
        See `strategies.parts.acquisition`; "ucb" is ``mean - 0.5 std``.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"log", "identity"}
        See `strategies.parts.targets`.
    incumbent : {"predicted", "told"}
        The result of the best mean, or the best result.
    identity : {"functional", "string", "exact"}
        When two architectures are the same, so that the second is no candidate (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Ru, Wan, Dong & Osborne, ICLR", 2021
    acquisitions = ("ei", "ucb", "its", "pi", "log_ei")
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "wl_gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 5,
        candidates: int = 200,
        parents: int = 10,
        edits: float = 1.2,
        random: float = 0.0,
        acquisition: str = "ei",
        batch_rule: str = "top",
        target: str = "log",
        incumbent: str = "predicted",
        identity: str = "functional",
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
            incumbent=incumbent,
        )
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)
        self.edits = real("edits", edits, low=0.0, high=MOST_EDITS, open_low=True)
        self.mutants = round(self.candidates * (1.0 - real("random", random, low=0.0, high=1.0)))

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return new mutants of the best, and random new architectures."""
        space, parents = self.problem.space, told[ranked[: self.parents]]
        mutants, keys = mutate_evenly(space, parents, self.mutants, self._taken, self.keys, self.rng, edits=self.edits)
        fill, more = sample_new(space, self.candidates - len(mutants), self._taken.union(keys), self.keys, self.rng)
        return np.concatenate([mutants, fill]), keys + more
