"""NASBOT: Bayesian optimisation with a distance between networks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts.candidates import distinct, mutate_times
from strategies.parts.model_based import Learning, ModelBased, Valued

EDITS = (0.5, 0.25, 0.125, 0.075, 0.05)
"""Probabilities that a mutant is one to five edits from its parent."""
_SCALE = 2.0


class Nasbot(ModelBased):
    """Fit a Gaussian process on distances between networks; search its expected improvement by mutation.

    Kandasamy, Neiswanger, Schneider, Poczos & Xing, "Neural architecture search with Bayesian optimisation and optimal
    transport", NeurIPS 2018, section 4, with the settings of the authors' code: 20 initial networks, expected
    improvement, hyperparameters fitted again after seven results, one decision at a time, what runs believed to be what
    the model predicts.  The acquisition is maximised by evolution: generations of 50 mutants, each one to five edits
    (`EDITS`) from a parent that is drawn with a probability proportional to ``exp((a - mean) / (2 std))`` of the
    acquisition a of all candidates so far, until ``25 sqrt(n)`` candidates, between 50 and 500, are valued; n is the
    number of results.

    Departs from the paper: the learner's default distance is the simplified one of White, Neiswanger & Savani
    (naszilla), the kernel ``nasbot`` of the learner ``gp``; the paper's transport of layers is its kernel ``otmann``,
    which takes hundreds of times as long; edits are `SearchSpace.mutate`; the initial networks are random, not a
    hand-made pool; the parents of the first generation are drawn by the rank of their results (violations first), in
    place of the acquisition.

    Constraints, failed trainings, parallel workers and duplicates are treated as in `ModelBased`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    brood : int
        Mutants of a generation, at least `batch`.
    acquisition : {"ei", "ucb", "its", "pi", "log_ei"}
        See `strategies.parts.acquisition`; "ucb" is that of naszilla, ``mean - 0.5 std``.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"identity", "log", "normal_scores"}
        See `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Kandasamy et al., NeurIPS", 2018
    acquisitions = ("ei", "ucb", "its", "pi", "log_ei")
    default_surrogate: ClassVar[dict[str, Any] | None] = {
        "name": "gp",
        "encoding": "one_hot",
        "kernel": "nasbot",
        "refit": 7,
    }

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 20,
        batch: int = 1,
        brood: int = 50,
        acquisition: str = "ei",
        batch_rule: str = "believer",
        target: str = "identity",
        identity: str = "exact",
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
        )
        self.brood = integer("brood", brood, low=self.batch, high=MOST)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return the first generation: mutants of what was told, of the better ones more."""
        return distinct(self._mutants(told[ranked], np.arange(float(len(ranked)))), self._taken, self.keys)

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the candidates of all generations."""
        values = yield from value(archs)
        most = np.clip(25 * np.sqrt(len(self._scores)), 50, 500)
        for _ in range(int(np.ceil(most / self.brood)) - 1):
            mutants = self._mutants(archs, values)
            new, new_keys = self._filtered(*distinct(mutants, self._taken.union(keys), self.keys))
            if len(new):
                found = yield from value(new)
                archs, keys, values = np.concatenate([archs, new]), keys + new_keys, np.concatenate([values, found])
        return archs, keys, values

    def _mutants(self, archs: Archs, values: FloatArray) -> Archs:
        """Return a brood of mutants; the lower the value of a parent, the more of them are its children."""
        odds = np.exp((values.mean() - values) / (_SCALE * (values.std() or 1.0)))
        parents = self.rng.choice(len(archs), size=self.brood, p=odds / odds.sum())
        edits = 1 + self.rng.choice(len(EDITS), size=self.brood, p=EDITS)
        return mutate_times(self.problem.space, archs[parents], edits, self.rng)
