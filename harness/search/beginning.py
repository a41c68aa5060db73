"""The beginning of a strategy: given architectures in place of the first that it would draw at random."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError
from harness.problem import Problem
from harness.records import Proposals
from harness.space import SearchSpace
from harness.spaces.given import Starting
from harness.strategy import Plan, Strategy
from harness.surrogate import Look

Make = Callable[[Problem, np.random.Generator], Strategy]
_TRIES = 64


def distinct(space: SearchSpace, count: int, rng: np.random.Generator) -> Archs:
    """Draw distinct architectures of a space, (k, L); k is `count`, or less where the space is small."""
    found = space.sample(count, rng)
    for _ in range(_TRIES):
        _, first = np.unique(found, axis=0, return_index=True)
        found = found[np.sort(first)][:count]
        if len(found) == count:
            break
        found = np.concatenate([found, space.sample(count, rng)])
    return found[:count]


def check_draws(make: Make, problem: Problem) -> None:
    """Refuse a strategy that draws no architectures from its space at its start: it can begin nowhere else.

    Raises
    ------
    HarnessError
        Names the strategy, and some that can.
    """
    space = Starting(problem.space)
    probed = make(replace(problem, space=space), np.random.default_rng(0))
    space.begin_with(problem.space.sample(1, np.random.default_rng(0)))
    with suppress(StopIteration):
        next(probed.asking(1))
    if space.waiting:
        raise HarnessError(
            f"the strategy {type(probed).__name__} draws no architectures at random at its start, and cannot begin with"
            " others; strategies that can: 'regularized_evolution', 'genetic_algorithm', 'local_search', 'gp_bo', "
            "'bananas', 'random_search'"
        )


def warmed(factory: type[Strategy], signal: str, pool: int, keep: int, best: str) -> type[Strategy]:
    """Return a class that does as a strategy's, and begins with the best of a random pool by a signal.

    Parameters
    ----------
    factory : type
    signal : str
        One of `Problem.signals`.
    pool, keep : int
        Distinct random architectures that are looked at, and how many of them take the place of the strategy's first;
        those without a value come last.
    best : {"", "highest", "lowest"}
        Which values are thought to be good; "" for what the signal's direction says.
    """

    class Warmed(factory):  # type: ignore[misc, valid-type]  # its base is known when it is made
        def __init__(self, problem: Problem, rng: np.random.Generator, **given: object) -> None:
            self._starting = Starting(problem.space)
            self._looked = False
            super().__init__(replace(problem, space=self._starting), rng, **given)

        def plan(self, n: int) -> Plan:
            if not self._looked:
                self._looked = True
                problem: Problem = self.problem
                archs = distinct(problem.space, pool, self.rng)
                values = yield Look(signal, archs)
                maximised = problem.signal(signal).direction == "maximise"
                sign = 1.0 if best == "" or (best == "highest") == maximised else -1.0
                self._starting.begin_with(archs[np.argsort(sign * values, kind="stable")[:keep]])
            proposed: Proposals = yield from super().plan(n)
            return proposed

    Warmed.__name__, Warmed.__qualname__ = factory.__name__, factory.__qualname__
    Warmed.__module__, Warmed.__doc__ = factory.__module__, factory.__doc__
    Warmed.__signature__ = inspect.signature(factory)  # by which it is called
    return Warmed
