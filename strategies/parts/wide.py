"""The base of model-based strategies that compare the whole of a space, or a wide sample of it, at every step."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from harness.checks import MOST, Archs, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.parts.candidates import MOST_EDITS, everything, random_and_mutants
from strategies.parts.model_based import ModelBased


class WidePool(ModelBased):
    """Base of strategies whose candidates are everything new in a small space, and a wide sample of a large one.

    A space with at most `candidates` codings is scanned whole.  Of a larger one, the pool is half mutants of the best,
    half random architectures.  It comes in random order, so that chance decides between equal values.

    Parameters
    ----------
    candidates : int
        Codings up to which a space is scanned whole, and else the size of the pool; at least `batch`.
    parents : int
        Architectures mutated in a space that is not scanned, the best ones.
    edits : float
        Mean number of edits of a mutant, greater than 0, at most 1000.
    surrogate, initial, batch, acquisition, batch_rule, target, identity, constraints
        See `ModelBased`.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 20,
        batch: int = 10,
        candidates: int = 20_000,
        parents: int = 10,
        edits: float = 1.5,
        acquisition: str = "ei",
        batch_rule: str = "top",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "learnt",
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
            constraints=constraints,
        )
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)
        self.edits = real("edits", edits, low=0.0, high=MOST_EDITS, open_low=True)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return everything new, or mutants of the best and random architectures, in random order."""
        space, n, parents = self.problem.space, self.candidates, told[ranked[: self.parents]]
        archs, keys = everything(space, n, self._taken, self.keys) or random_and_mutants(
            space, parents, n, self._taken, self.keys, self.rng, edits=self.edits
        )
        order = self.rng.permutation(len(archs))
        return archs[order], [keys[row] for row in order.tolist()]
