"""Scalarised search: any strategy of one objective on several, made one by a reward or by weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, FloatArray, boolean, choice, integer, real
from harness.errors import HarnessError, UnfitError, must
from harness.problem import Objective, Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Plan, Strategy, Takes
from strategies.parts.candidates import exact_keys, no_archs, sample_new
from strategies.parts.fronts import bounds, normalise
from strategies.parts.rewards import REWARDS
from strategies.parts.scalarisation import AUGMENTATION, linear, simplex, tchebycheff

WEIGHTED = ("tchebycheff", "linear")
_OWN = -1  # in place of the number of a search: random architectures that show the range of the objectives

Scalar = Callable[[FloatArray], FloatArray]
"""(n, m) objectives, to be minimised, to (n,) values to be minimised."""


class Scalarised(Strategy):
    """Run a strategy of one objective on a reward; several of them side by side, for one point of the front each.

    With `reward` "tchebycheff" or "linear" each of `searches` has weights of its own, drawn uniformly from those that
    add up to 1 (random scalarisations: Paria, Kandasamy & Póczos, "A flexible framework for multi-objective Bayesian
    optimization using random scalarizations", UAI 2019; the Tchebycheff function is ParEGO's, augmented).  Objectives
    are in units of the range among the first `initial` architectures, random ones, of which no search is told.

    With "mnasnet" (Tan et al., CVPR 2019), "monas" (Hsu et al., 2018) or "tunas" (Bender et al., CVPR 2020), see
    `strategies.parts.rewards`, the first objective is the quality, as a share of the best that there can be, and the
    others are costs in units of their `target`.  Targets that are multiplied by the numbers in `scales` trace a front,
    one search for each; that a constraint of the spec is met is not asked for by a reward.

    Each search has its own inner strategy, and they take turns; a result goes to the one that asked for it.  Problems
    of the inner strategies differ from this one in their objective alone.  What the inner strategy does not take
    (workers, constraints, budgets) is refused by it.  Two searches may propose the same architecture.

    Parameters
    ----------
    inner : callable
        In a spec the name of a strategy, or a table with it, its hyperparameters and its `surrogate`; makes one of a
        problem with one objective.
    reward : {"tchebycheff", "linear", "mnasnet", "monas", "tunas"}
    searches : int, optional
        Searches side by side, each with weights of its own ("tchebycheff", "linear"), at least 1; 5 if not given.
    initial : int
        Random architectures for the range of the objectives, at least 2.
    target : list of float, optional
        One for each cost, in the unit of its column; needed by the other rewards.
    scales : list of float
        By which the targets are multiplied, one search for each, greater than 0.
    weight : float, optional
        The exponent of "mnasnet" (-0.07 if not given) and the weight of the costs in "tunas" (-0.07), both at most 0,
        or the share of the quality in "monas" (0.5).
    hard : bool
        Whether only what is beyond the target counts ("mnasnet", "monas").
    """

    family, paper, year = "several objectives", "Paria et al., UAI; Tan et al., CVPR; Bender et al., CVPR", 2019
    takes = Takes(fewest_objectives=2, forbidden_duplicates=False)
    default_inner: ClassVar[dict[str, Any] | None] = {"name": "genetic_algorithm", "population": 10, "offspring": 10}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        inner: Callable[[Problem, np.random.Generator], Strategy],
        reward: str = "tchebycheff",
        searches: int | None = None,
        initial: int = 20,
        target: Sequence[float] | None = None,
        scales: Sequence[float] = (1.0,),
        weight: float | None = None,
        hard: bool = False,
    ) -> None:
        super().__init__(problem, rng)
        self.reward = choice("reward", reward, (*WEIGHTED, *REWARDS))
        boolean("hard", hard)
        if self.reward in WEIGHTED:
            for name, value in {"target": target, "weight": weight, "hard": hard or None}.items():
                if value is not None:
                    raise HarnessError(must(name, f'be left out with `reward = "{reward}"`', value))
            count = integer("searches", 5 if searches is None else searches, low=1, high=MOST)
            self.initial = integer("initial", initial, low=2, high=MOST)
            self._scalars = [self._weighted(weights) for weights in simplex(count, len(problem.objectives), rng)]
        else:
            if searches is not None:
                raise HarnessError(must("searches", "be left out: there is one for each of `scales`", searches))
            self.initial = 0
            self._scalars = _rewards(problem, self.reward, target, scales, weight, hard)
        self._low, self._high = bounds(np.zeros((0, len(problem.objectives))))  # until the first are told
        first = Objective("reward", "maximise") if self.reward in REWARDS else Objective("scalarisation")
        posed = replace(problem, objectives=(first,))
        self.inner = [inner(posed, rng) for _ in self._scalars]
        self._turn = 0
        self._asked: dict[int, tuple[int, int]] = {}  # by tag: the search, and its own tag
        self._tags = 0
        self._started = 0  # of the first random ones
        self._first: list[FloatArray] = []  # what was told of them
        self._waiting = 0

    def _weighted(self, weights: FloatArray) -> Scalar:
        """Return the scalarisation with weights, (m,), in units that are known when the first results are."""

        def scalar(objectives: FloatArray) -> FloatArray:
            units = normalise(objectives, self._low, self._high)
            return linear(units, weights) if self.reward == "linear" else tchebycheff(units, weights, AUGMENTATION)

        return scalar

    def plan(self, n: int) -> Plan:
        """Return the first random architectures, then what the search whose turn it is proposes."""
        if self._started < self.initial:
            count = self.initial - self._started
            archs, _ = sample_new(self.problem.space, count, set(), exact_keys, self.rng)
            self._started += count  # a space that has fewer is known as a whole then
            self._waiting += len(archs)
            return self._tagged(_OWN, self.proposals(archs))
        if self._waiting:
            return self.proposals(no_archs(self.problem.space))
        for _ in self.inner:
            search, self._turn = self._turn, (self._turn + 1) % len(self.inner)
            strategy = self.inner[search]
            asked = yield from strategy.asking(n)
            if strategy.decided and len(self.inner) == 1:  # no result would change these, and nobody waits for a turn
                asked = Proposals.concatenate([asked, strategy.take_decided(strategy.decided)])
            if len(asked):
                return self._tagged(search, asked)
        return self.proposals(no_archs(self.problem.space))

    def _tagged(self, search: int, asked: Proposals) -> Proposals:
        """Return the proposals of a search with tags of our own."""
        tags = np.arange(self._tags, self._tags + len(asked))
        self._tags += len(asked)
        self._asked.update(zip(tags.tolist(), ((search, tag) for tag in asked.tag.tolist()), strict=True))
        return Proposals(asked.archs, asked.fidelity, tags)

    def tell(self, evaluations: Evaluations) -> None:
        """Tell each search its own results, as one objective."""
        owners = [self._asked.pop(tag) for tag in evaluations.tag.tolist()]
        searches = np.array([search for search, _ in owners])
        tags = np.array([tag for _, tag in owners], dtype=np.int64)
        for search in np.unique(searches).tolist():
            rows = np.flatnonzero(searches == search)
            objectives = evaluations.objectives[rows]
            if search == _OWN:
                self._learn_range(objectives)
                continue
            values = self._scalars[search](objectives)
            values = np.where(np.isfinite(objectives).all(axis=1), values, np.nan)
            columns = {
                name: getattr(evaluations, name)[rows] for name in ("archs", "fidelity", "constraints", "seconds")
            }
            self.inner[search].tell(Evaluations(**columns, tag=tags[rows], objectives=values[:, None]))

    def _learn_range(self, objectives: FloatArray) -> None:
        """Take results of the first random architectures; the last of them settles the units."""
        self._first.append(np.array(objectives))
        self._waiting -= len(objectives)
        if not self._waiting:
            self._low, self._high = bounds(np.concatenate(self._first))


def _rewards(
    problem: Problem,
    reward: str,
    target: Sequence[float] | None,
    scales: Sequence[float],
    weight: float | None,
    hard: bool,
) -> list[Scalar]:
    """Return the reward as a function to be minimised for each scale of the targets."""
    quality, *costs = problem.objectives
    if quality.direction != "maximise" or not quality.best:
        rule = f"needs a first objective to maximise whose best value is known, and '{quality.name}' is none"
        raise UnfitError(f'`reward = "{reward}"` {rule}: take "tchebycheff"')
    if any(cost.direction != "minimise" for cost in costs):
        named = ", ".join(cost.name for cost in costs if cost.direction != "minimise")
        raise UnfitError(f'`reward = "{reward}"` needs costs to minimise after the first objective, got {named}')
    if hard and reward == "tunas":
        raise HarnessError(must("hard", 'be left out with `reward = "tunas"`', hard))
    targets = _numbers("target", target)
    if len(targets) != len(costs):
        rule = f"have one for each of {', '.join(cost.name for cost in costs)}, in its unit"
        raise HarnessError(must("target", rule, target))
    chosen = REWARDS[reward]
    own = chosen.weight if weight is None else real("weight", weight, low=chosen.low, high=chosen.high)
    best = quality.best

    def scaled(scale: float) -> Scalar:
        units = scale * np.array(targets)

        def scalar(objectives: FloatArray) -> FloatArray:
            values = quality.to_published(objectives[:, 0]) / best
            return -chosen.function(np.asarray(values), objectives[:, 1:] / units, own, hard)

        return scalar

    factors = _numbers("scales", scales)
    if not factors:
        raise HarnessError(must("scales", "name at least one", list(scales)))
    return [scaled(scale) for scale in factors]


def _numbers(name: str, values: Any) -> list[float]:
    """Return numbers greater than 0 as a list."""
    if values is None:
        return []
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise HarnessError(must(name, "be a list of numbers", values))
    return [real(name, value, low=0.0, open_low=True) for value in values]
