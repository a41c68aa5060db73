"""BANANAS: Bayesian optimisation with an ensemble of neural networks."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, choice, integer, real
from harness.errors import HarnessError, must
from harness.problem import Problem
from harness.records import Evaluations
from harness.space import IDENTITIES
from harness.strategy import Plan, Strategy
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts import acquisition as acquisitions
from strategies.parts.candidates import mutate_best, no_archs, sample_new
from strategies.parts.ranking import FAILED, Score, require_single_objective, scores

_FEWEST_TO_FIT = 2


class Bananas(Strategy):
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
    whose objective counts as the best; the model does not learn them.  With parallel workers, the first model waits for
    the whole initial design; each later one is fitted to what has been told when the batch before it has been handed
    out, and never proposes what is running.  The search is finished when nothing new is left.

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
        Mean number of edits of a mutant, greater than 0.
    acquisition : {"its", "ucb", "ei", "pi", "ts"}
        See `strategies.parts.acquisition`; "ucb" is ``mean - 0.5 std``.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).  Exact, as in the
        authors' code for NAS-Bench-201, where equal functions were trained separately and have results of their own.
    """

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
    ) -> None:
        super().__init__(problem, rng)
        require_single_objective("Bananas", problem)
        if not isinstance(surrogate, Surrogate) or surrogate.space.name != problem.space.name:
            raise HarnessError(
                must("surrogate", f"be a Surrogate built on the space '{problem.space.name}'", surrogate)
            )
        self.surrogate = surrogate
        self.initial = integer("initial", initial, low=_FEWEST_TO_FIT, high=MOST)
        self.batch = integer("batch", batch, low=1, high=MOST)
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)
        self.edits = real("edits", edits, low=0.0, open_low=True)
        self.acquisition = choice("acquisition", acquisition, acquisitions.NAMES)
        self.identity = choice("identity", identity, IDENTITIES)
        self._taken: set[Hashable] = set()  # proposed in this run
        self._initial_size: int | None = None  # smaller than `initial` in a tiny space
        self._archs: list[Archs] = []
        self._scores: list[Score] = []

    def plan(self, n: int) -> Plan:
        """Return the initial design, then one batch for each model; none while the initial design runs."""
        if self._initial_size is None:
            design = self._random(self.initial)
            self._initial_size = len(design)
            return self.proposals(design)
        if len(self._scores) < self._initial_size:
            return self.proposals(no_archs(self.problem.space))
        ranked = self._ranked()
        if len(ranked) < _FEWEST_TO_FIT:
            return self.proposals(self._random(self.batch))
        archs = np.concatenate(self._archs)
        pool, keys = self._pool(archs[ranked[: self.parents]])
        if len(pool) <= self.batch:
            self._taken.update(keys)
            return self.proposals(pool)
        trained = np.sort(ranked)
        targets = np.array([self._scores[row][1] for row in trained])
        # A generator of its own: what the learner draws cannot move what the strategy draws.
        child = np.random.default_rng(int(self.rng.integers(1 << 63)))
        model = yield Fit(self.surrogate, archs[trained], targets, child)
        prediction = yield Predict(model, pool)
        best = self._scores[ranked[0]][1]
        chosen = acquisitions.select(self.acquisition, prediction, self.batch, best=best, rng=self.rng)
        self._taken.update(keys[row] for row in chosen)
        return self.proposals(pool[chosen])

    def _ranked(self) -> list[int]:
        """Return the rows told that did not fail, the best first."""
        usable = [row for row, score in enumerate(self._scores) if score is not FAILED]
        return sorted(usable, key=self._scores.__getitem__)

    def _pool(self, parents: Archs) -> tuple[Archs, list[Hashable]]:
        """Return new candidates: mutants of the parents, topped up to a batch with random architectures."""
        space = self.problem.space
        pool, keys = mutate_best(space, parents, self.candidates, self._taken, self._keys, self.rng, edits=self.edits)
        if len(pool) >= self.batch:
            return pool, keys
        taken = self._taken.union(keys)
        fill, fill_keys = sample_new(space, self.batch - len(pool), taken, self._keys, self.rng)
        return np.concatenate([pool, fill]), keys + fill_keys

    def _random(self, n: int) -> Archs:
        archs, keys = sample_new(self.problem.space, n, self._taken, self._keys, self.rng)
        self._taken.update(keys)
        return archs

    def _keys(self, archs: Archs) -> list[Hashable]:
        keys: list[Hashable] = self.problem.space.key(archs, self.identity).tolist()
        return keys

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results."""
        self._archs.append(evaluations.archs)
        self._scores.extend(scores(evaluations))
