"""Warm starts: another strategy begins with what was best on other tables, or with all that it has learnt there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, choice, integer
from harness.errors import HarnessError
from harness.problem import Prior, Problem
from harness.records import Evaluations, Proposals
from harness.search.beginning import Make, check_draws
from harness.spaces.given import Starting
from harness.strategy import Plan, Strategy, Takes
from strategies.parts.candidates import exact_keys
from strategies.transfer.sources import BEGINNINGS, beginning

_SAMPLED, _FEWEST_KNOWN = 200, 0.95


class WarmStart(Strategy):
    """Run another strategy that begins with the best of finished trainings on other tables.

    The first architectures that the strategy inside draws at random are taken from the sources instead: its initial
    population, its design, its starts.  Everything else is the strategy's own, so that it falls back by itself where
    the sources mislead: what they bought it is `count` evaluations worse.  Feurer, Springenberg & Hutter, "Initializing
    Bayesian hyperparameter optimization via meta-learning", AAAI 2015; with ``rule = "portfolio"`` the order is that of
    Wistuba, Schilling & Schmidt-Thieme, ICDM 2015.

    Departs from the first paper, whose sources are chosen by the distance of their descriptions: all count.

    **Continuation** (`rehearse`).  The strategy is first asked for so many architectures and told what the first source
    has of them, as in the transfer of policies and populations of Duan et al., "TransNAS-Bench-101", CVPR 2021; then it
    goes on with the target, with all that it has learnt: a policy, a population.  What the source lacks counts as
    failed, so it must hold nearly all of the space (``rows = "all"``).  A strategy that never proposes an architecture
    twice does not propose on the target what it has rehearsed.

    Constraints that the space knows in closed form filter the beginning; others, failed trainings, workers and
    duplicates are the inner strategy's.

    Parameters
    ----------
    inner : callable
        Makes the strategy inside; in a spec a table with its name and hyperparameters.  It must draw its first
        architectures from its space, unless `count` is 0.
    count : int
        Architectures to begin with, at least 0.
    rule : {"portfolio", "mean_rank", "each"}
        See `strategies.transfer.sources`.
    rehearse : int
        Proposals that the first source answers, at least 0.
    """

    family, paper, year = "transfer", "Feurer, Springenberg & Hutter, AAAI", 2015
    takes = Takes(objectives=1, prior=True)
    default_inner: ClassVar[dict[str, Any] | None] = {
        "name": "genetic_algorithm",
        "population": 10,
        "offspring": 10,
    }

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        inner: Make,
        count: int = 5,
        rule: str = "portfolio",
        rehearse: int = 0,
    ) -> None:
        super().__init__(problem, rng)
        self.count = integer("count", count, low=0, high=MOST)
        self.rule = choice("rule", rule, tuple(BEGINNINGS))
        self.rehearse = integer("rehearse", rehearse, low=0, high=MOST)
        starts = beginning(problem, self.rule, self.count)
        self.inner = begun(problem, rng, inner, starts)
        self._source = _Source(problem, problem.prior[0]) if self.rehearse else None

    def plan(self, n: int) -> Plan:
        """Return what the strategy inside proposes, after it has rehearsed."""
        while self._source is not None:
            wanted = min(n if self.problem.n_workers > 1 else MOST, self.rehearse)
            proposed = yield from self.inner.asking(wanted)
            self.rehearse -= len(proposed)
            if len(proposed):
                self.inner.tell(self._source.answer(proposed))
            if not self.rehearse or not len(proposed):
                self._source = None
        return (yield from all_decided(self.inner, n))

    def tell(self, evaluations: Evaluations) -> None:
        """Tell the strategy inside."""
        super().tell(evaluations)
        self.inner.tell(evaluations)


class Portfolio(WarmStart):
    """Evaluate a portfolio that was put together on other tables, then go on with another strategy.

    Wistuba, Schilling & Schmidt-Thieme, "Sequential model-free hyperparameter tuning", ICDM 2015: each next one lowers
    most the mean over sources of the best rank so far, see `strategies.transfer.sources.portfolio`.  Nothing is learnt
    of the target.  Departs from the paper: after `count` architectures another strategy goes on, random search by
    default, which what was evaluated does not help.

    Constraints, failed trainings, workers and duplicates are treated as in `WarmStart`.

    Parameters
    ----------
    inner : callable
        Makes the strategy that goes on.
    count : int
        Architectures of the portfolio, at least 1.
    """

    paper, year = "Wistuba, Schilling & Schmidt-Thieme, ICDM", 2015
    default_inner: ClassVar[dict[str, Any] | None] = {"name": "random_search", "distinct": True}

    def __init__(self, problem: Problem, rng: np.random.Generator, *, inner: Make, count: int = 25) -> None:
        super().__init__(problem, rng, inner=inner, count=integer("count", count, low=1), rule="portfolio")


def begun(problem: Problem, rng: np.random.Generator, inner: Make, starts: Archs) -> Strategy:
    """Return the strategy inside, which begins with architectures, (n, L).

    Raises
    ------
    HarnessError
        If it draws no architectures from its space at its start.
    """
    if not len(starts):
        return inner(problem, rng)
    check_draws(inner, problem)
    space = Starting(problem.space)
    made = inner(replace(problem, space=space), rng)
    space.begin_with(starts)
    return made


def all_decided(inner: Strategy, n: int) -> Plan:
    """Return what a strategy proposes, with all that it has decided already."""
    proposed = yield from inner.asking(n)
    if inner.decided:
        proposed = Proposals.concatenate([proposed, inner.take_decided(inner.decided)])
    return proposed


class _Source:
    """The answers of one source, where it holds nearly all of the space."""

    def __init__(self, problem: Problem, prior: Prior) -> None:
        self._prior = prior
        self._constraints = len(problem.constraints)
        self._rows = dict(zip(exact_keys(prior.archs), range(len(prior.archs)), strict=True))
        drawn = problem.space.sample(_SAMPLED, np.random.default_rng(0))
        known = float(np.mean([key in self._rows for key in exact_keys(drawn)]))
        if known < _FEWEST_KNOWN:
            raise HarnessError(
                f"`rehearse` must be answered by a source that holds all of the space, and '{prior.source}' holds "
                f'{known:.0%} of it: set `rows = "all"` in `[transfer]`, or `rehearse = 0`'
            )

    def answer(self, proposals: Proposals) -> Evaluations:
        """Return what the source has of proposals; NaN where it has nothing."""
        rows = np.array([self._rows.get(key, -1) for key in exact_keys(proposals.archs)])
        missing = rows < 0
        objectives = np.where(missing[:, None], np.nan, self._prior.objectives[rows])
        constraints = np.full((len(rows), self._constraints), -1.0)
        seconds = np.where(missing, np.nan, self._prior.seconds[rows])
        return Evaluations(proposals.archs, proposals.fidelity, proposals.tag, objectives, constraints, seconds)
