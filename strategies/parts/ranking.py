"""Ranking of results: the one rule that all single-objective strategies share.

A result is a pair (violation, objective), compared in that order, lower is better: feasible before infeasible, among
infeasible ones the smaller total violation, then the objective (Deb, "An efficient constraint handling method for
genetic algorithms", Computer Methods in Applied Mechanics and Engineering 186, 2000, section 3).  A failed training is
worse than everything and never becomes a parent.
"""

from __future__ import annotations

from math import inf, isfinite

import numpy as np

from harness.checks import Archs, FloatArray, IntArray
from harness.problem import Problem
from harness.records import Evaluations

Score = tuple[float, float]
"""(total violation, objective); lower is better."""

FAILED: Score = (inf, inf)
"""The score of a failed training; `scores` returns this very object, so that ``is`` finds it."""


def scores(evaluations: Evaluations) -> list[Score]:
    """Return one score for each row.

    The total violation is the sum of the positive constraint values, each in its column's unit; a constraint value that
    is missing counts as an infinite violation.  An objective that is not finite is a failed training.

    Parameters
    ----------
    evaluations : Evaluations
        n rows with one objective.

    Examples
    --------
    >>> one, zero = np.ones((3, 1), dtype=np.uint8), np.zeros(3, dtype=np.int64)
    >>> objectives, constraints = np.array([[2.0], [1.0], [np.nan]]), np.array([[-1.0], [0.5], [0.0]])
    >>> scores(Evaluations(one, zero, zero, objectives, constraints, np.zeros(3)))
    [(0.0, 2.0), (0.5, 1.0), (inf, inf)]
    """
    objectives = evaluations.objectives[:, 0].tolist()
    if evaluations.constraints.shape[1] == 0:
        return [(0.0, value) if isfinite(value) else FAILED for value in objectives]
    broken = np.maximum(evaluations.constraints, 0.0).sum(axis=1)
    violations = np.where(np.isnan(broken), inf, broken).tolist()
    return [
        (violation, value) if isfinite(value) else FAILED
        for violation, value in zip(violations, objectives, strict=True)
    ]


def known_violation(problem: Problem, archs: Archs) -> FloatArray:
    """Return by how much architectures break the constraints that the space knows in closed form.

    Parameters
    ----------
    problem : Problem
    archs : (n, L) integers

    Returns
    -------
    (n,) float64
        The sum of what `SearchSpace.costs` breaks, each in its column's unit; 0 where that is nothing.
    """
    broken = np.zeros(len(archs))
    known = problem.space.costs(archs) if problem.constraints else {}
    for item in problem.constraints:
        if item.name in known:
            broken += np.maximum(item.violation(known[item.name]), 0.0)
    return broken


def tournament(population: int, size: int, n: int, rng: np.random.Generator) -> IntArray:
    """Return the winners of n tournaments, drawn with replacement from a population that is sorted, the best first.

    The r-th best of P, counted from 1, wins with probability ``((P - r + 1)**size - (P - r)**size) / P**size``.

    Parameters
    ----------
    population : int
        P, at least 1.
    size : int
        Contestants of a tournament, at least 1.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    (n,) int64
        Positions in the population.
    """
    winners: IntArray = rng.integers(0, population, size=(n, size)).min(axis=1)
    return winners


def linear_ranking(population: int, pressure: float, n: int, rng: np.random.Generator) -> IntArray:
    """Draw n parents by rank from a population that is sorted, the best first: (n,) int64, with replacement.

    Baker, "Adaptive selection methods for genetic algorithms", ICGA 1985: the expected share falls linearly, from
    ``pressure / P`` for the best of P to ``(2 - pressure) / P`` for the worst.

    Parameters
    ----------
    population : int
        P, at least 1.
    pressure : float
        From 1, all alike, to 2, where the worst is never drawn.
    n : int
    rng : numpy.random.Generator
    """
    shares = np.linspace(pressure, 2.0 - pressure, population) if population > 1 else np.ones(1)
    chosen: IntArray = np.searchsorted(np.cumsum(shares[:-1]) / population, rng.random(n), side="right")
    return chosen
