"""The base of strategies that choose with a model: initial design, then fit, candidates, acquisition, batch."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Generator, Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, choice, integer
from harness.errors import HarnessError, must
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.space import IDENTITIES
from harness.strategy import Plan, Strategy, Takes
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.parts import acquisition as acquisitions
from strategies.parts import batches
from strategies.parts import targets as transforms
from strategies.parts.acquisition import BETA
from strategies.parts.candidates import no_archs, sample_new
from strategies.parts.ranking import FAILED, Score, known_violation, scores

Learning = Generator[Fit | Predict, Any, FloatArray]
"""Values of architectures, (q,), lower is better, for which requests have to be answered first."""
Models = Generator[Fit | Predict, Any, Surrogate]
"""A fitted model, for which requests have to be answered first."""
Valued = tuple[Archs, list[Hashable], FloatArray]
"""Candidates, (q, L), their keys, and their values, (q,), lower is better."""
FEWEST_TO_FIT = 2
"""Results without which there is no model; batches are random until then."""


class ModelBased(Strategy):
    """Base of strategies that learn a model of the objective and evaluate what an acquisition function prefers.

    After an initial design each plan makes a pool of candidates (`pool`), fits the learner to all that was told and did
    not fail, and chooses `batch` candidates by the acquisition and the batch rule.  Subclasses write `pool`, and
    `search` where candidates follow from the model, `lessons` where it learns something else.

    **Constraints.**  The incumbent is the best by `strategies.parts.ranking`.  With ``constraints = "learnt"`` a column
    that the space knows in closed form (`SearchSpace.costs`) filters the pool: only what satisfies it stays, or what
    breaks it least; of every other column the same learner predicts the value, and the acquisition is weighted by the
    probability that it is small enough (`acquisition.weighted`); while nothing feasible was told, by that probability
    alone.  With ``"filtered"`` nothing is learnt of the others, and with ``"ranked"`` constraints only decide which
    results are the best.

    **Failed trainings** are in no model and never the incumbent.

    **Parallel workers.**  The first model waits for the whole initial design.  Each later one is fitted to what was
    told when the batch before it had been handed out; what runs is never proposed again, and the batch rules other than
    ``top`` also take it into account (`strategies.parts.batches`).

    **Duplicates** are refused, by `identity`; the search is finished when nothing new is left.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    acquisition : str
        One of `strategies.parts.acquisition.NAMES`; ``log_ei`` with the target ``log`` alone, and where not all
        objectives have logarithms it is ``ei``.
    batch_rule : str
        One of `strategies.parts.batches.NAMES`.
    target : str
        One of `strategies.parts.targets.NAMES`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"learnt", "filtered", "ranked"}
    incumbent : {"told", "predicted"}
        What an improvement is measured from: the best result, or the result of which the model's mean is the best; in
        both cases among those that break constraints least.
    """

    takes = Takes(objectives=1)
    acquisitions: ClassVar[tuple[str, ...]] = acquisitions.NAMES
    """Acquisition functions that the strategy can use."""
    beta: ClassVar[float] = BETA
    """Weight of the standard deviation in the acquisition "ucb"."""

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int,
        batch: int,
        acquisition: str,
        batch_rule: str = "top",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "learnt",
        incumbent: str = "told",
    ) -> None:
        super().__init__(problem, rng)
        self.initial = integer("initial", initial, low=FEWEST_TO_FIT, high=MOST)
        self.batch = integer("batch", batch, low=1, high=MOST)
        self.acquisition = choice("acquisition", acquisition, self.acquisitions)
        self.surrogate = acquisitions.suited(surrogate, problem.space, self.acquisition)
        self.batch_rule = choice("batch_rule", batch_rule, batches.NAMES)
        self.target = choice("target", target, transforms.NAMES)
        self.identity = choice("identity", identity, IDENTITIES)
        self.constraints = choice("constraints", constraints, ("learnt", "filtered", "ranked"))
        self.incumbent = choice("incumbent", incumbent, ("told", "predicted"))
        if acquisition == "log_ei" and target != "log":
            raise HarnessError(must("acquisition", 'be another than "log_ei" unless `target` is "log"', acquisition))
        if batch_rule == "penalised" and acquisition not in acquisitions.GAINS:
            rule = f"be one of {', '.join(acquisitions.GAINS)} where `batch_rule` is penalised"
            raise HarnessError(must("acquisition", rule, acquisition))
        self._taken: set[Hashable] = set()  # keys proposed in this run
        self._running: dict[bytes, Archs] = {}  # proposed and not told, by their bytes
        self._initial_size: int | None = None  # smaller than `initial` in a tiny space
        self._told: list[Archs] = []
        self._violations: list[FloatArray] = []
        self._scores: list[Score] = []
        self._ranked: list[tuple[Score, int]] = []  # and rows, of what did not fail, the best first
        self._model: Surrogate = surrogate

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return candidates, (q, L), distinct and not in `self._taken`, with their keys.

        Random new architectures are added where there are fewer than a batch.

        Parameters
        ----------
        told : (n, L) integers
            All architectures told, failed ones too.
        ranked : list of int
            Rows of those that did not fail, the best first; at least `FEWEST_TO_FIT`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define pool")

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return valued candidates, given the pool and the acquisition; the default is the pool.

        Parameters
        ----------
        archs : (q, L) integers
        keys : list of q keys
        value : callable
            ``values = yield from value(archs)``: lower is better, (q,).
        """
        values = yield from value(archs)
        return archs, keys, values

    def plan(self, n: int) -> Plan:
        """Return the initial design, then one batch for each model; none while the initial design runs."""
        if self._initial_size is None:
            design = self.design()
            self._initial_size = len(design)
            return self._proposed(design)
        if len(self._scores) < self._initial_size:
            return self.proposals(no_archs(self.problem.space))
        if len(self._ranked) < FEWEST_TO_FIT:
            return self._proposed(self.random(self.batch))
        ranked = self.ranking()
        told = np.concatenate(self._told)
        self._told = [told]
        archs, keys = self._filtered(*self._filled(*self.pool(told, ranked)))
        if len(archs) <= self.batch:
            self._taken.update(keys)
            return self._proposed(archs)
        chosen = yield from self._batch(told, ranked, archs, keys)
        return self._proposed(chosen)

    def design(self) -> Archs:
        """Return the initial design, (n, L), and take its keys; the default draws at random."""
        return self.random(self.initial)

    def random(self, n: int) -> Archs:
        """Return `n` random architectures that are new, fewer where the space runs out, and take their keys."""
        archs, keys = sample_new(self.problem.space, n, self._taken, self.keys, self.rng)
        self._taken.update(keys)
        return archs

    def scored(self, evaluations: Evaluations) -> list[Score]:
        """Return the score of each row told; the default is that of a single objective."""
        return scores(evaluations)

    def ranking(self) -> list[int]:
        """Return the rows told that did not fail, the best first; called once for each model, before `pool`."""
        return [row for _, row in self._ranked]

    def lessons(self, ranked: list[int]) -> tuple[IntArray, FloatArray]:
        """Return the rows told that the model is fitted to, ascending, (n,), and their targets, (n,) or (n, m).

        The default takes the objectives of all that did not fail, transformed by `target`.

        Parameters
        ----------
        ranked : list of int
            Rows that did not fail, the best first; the first must be among those returned.
        """
        rows = np.sort(ranked)
        return rows, transforms.transformed(self.target, np.array([self._scores[row][1] for row in rows]))

    def keys(self, archs: Archs) -> list[Hashable]:
        """Return what tells architectures apart, n keys."""
        keys: list[Hashable] = self.problem.space.key(archs, self.identity).tolist()
        return keys

    def _proposed(self, archs: Archs) -> Proposals:
        self._running |= {row.tobytes(): row for row in np.asarray(archs, dtype=self.problem.space.dtype)}
        return self.proposals(archs)

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results."""
        super().tell(evaluations)
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        for row in archs:
            self._running.pop(row.tobytes(), None)
        self._told.append(archs)
        self._violations.append(evaluations.constraints)
        for score in self.scored(evaluations):
            if score is not FAILED:
                insort(self._ranked, (score, len(self._scores)))
            self._scores.append(score)

    def _learnt(self) -> list[int]:
        """Return the columns of constraints that a model learns."""
        if self.constraints != "learnt" or not self.problem.constraints:
            return []
        known = self.problem.space.costs(no_archs(self.problem.space))
        return [column for column, item in enumerate(self.problem.constraints) if item.name not in known]

    def _filled(self, archs: Archs, keys: list[Hashable]) -> tuple[Archs, list[Hashable]]:
        """Return at least a batch of candidates, if the space has so many: random new ones fill it."""
        if len(archs) >= self.batch:
            return archs, keys
        taken = self._taken.union(keys)
        fill, fill_keys = sample_new(self.problem.space, self.batch - len(archs), taken, self.keys, self.rng)
        return np.concatenate([archs, fill]), keys + fill_keys

    def _filtered(self, archs: Archs, keys: list[Hashable]) -> tuple[Archs, list[Hashable]]:
        """Return the candidates that satisfy what is known in closed form, or a batch of those that break it least."""
        if not self.problem.constraints:
            return archs, keys
        broken = self._broken(archs)
        kept: BoolArray = broken <= 0.0
        if not kept.any():
            kept = broken <= np.sort(broken)[: self.batch + 1].max(initial=0.0)
        return archs[kept], [key for key, keep in zip(keys, kept.tolist(), strict=True) if keep]

    def _broken(self, archs: Archs) -> FloatArray:
        """Return by how much constraints that filter candidates are broken, (q,)."""
        return np.zeros(len(archs)) if self.constraints == "ranked" else known_violation(self.problem, archs)

    def _batch(
        self, told: Archs, ranked: list[int], archs: Archs, keys: list[Hashable]
    ) -> Generator[Fit | Predict, Any, Archs]:
        """Choose a batch among candidates, and take the keys of what is chosen."""
        rule, space = self.batch_rule, self.problem.space
        running = np.array([*self._running.values()], dtype=space.dtype).reshape(-1, space.genes)
        rows, targets = self.lessons(ranked)
        believed, lies = running, np.empty((0, *targets.shape[1:]))
        at_once = self.batch if rule == "top" else 1
        chosen: list[Archs] = []
        while len(chosen) < self.batch and len(archs):
            if rule in batches.LIES and len(believed) > len(lies):
                new = believed[len(lies) :]
                predicted = np.zeros((len(new), *targets.shape[1:]))
                if rule == "believer":
                    predicted = yield from self.believe(told[rows], targets, believed[: len(lies)], lies, new)
                lies = np.concatenate([lies, batches.lie(rule, targets, predicted)])
            value = yield from self._model_of(told, rows, targets, ranked[0], believed[: len(lies)], lies)
            archs_now, keys_now, values = yield from self.search(archs, keys, value)
            if rule == "penalised":
                values = values * batches.penalties(archs_now, believed)
            best = np.argsort(values, kind="stable")[:at_once].tolist()
            chosen += [archs_now[row] for row in best]
            self._taken.update(keys_now[row] for row in best)
            if len(chosen) < self.batch:
                believed = np.concatenate([running, np.array(chosen, dtype=space.dtype)])
                gone = {keys_now[row] for row in best}
                left = [row for row, key in enumerate(keys) if key not in gone]
                archs, keys = archs[left], [keys[row] for row in left]
        return np.array(chosen, dtype=space.dtype).reshape(-1, space.genes)

    def _model_of(
        self, told: Archs, rows: Any, targets: FloatArray, incumbent: int, believed: Archs, lies: FloatArray
    ) -> Generator[Fit | Predict, Any, Callable[[Archs], Learning]]:
        """Fit the models; return what values architectures by them."""
        judge = yield from self.judge(told, rows, targets, incumbent, believed, lies)
        limits = []
        learnt = self._learnt()
        violations = np.concatenate(self._violations) if learnt else np.empty((0, 0))
        for column in learnt:
            known = np.isfinite(violations[:, column])
            if known.sum() >= FEWEST_TO_FIT:
                limit = yield Fit(self.surrogate, told[known], violations[known, column], self._child())
                limits.append(limit)
        violation = self._scores[incumbent][0]

        def value(archs: Archs) -> Learning:
            values = yield from judge(archs)
            feasible = np.ones(len(archs))
            for limit in limits:
                held: Prediction = yield Predict(limit, archs)
                feasible *= acquisitions.probability_below_zero(held)
            if limits and violation > 0:
                return -feasible
            return acquisitions.weighted(self.acquisition, values, feasible) if limits else values

        return value

    def judge(
        self, told: Archs, rows: IntArray, targets: FloatArray, incumbent: int, believed: Archs, lies: FloatArray
    ) -> Generator[Fit | Predict, Any, Callable[[Archs], Learning]]:
        """Fit what is learnt of the objectives; return what values architectures by it, constraints left out.

        The default fits one model and applies the acquisition.

        Parameters
        ----------
        told : (n, L) integers
            All architectures told.
        rows, targets
            From `lessons`.
        incumbent : int
            Row of the best told, one of `rows`.
        believed, lies : (b, L) integers, (b,) or (b, m) float64
            What runs or is chosen, and what is believed of it; to be learnt too.
        """
        model = yield from self.learn(told[rows], targets, believed, lies)
        best = float(targets[np.searchsorted(rows, incumbent)])
        if self.incumbent == "predicted":
            least = self._least_broken(rows, incumbent)
            said: Prediction = yield Predict(model, told[rows[least]])
            best = float(targets[least][said.mean.argmin()])
        acquisition = self.acquisition
        if acquisition == "log_ei" and not all(score[1] > 0 for score, _ in self._ranked):
            acquisition = "ei"  # the targets are no logarithms, see `transformed`

        def value(archs: Archs) -> Learning:
            prediction: Prediction = yield Predict(model, archs)
            return acquisitions.values(acquisition, prediction, best=best, rng=self.rng, beta=self.beta)

        return value

    def believe(
        self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray, new: Archs
    ) -> Generator[Fit | Predict, Any, FloatArray]:
        """Return what a model of the targets and of what is believed predicts of others, (b,) or (b, m)."""
        model = yield from self.learn(archs, targets, believed, lies)
        predicted: FloatArray = (yield Predict(model, new)).mean
        return predicted

    def _least_broken(self, rows: IntArray, incumbent: int) -> list[int]:
        """Return the places in `rows` of those that break constraints as little as the incumbent."""
        violation = self._scores[incumbent][0]
        return [place for place, row in enumerate(rows) if self._scores[row][0] == violation]

    def learn(self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray) -> Models:
        """Return a model of the targets; the default fits the learner.

        Parameters
        ----------
        archs : (n, L) integers
        targets : (n,) float64
            See `lessons`.
        believed : (k, L) integers
            What runs or was chosen, and is believed to have the results `lies`, (k,).
        """
        model: Surrogate = yield self._fit(archs, targets, believed, lies)
        self._kept(model)
        return model

    def _kept(self, model: Surrogate) -> None:
        """Let the next fit start from a model, where the learner continues."""
        if self.surrogate.continues:
            self._model = model

    def _fit(self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray) -> Fit:
        if len(lies):
            archs, targets = np.concatenate([archs, believed]), np.concatenate([targets, lies])
        return Fit(self._model, archs, targets, self._child())

    def _child(self) -> np.random.Generator:
        """Return a generator of its own for a learner: what it draws cannot move what the strategy draws."""
        return np.random.default_rng(int(self.rng.integers(1 << 63)))
