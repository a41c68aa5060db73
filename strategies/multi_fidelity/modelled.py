"""The base of model-based asynchronous successive halving: a learner chooses what starts on the lowest rung."""

from __future__ import annotations

from bisect import insort
from collections.abc import Generator, Hashable, Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from harness.checks import MOST, Archs, FloatArray, choice, integer
from harness.problem import Problem
from harness.records import Evaluations
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.base import Place, Sampling
from strategies.parts import acquisition as acquisitions
from strategies.parts import targets as transforms
from strategies.parts.candidates import no_archs, random_and_neighbours
from strategies.parts.ranking import FAILED, Score, known_violation

FEWEST_TO_FIT = 2
"""Results without which there is no model of a column."""


class Pending(NamedTuple):
    """A training that runs.

    Attributes
    ----------
    arch : (L,) integers
    level : int
        Of the ladder.
    """

    arch: Archs
    level: int


class _Told:
    """What was told at a rung and did not fail."""

    def __init__(self) -> None:
        self.ranked: list[tuple[Score, int]] = []  # and tags, the best first
        self._archs: list[Archs] = []
        self._objectives: list[float] = []
        self._columns: tuple[Archs, FloatArray] | None = None

    def add(self, tag: int, arch: Archs, score: Score) -> None:
        insort(self.ranked, (score, tag))
        self._archs.append(arch)
        self._objectives.append(score[1])
        self._columns = None

    def columns(self) -> tuple[Archs, FloatArray]:
        """Return architectures, (n, L), and objectives, (n,), in the order told."""
        if self._columns is None:
            archs = np.array(self._archs) if self._archs else np.zeros((0, 0), dtype=np.uint8)
            self._columns = archs, np.array(self._objectives, dtype=np.float64)
        return self._columns


class Appraisal(NamedTuple):
    """What a model says at the highest fidelity.

    Attributes
    ----------
    candidates : Prediction
        Of the pool.
    incumbents : Prediction
        Of the best architectures of each rung: an improvement is one on the best of their means.
    """

    candidates: Prediction
    incumbents: Prediction


Appraising = Generator[Fit | Predict, Any, Appraisal]


class ModelledASHA(ASHA):
    """Base of asynchronous successive halving whose new configurations have the largest expected improvement.

    Until `initial` results are told, new configurations are random.  From then on each is the one of a pool -
    `candidates` random architectures and all neighbours of the `parents` best, of the highest rungs - of which the
    model expects the largest improvement at the highest fidelity.  An improvement is measured from the best mean that
    the model predicts there for the best architectures of each rung, since few were told there, or none.

    A column of constraints that the space knows in closed form filters the pool; of others the same learner predicts
    the value, and the improvement is weighted by the probability that it is small enough, as in
    `strategies.parts.model_based`.  Failed trainings are in no model.  No architecture is begun twice.

    Subclasses define `appraise`.

    Parameters
    ----------
    surrogate : Surrogate
    initial : int
        At least 2.
    candidates, parents : int
    target : str
        One of `strategies.parts.targets.NAMES`.
    **asha
        As of `strategies.multi_fidelity.asha.ASHA`.
    """

    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int,
        candidates: int,
        parents: int,
        target: str,
        **asha: Any,
    ) -> None:
        super().__init__(problem, rng, **asha)
        self.surrogate = acquisitions.suited(surrogate, problem.space, "ei")
        self.initial = integer("initial", initial, low=FEWEST_TO_FIT, high=MOST)
        self.candidates = integer("candidates", candidates, low=1, high=MOST)
        self.parents = integer("parents", parents, low=0, high=MOST)
        self.target = choice("target", target, transforms.NAMES)
        self.resources = resources(problem, self.ladder)
        self._told = [_Told() for _ in self.ladder]
        self._results = 0
        self._violations: dict[int, FloatArray] = {}  # by tag, where the problem has constraints

    def appraise(self, pool: Archs, incumbents: Archs, pending: Sequence[Pending]) -> Appraising:
        """Fit and predict; return what the model says of a pool and of incumbents at the highest fidelity.

        Parameters
        ----------
        pool, incumbents : (q, L), (p, L) integers
        pending : sequence of Pending
            Trainings that run, and what was chosen with them.
        """
        raise NotImplementedError(f"{type(self).__name__} must define appraise")

    def sample(self, places: Sequence[Place]) -> Sampling:
        """Return an architecture for each place, one after the other: each knows of those before it."""
        chosen: list[Archs] = []
        pending = [
            Pending(trial.arch, self._level(trial.running)) for trial in self.trials if trial.running is not None
        ]
        for place in places:
            if self._results < self.initial or max(map(self.told_at, range(len(self.ladder)))) < FEWEST_TO_FIT:
                arch = self.random(1)
            else:
                arch = yield from self._choose(pending)
            if not len(arch):
                break
            chosen.append(arch)
            pending.append(Pending(arch[0], self._level(place.fidelity)))
        return np.concatenate([no_archs(self.problem.space), *chosen])

    def _level(self, fidelity: int) -> int:
        return self.ladder.index(fidelity)

    def _choose(self, pending: Sequence[Pending]) -> Sampling:
        """Return the candidate of the largest expected improvement, (1, L); none where none is left."""
        ranked = self._ranked()
        archs, keys = self._pool(np.array([self.trials[tag].arch for tag in ranked[: self.parents]]))
        if not len(archs):
            return self.random(1)
        incumbents = np.array([self.trials[tag].arch for tag in ranked])
        said = yield from self.appraise(archs, incumbents, pending)
        best = float(said.incumbents.mean.min())
        values = acquisitions.values("ei", said.candidates, best=best, rng=self.rng)
        if self.problem.constraints:
            feasible = yield from self._feasible(archs)
            if feasible is not None:
                least = min(self.trials[tag].score(self._reached(tag))[0] for tag in ranked)
                values = -feasible if least > 0 else acquisitions.weighted("ei", values, feasible)
        row = int(np.argmin(values))
        self.taken.add(keys[row])
        return archs[row : row + 1]

    def _pool(self, parents: Archs) -> tuple[Archs, list[Hashable]]:
        """Return candidates and their keys: those that keep what is known in closed form, if there are any."""
        space = self.problem.space
        parents = parents.reshape(-1, space.genes)
        archs, keys = random_and_neighbours(space, parents, self.candidates, self.taken, self.keys, self.rng)
        if not self.problem.constraints or not len(archs):
            return archs, keys
        broken = np.maximum(known_violation(self.problem, archs), 0.0)
        kept = np.flatnonzero(broken <= broken.min())
        return archs[kept], [keys[row] for row in kept.tolist()]

    def _ranked(self) -> list[int]:
        """Return tags of the best of each rung, those of the highest rung first, each once."""
        tags = [tag for told in reversed(self._told) for _, tag in told.ranked[: max(self.parents, 1)]]
        return list(dict.fromkeys(tags))

    def _reached(self, tag: int) -> int:
        """Return the highest fidelity at which a trial was told and did not fail."""
        results = self.trials[tag].results
        return max(fidelity for fidelity, result in results.items() if result.score is not FAILED)

    def _feasible(self, pool: Archs) -> Generator[Fit | Predict, Any, FloatArray | None]:
        """Return the probability that each candidate keeps the constraints that are learnt, None if none is."""
        known = self.problem.space.costs(no_archs(self.problem.space))
        learnt = [column for column, item in enumerate(self.problem.constraints) if item.name not in known]
        archs = np.array([self.trials[tag].arch for tag in self._violations])
        violations = np.array(list(self._violations.values()))
        feasible: FloatArray | None = None
        for column in learnt:
            told = np.isfinite(violations[:, column])
            if told.sum() >= FEWEST_TO_FIT:
                model: Surrogate = yield Fit(self.surrogate, archs[told], violations[told, column], self.child())
                below = acquisitions.probability_below_zero((yield Predict(model, pool)))
                feasible = below if feasible is None else feasible * below
        return feasible

    def tell(self, evaluations: Evaluations) -> None:
        """Take results, and remember what was told of constraints."""
        super().tell(evaluations)
        for row, tag in enumerate(evaluations.tag.tolist()):
            fidelity = int(evaluations.fidelity[row])
            self._results += 1
            score = self.trials[tag].score(fidelity)
            if score is not FAILED:
                self._told[self._level(fidelity)].add(tag, self.trials[tag].arch, score)
            if self.problem.constraints:
                self._violations[tag] = np.array(evaluations.constraints[row])

    def told_at(self, level: int) -> int:
        """Return how many results a rung has that did not fail."""
        return len(self._told[level].ranked)

    def level_data(self, level: int) -> tuple[Archs, FloatArray]:
        """Return what was told at a rung and did not fail: (n, L) and the objectives, (n,), in the order told."""
        archs, objectives = self._told[level].columns()
        return archs.reshape(-1, self.problem.space.genes).astype(self.problem.space.dtype, copy=False), objectives

    def child(self) -> np.random.Generator:
        """Return a generator of its own for a learner: what it draws cannot move what the strategy draws."""
        return np.random.default_rng(int(self.rng.integers(1 << 63)))


def resources(problem: Problem, ladder: Sequence[int]) -> FloatArray:
    """Return how much training each rung is, (K + 1,): epochs times the shares of what is smaller, ascending.

    Where that does not ascend (schedules of other lengths), the place on the ladder, counted from 1.
    """
    items = [problem.fidelities[rung] for rung in ladder]
    found = np.array([item.epoch * prod(share for _, share in item.scale) for item in items], dtype=np.float64)
    return found if (np.diff(found) > 0).all() else np.arange(1.0, len(items) + 1.0)
