"""The base class of search strategies: ask and tell.

A strategy never holds a benchmark.  It proposes, and is told validation results; budget, cost, noise, parallel workers
and the secrecy of test metrics are enforced by the runner.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, integer
from harness.errors import HarnessError, StrategyError, UnfitError
from harness.guard import running
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.surrogate import Fit, Look, Predict, serve

Plan = Generator[Fit | Predict | Look, Any, Proposals]
"""A generator that yields requests, is sent their answers, and returns proposals."""


@dataclass(frozen=True)
class Takes:
    """The problems that a strategy can do.

    Attributes
    ----------
    objectives : int or None
        The most that it optimises at once; None for any number.
    constraints : bool
        Whether it takes constraints into account.
    workers : bool
        Whether it can have several trainings running at once.
    forbidden_duplicates : bool
        Whether it can be run, perhaps with a hyperparameter, so that it never proposes an architecture twice.
    fidelities : bool
        Whether it trains at lower fidelities; without, all its trainings are full ones.  A budget that counts
        evaluations is refused then: one epoch would count as much as a whole training.
    prior : bool
        Whether it learns from finished trainings of other tables (`Problem.prior`).
    signals : bool
        Whether it reads columns before training (`Problem.signals`).
    slices : bool
        Whether it trains in slices, one after the other: continued trainings must be charged by their increment.
    auxiliary : bool
        Whether it reads columns that are told beside the objectives (`Problem.auxiliary`); others are not told them.
    fewest_objectives : int
        The fewest that it optimises at once.
    """

    objectives: int | None = None
    constraints: bool = True
    workers: bool = True
    forbidden_duplicates: bool = True
    fidelities: bool = False
    prior: bool = False
    signals: bool = False
    slices: bool = False
    auxiliary: bool = False
    fewest_objectives: int = 1

    def refusal(self, problem: Problem) -> str:
        """Return what a problem asks for beyond this, "" if nothing."""
        count = len(problem.objectives)
        if self.objectives is not None and count > self.objectives:
            most = "one objective" if self.objectives == 1 else f"{self.objectives} objectives"
            return f"takes {most}, and the problem has {count} ({', '.join(item.name for item in problem.objectives)})"
        if count < self.fewest_objectives:
            named = ", ".join(item.name for item in problem.objectives)
            return f"needs {self.fewest_objectives} objectives or more, and the problem has {count} ({named})"
        if problem.constraints and not self.constraints:
            return f"takes no constraints, and the problem has {', '.join(map(str, problem.constraints))}"
        if problem.n_workers > 1 and not self.workers:
            return f"runs one training at a time, and the problem has `n_workers` = {problem.n_workers}"
        if problem.budget.duplicates == "forbidden" and not self.forbidden_duplicates:
            rule = "the budget's `duplicates` must be 'charged' or 'free', got 'forbidden'"
            return f"may propose an architecture again: {rule}"
        if self.prior and not problem.prior:
            return (
                "learns from finished trainings of other tables, and the problem has none: give `[transfer]` with "
                "`from`, other tables of the space"
            )
        if self.fidelities and problem.budget.evaluations is not None:
            return (
                "trains at lower fidelities, and a budget of `evaluations` counts one epoch as much as a whole "
                "training: give `budget.seconds`, or `budget.epochs` where the table has no training seconds"
            )
        if self.slices and problem.budget.multi_fidelity != "resumable":
            return (
                f"trains in slices, and `budget.multi_fidelity` = {problem.budget.multi_fidelity!r} charges each as a "
                "training of its own: set it to 'resumable'"
            )
        if self.fidelities and len(problem.fidelities) < 2:
            return f"trains at lower fidelities, and the benchmark has one alone ({problem.fidelities[0].label})"
        return ""

    def __str__(self) -> str:
        """Say it in a line of a table.

        >>> str(Takes()), str(Takes(1, workers=False, forbidden_duplicates=False))
        ('any objectives, constraints, workers', '1 objective, constraints; repeats')
        """
        count = {None: "any objectives", 1: "1 objective"}.get(self.objectives, f"{self.objectives} objectives")
        if self.fewest_objectives > 1:
            count = f"{self.fewest_objectives} objectives" + (
                "" if self.objectives == self.fewest_objectives else " or more"
            )
        names = ("constraints", "workers", "fidelities", "slices", "prior", "signals", "auxiliary")
        does = {name: getattr(self, name) for name in names}
        return ", ".join([count, *(word for word in does if does[word])]) + (
            "" if self.forbidden_duplicates else "; repeats"
        )


_MOST_HEARD = 256
"""Tellings that are remembered before all but the best are forgotten."""


def _best(parts: Sequence[Evaluations], fidelity: int) -> Evaluations:
    """Return the rows of all parts that no other is better than: the first of the best, or those not dominated."""
    told = Evaluations.concatenate(parts)
    known = (told.fidelity == fidelity) & np.all(told.constraints <= 0, axis=1)
    told = told.take(known & np.all(np.isfinite(told.objectives), axis=1))
    values = told.objectives
    if not len(told):
        return told
    if values.shape[1] == 1:
        return told.take([int(np.argmin(values[:, 0]))])
    _, first = np.unique(values, axis=0, return_index=True)
    told = told.take(np.sort(first))
    values = told.objectives
    dominated = [bool(np.any(np.all(values <= row, axis=1) & np.any(values < row, axis=1))) for row in values]
    return told.take(~np.array(dominated))


class Strategy:
    """Base class of search strategies.

    Authors write `propose`, or `plan` where a model is learnt, and usually extend `tell`.  Either may return more rows
    than asked for: rows that no further result would change (an initial population, a batch).  They are handed out in
    order.

    Parameters
    ----------
    problem : Problem
        All that may be known.
    rng : numpy.random.Generator
        The only source of randomness.
    **hyperparameters
        Keyword-only in subclasses, with the defaults of the paper named in the docstring.  A strategy that learns a
        model takes a keyword `surrogate`, a `Surrogate` built on ``problem.space``; one that runs another strategy a
        keyword `inner`, a callable that makes one: ``inner(problem, rng)``.
    """

    version: ClassVar[int] = 1
    """Bump when behaviour changes: it is part of the digest of results."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions on whose versions the proposals depend, besides numpy: their versions are part of the digest."""
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {}
    """Defaults of hyperparameters that were added later: at them, the digest of results is what it was before."""
    default_surrogate: ClassVar[dict[str, Any] | None] = None
    """What a spec gets that names no surrogate: ``{"name": ..., "encoding": ..., hyperparameters}``."""
    default_inner: ClassVar[dict[str, Any] | None] = None
    """What a spec gets that names no `inner` strategy: ``{"name": ..., "surrogate": {...}, hyperparameters}``."""
    family: ClassVar[str] = ""
    """What it is, in a word or two that the field uses, such as ``"evolution"``."""
    paper: ClassVar[str] = ""
    """Who published it where, in a few words: ``"Real et al., AAAI"``; the docstring has the title."""
    year: ClassVar[int | None] = None
    """When it was published."""
    takes: ClassVar[Takes] = Takes()
    """What problems it can do; others are refused before anything runs."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        if refusal := self.takes.refusal(problem):
            raise UnfitError(f"{type(self).__name__} {refusal}")
        self.problem = problem
        self.rng = rng
        self._backlog: Proposals | None = None
        self._backlog_left = 0  # rows of it that were not handed out
        self._heard: list[Evaluations] = []
        self.remembers = True
        """Whether the default `recommend` will be asked: a runner that has the trace itself sets it to False."""

    @property
    def decided(self) -> int:
        """Rows that `ask` can hand out without another proposal: no result would change them."""
        return self._backlog_left

    def ask(self, n: int) -> Proposals:
        """Return 0 to `n` proposals.

        An empty answer means that the strategy waits for results, or, if nothing is running, that it is finished.

        Parameters
        ----------
        n : int
            At least 1.
        """
        requests = self.asking(integer("n", n, low=1))
        with running(f"the strategy {type(self).__name__}"):
            try:
                request = next(requests)
                while True:
                    if isinstance(request, Look):
                        raise HarnessError(
                            f"the signal '{request.signal}' can be read in a run alone, which charges it"
                        )
                    request = requests.send(serve([request])[0])
            except StopIteration as stop:
                proposals: Proposals = stop.value
                return proposals.detached()

    def asking(self, n: int) -> Plan:
        """Return the generator behind `ask`: it yields the requests of `plan`, so that a runner can batch them."""
        if not self._backlog_left:
            learns = type(self).plan is not Strategy.plan  # if not, a generator less: it counts in searches of a table
            proposed = (yield from self.plan(n)) if learns else self.propose(n)
            if not isinstance(proposed, Proposals):
                raise StrategyError(
                    f"{type(self).__name__} must return Proposals from propose or plan, got {type(proposed).__name__}"
                )
            # What is left for later is a copy, and a runner copies what it starts now: what the strategy does with its
            # arrays from here on changes no row that it has proposed.
            self._backlog_left = len(proposed)
            if self._backlog_left <= n:
                self._backlog, self._backlog_left = proposed, 0
                return proposed
            self._backlog = proposed.detached()
        return self.take_decided(n)

    def take_decided(self, n: int) -> Proposals:
        """Return the next 0 to `n` rows already decided."""
        backlog = self._backlog
        if backlog is None:
            raise HarnessError("nothing has been proposed yet: call ask")
        start = len(backlog) - self._backlog_left
        rows = backlog.part(start, min(start + n, len(backlog)))
        self._backlog_left -= len(rows)
        return rows

    def propose(self, n: int) -> Proposals:
        """Return proposals, about `n`; more where no further result would change them, none to wait or to finish."""
        raise NotImplementedError(f"{type(self).__name__} must define propose or plan")

    def plan(self, n: int) -> Plan:
        """Yield `Fit`, `Predict` and `Look` requests, be sent their answers, and return proposals.

        The default learns nothing and returns ``self.propose(n)``.
        """
        yield from ()
        return self.propose(n)

    def tell(self, evaluations: Evaluations) -> None:
        """Take results of earlier proposals, in any order and any grouping.

        Subclasses extend it; this one remembers what `recommend` needs.
        """
        if not self.remembers:
            return
        self._heard.append(evaluations)
        if len(self._heard) >= _MOST_HEARD:
            self._heard = [_best(self._heard, self.problem.full_fidelity)]

    def recommend(self) -> Archs:
        """Return what the strategy would hand over now, (k, L), the first before the others.

        The default is the best told at the full fidelity that keeps all constraints, the earliest of equals; of
        several objectives, all that nothing told dominates.  None, (0, L), while there is nothing.  Strategies that
        know better, such as those with a model, define their own: it draws nothing from the generator and learns
        nothing, and what it returned is stored beside the trace.

        Raises
        ------
        HarnessError
            If a runner that keeps the trace has set `remembers` to False: the answer is in its results.
        """
        if not self.remembers:
            raise HarnessError(
                f"{type(self).__name__} has no `recommend` of its own and was run by one that keeps its trace: "
                "read the incumbent there, or define `recommend`, from which the default can be asked"
            )
        if not self._heard:
            return np.empty((0, self.problem.space.genes), dtype=self.problem.space.dtype)
        self._heard = [_best(self._heard, self.problem.full_fidelity)]
        return np.asarray(self._heard[0].archs, dtype=self.problem.space.dtype)

    def proposals(self, archs: Archs, tag: Any = 0, *, fidelity: Any = None) -> Proposals:
        """Return proposals of architectures.

        Parameters
        ----------
        archs : (n, L) integers
        tag : int or (n,) int64
            Echoed back by `tell`.
        fidelity : int, str or Fidelity, or n of them, optional
            Index, label (``"epoch 12 of 200"``) or item of `Problem.fidelities`, for all rows or one for each; the
            default is the full fidelity.

        Raises
        ------
        HarnessError
            If the problem has no such fidelity; names the nearest.
        """
        if fidelity is None:
            return Proposals.of(archs, self.problem.full_fidelity, tag)
        proposed = Proposals.of(archs, 0, tag)
        return Proposals(proposed.archs, self.problem.indices_of(fidelity, len(proposed)), proposed.tag)
