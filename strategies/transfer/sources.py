"""Sources in the order of their results: what finished trainings of other tables say of where to begin.

An architecture that a source was not trained on counts as its worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.checks import Archs, FloatArray, IntArray, integer
from harness.problem import Prior, Problem
from harness.strategy import Takes
from strategies.bayesian.gp_bo import GPBO
from strategies.parts.candidates import distinct, exact_keys, no_archs
from strategies.parts.ranking import known_violation


def usable(problem: Problem) -> list[Prior]:
    """Return the priors of a problem without what is not in its space, or breaks constraints that the space knows.

    Where the space does not leave out what breaks them, a source of which nothing would be left keeps what breaks them
    least.  A source that has nothing is left out.
    """
    kept = list[Prior]()
    for prior in problem.prior:
        valid = np.flatnonzero(problem.space.is_valid(prior.archs))
        broken = known_violation(problem, prior.archs[valid])
        rows = valid[broken <= max(0.0, float(broken.min(initial=np.inf)))]
        if len(rows):
            kept.append(Prior(prior.source, prior.archs[rows], prior.objectives[rows], prior.seconds[rows]))
    return kept


def ranked(prior: Prior) -> IntArray:
    """Return the rows of a source, the best first, the earliest of equals first, (n,)."""
    order: IntArray = np.argsort(prior.objectives[:, 0], kind="stable")
    return order


def ranks_of(priors: Sequence[Prior]) -> tuple[Archs, FloatArray]:
    """Return every architecture of some sources, (N, L), and its rank in each, (K, N).

    Ranks go from 1, the best, to the number of architectures of the source; what it was not trained on comes after all.
    """
    archs = np.concatenate([prior.archs for prior in priors])
    first: dict[object, int] = {}
    for row, key in enumerate(exact_keys(archs)):
        first.setdefault(key, row)
    place = {key: column for column, key in enumerate(first)}
    ranks = np.empty((len(priors), len(place)))
    for task, prior in enumerate(priors):
        ranks[task] = len(prior.archs) + 1
        order = ranked(prior)
        columns = [place[key] for key in exact_keys(prior.archs[order])]
        # the better of two trainings of one architecture: the later assignment wins
        ranks[task, columns[::-1]] = np.arange(len(order), 0, -1)
    return archs[list(first.values())], ranks


def best_of_each(priors: Sequence[Prior], count: int) -> Archs:
    """Return up to `count` architectures, (k, L): the best of each source, then the second best of each, and so on."""
    orders = [ranked(prior) for prior in priors]
    rounds = max((len(order) for order in orders), default=0)
    found, keys = list[Archs](), set[object]()
    for place in range(rounds):
        for prior, order in zip(priors, orders, strict=True):
            if len(found) == count:
                break
            arch = prior.archs[order[place]] if place < len(order) else None
            if arch is not None and arch.tobytes() not in keys:
                keys.add(arch.tobytes())
                found.append(arch)
    return np.array(found) if found else _none(priors)


def top_of_each(problem: Problem, top: int) -> Archs:
    """Return the `top` best of each source, (k, L), source after source; what several have is there as often."""
    return np.concatenate([no_archs(problem.space), *[best_of_each([prior], top) for prior in usable(problem)]])


def best_by_mean_rank(priors: Sequence[Prior], count: int) -> Archs:
    """Return up to `count` architectures, (k, L), by their mean rank over the sources, the best first."""
    archs, ranks = ranks_of(priors)
    shares = ranks / np.array([len(prior.archs) for prior in priors])[:, None]
    return archs[np.argsort(shares.mean(axis=0), kind="stable")[:count]]


def portfolio(priors: Sequence[Prior], count: int) -> Archs:
    """Return a zero-shot portfolio of up to `count` architectures, (k, L), in the order in which they were chosen.

    Wistuba, Schilling & Schmidt-Thieme, "Sequential model-free hyperparameter tuning", ICDM 2015: each next one has the
    least mean over sources of the better of its rank and the best rank that is chosen already.  When every source's
    best is chosen it starts again with what is left.
    """
    archs, ranks = ranks_of(priors)
    chosen, left = list[int](), np.ones(len(archs), dtype=bool)
    least = ranks.min(axis=1)
    so_far = np.full(len(priors), np.inf)
    for _ in range(min(count, len(archs))):
        value = np.minimum(so_far[:, None], ranks).mean(axis=0)
        value[~left] = np.inf
        best = int(np.argmin(value))
        chosen.append(best)
        left[best] = False
        so_far = np.minimum(so_far, ranks[:, best])
        if left.any() and np.all(so_far <= least):
            so_far = np.full(len(priors), np.inf)
            least = ranks[:, left].min(axis=1)
    return archs[chosen]


def _none(priors: Sequence[Prior]) -> Archs:
    return priors[0].archs[:0]


BEGINNINGS = {"each": best_of_each, "mean_rank": best_by_mean_rank, "portfolio": portfolio}
"""Where to begin, by name: each source's best in turn, the best by mean rank, or a zero-shot portfolio."""


def beginning(problem: Problem, rule: str, count: int) -> Archs:
    """Return up to `count` architectures to begin with, (k, L), by one of `BEGINNINGS`."""
    priors = usable(problem)
    return BEGINNINGS[rule](priors, count) if priors and count else no_archs(problem.space)


class Begun(GPBO):
    """Base of `GPBO` with models of several tables, whose initial design begins with a portfolio of the sources.

    Parameters
    ----------
    start : int
        Architectures of the initial design that are a portfolio, at most `initial`.
    **settings
        Those of `GPBO`.
    """

    takes = Takes(objectives=1, prior=True)

    def __init__(self, problem: Problem, rng: np.random.Generator, *, start: int, **settings: Any) -> None:
        super().__init__(problem, rng, **settings)
        self.start = integer("start", start, low=0, high=self.initial)

    def design(self) -> Archs:
        """Return the best of the sources, then random architectures."""
        first = beginning(self.problem, "portfolio", self.start)
        archs, keys = distinct(first, self._taken, self.keys)
        self._taken.update(keys)
        return np.concatenate([archs, self.random(self.initial - len(archs))])
