"""Fronts: what strategies of several objectives share, on rows of objectives to be minimised, (n, m).

A row dominates another where it is nowhere larger and somewhere smaller.  Constraints come first (Deb, "An efficient
constraint handling method for genetic algorithms", Computer Methods in Applied Mechanics and Engineering 186, 2000,
section 3): what keeps them dominates what does not, and among rows that do not the smaller violation does.  A failed
training has no finite objectives; it is behind all others, and enters no archive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.problem import Problem
from harness.records import Evaluations
from strategies.parts.ranking import FAILED


def violations(problem: Problem, constraints: FloatArray) -> FloatArray:
    """Return by how much rows break the constraints in all, (n, c) to (n,): 0 where they keep them.

    Each constraint counts in units of its bound (as it is where that is 0), so that megabytes and seconds can be added.
    A value that is missing is an infinite violation.

    Parameters
    ----------
    problem : Problem
    constraints : (n, c) float64
        `Evaluations.constraints`.
    """
    if not constraints.shape[1]:
        return np.zeros(len(constraints))
    scale = np.array([abs(item.bound) or 1.0 for item in problem.constraints])
    broken = (np.maximum(constraints, 0.0) / scale).sum(axis=1)
    return np.where(np.isnan(broken), np.inf, broken)


def pareto_ranks(objectives: FloatArray, violation: FloatArray | None = None) -> IntArray:
    """Return the number of the front that each row is on, (n,) int64: 0 is not dominated.

    Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions on Evolutionary
    Computation 6(2), 2002, sections III-A and VI-A.  Rows with equal objectives are on the same front.

    Parameters
    ----------
    objectives : (n, m) float64
    violation : (n,) float64, optional
        0 where all constraints are kept.  Rows that break them follow, one front for each violation.

    Returns
    -------
    (n,) int64
        n for failed rows.

    Examples
    --------
    >>> pareto_ranks(np.array([[1, 5], [2, 3], [4, 1], [3, 4], [5, 2], [5.0, 5]])).tolist()
    [0, 0, 0, 1, 1, 2]
    """
    from moocore import pareto_rank  # takes 50 ms to import

    finite = np.isfinite(objectives).all(axis=1)
    kept = finite if violation is None else finite & (violation == 0)
    if kept.all():
        return np.asarray(pareto_rank(objectives), dtype=np.int64)
    ranks = np.full(len(objectives), len(objectives), dtype=np.int64)
    fronts = 0
    if kept.any():
        ranks[kept] = pareto_rank(objectives[kept])
        fronts = int(ranks[kept].max()) + 1
    broken = finite & ~kept
    if violation is not None and broken.any():
        ranks[broken] = fronts + np.unique(violation[broken], return_inverse=True)[1]
    return ranks


def crowding(objectives: FloatArray) -> FloatArray:
    """Return the crowding distance of the rows of one front, (n,); infinite at the ends of each objective.

    Deb et al., 2002, section III-B: the sum over objectives of the distance between the two neighbours, in units of the
    front's range; an objective that is the same everywhere adds nothing.  Of rows that share an extreme value one is at
    the end, the first.

    Parameters
    ----------
    objectives : (n, m) float64
        Finite.

    Examples
    --------
    >>> crowding(np.array([[0, 10], [2, 6], [5, 4], [10.0, 0]])).round(9).tolist()
    [inf, 1.1, 1.4, inf]
    """
    n, m = objectives.shape
    if n <= 2:
        return np.full(n, np.inf)
    order = objectives.argsort(axis=0, kind="stable")
    ordered = np.take_along_axis(objectives, order, axis=0)
    spread = ordered[-1] - ordered[0]
    gaps = (ordered[2:] - ordered[:-2]) / np.where(spread > 0, spread, 1.0)
    distances = np.zeros(n)
    for objective in range(m):  # rows are distinct within an objective, so that each is added to once
        distances[order[1:-1, objective]] += gaps[:, objective]
    for objective in np.flatnonzero(spread > 0).tolist():
        distances[order[[0, -1], objective]] = np.inf
    return distances


class Scored(NamedTuple):
    """The score of a training that did not fail.

    Attributes
    ----------
    violation : float
        See `violations`.
    objectives : (m,) float64
    """

    violation: float
    objectives: FloatArray


def judged(problem: Problem, evaluations: Evaluations) -> list[Any]:
    """Return the score of each of n rows: a `Scored`, or `strategies.parts.ranking.FAILED` for a failed training."""
    rows = np.array(evaluations.objectives)
    finite = np.asarray(np.isfinite(rows).all(axis=1))
    broken: list[float] = violations(problem, evaluations.constraints).tolist()
    return [Scored(broken[row], rows[row]) if kept else FAILED for row, kept in enumerate(finite.tolist())]


class Order(NamedTuple):
    """Rows from the best to the worst.

    Attributes
    ----------
    rows : (n,) int64
    ranks : (n,) int64
        Of all rows, in their own order; see `pareto_ranks`.
    distances : (n,) float64
        Crowding within their fronts, of all rows in their own order; 0 on fronts that need not be told apart.
    """

    rows: IntArray
    ranks: IntArray
    distances: FloatArray


def order(objectives: FloatArray, violation: FloatArray | None = None, most: int | None = None) -> Order:
    """Order rows by front, then by crowding, then as given; failed rows are last.

    Deb et al., 2002, the crowded-comparison operator of section III-B: the first mu rows are what survives there.

    Parameters
    ----------
    objectives : (n, m) float64
    violation : (n,) float64, optional
    most : int, optional
        How many rows matter: those of later fronts stay as given.
    """
    n = len(objectives)
    ranks, distances = pareto_ranks(objectives, violation), np.zeros(n)
    front = done = 0
    while done < min(n, n if most is None else most) and front < n:
        rows = np.flatnonzero(ranks == front)
        distances[rows] = crowding(objectives[rows])
        front, done = front + 1, done + len(rows)
    return Order(np.lexsort((-distances, ranks)), ranks, distances)


def bounds(objectives: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest value of each objective, (m,) each; failed rows are left out.

    Without any row that did not fail they are 0 and 1.
    """
    known = objectives[np.isfinite(objectives).all(axis=1)]
    if not len(known):
        return np.zeros(objectives.shape[1]), np.ones(objectives.shape[1])
    return known.min(axis=0), known.max(axis=0)


def normalise(objectives: FloatArray, low: npt.ArrayLike, high: npt.ArrayLike) -> FloatArray:
    """Return objectives with `low` at 0 and `high` at 1, (n, m); where these are equal only `low` is taken away.

    Examples
    --------
    >>> normalise(np.array([[1.0, 7.0], [3.0, 7.0]]), [1, 7], [5, 7]).tolist()
    [[0.0, 0.0], [0.5, 0.0]]
    """
    low, spread = np.asarray(low, dtype=np.float64), np.subtract(high, low)
    return np.asarray((objectives - low) / np.where(spread > 0, spread, 1.0))


def epsilon_net(objectives: FloatArray, most: int | None = None) -> IntArray:
    """Order the rows of one front so that each next is the farthest from those before, (n,) int64 row numbers.

    With `most`, only the first so many.

    The first is the best in objective 0.  Used by Salinas et al., "A multi-objective perspective on jointly tuning
    hardware and hyperparameters", 2021, and Schmucker et al., "Multi-objective asynchronous successive halving", 2021.
    Distances are Euclidean and in the units given: normalise first.  Ties go to the first row.

    Their code, and what has it from there, returns ranks where it uses an order; here it is the order.

    Examples
    --------
    >>> epsilon_net(np.array([[0, 10], [1, 8], [4, 4], [9, 0.5], [10.0, 0]])).tolist()
    [0, 4, 2, 1, 3]
    """
    n = len(objectives)
    chosen = np.zeros(n if most is None else min(n, most), dtype=np.int64)
    if not len(chosen):
        return chosen
    chosen[0] = objectives[:, 0].argmin()
    nearest = np.full(n, np.inf)
    for place in range(1, len(chosen)):
        last = chosen[place - 1]
        nearest = np.minimum(nearest, ((objectives - objectives[last]) ** 2).sum(axis=1))
        nearest[last] = -1.0
        chosen[place] = nearest.argmax()
    return chosen


class Archive:
    """The rows told that no other dominates; constraints come first, and failed rows never enter.

    While nothing keeps the constraints the archive holds what breaks them least, so all its rows have one violation.
    Rows with equal objectives are all kept.

    Parameters
    ----------
    genes, objectives : int
        L and m.
    dtype : numpy dtype
        Of architectures.

    Attributes
    ----------
    archs : (k, L) integers
    objectives : (k, m) float64
    numbers : (k,) int64
        As given to `add`.
    violation : float
        Of all rows; infinite while there is none.
    """

    def __init__(self, genes: int, objectives: int, dtype: npt.DTypeLike = np.uint8) -> None:
        self.archs: Archs = np.zeros((0, genes), dtype=dtype)
        self.objectives: FloatArray = np.zeros((0, objectives))
        self.numbers: IntArray = np.zeros(0, dtype=np.int64)
        self.violation = np.inf

    def __len__(self) -> int:
        return len(self.objectives)

    def add(
        self,
        archs: Archs,
        objectives: FloatArray,
        violation: FloatArray | None = None,
        numbers: npt.ArrayLike = 0,
    ) -> BoolArray:
        """Add rows in the order given; return which of them are in the archive after the last, (n,).

        Parameters
        ----------
        archs : (n, L) integers
        objectives : (n, m) float64
        violation : (n,) float64, optional
        numbers : int or (n,) int64
            What the caller knows the rows by.
        """
        n = len(objectives)
        broken = np.zeros(n) if violation is None else violation
        known = np.broadcast_to(np.asarray(numbers, dtype=np.int64), n)
        finite = np.isfinite(objectives).all(axis=1)
        entered = np.zeros(n, dtype=np.bool_)
        least = min(self.violation, float(broken[finite].min(initial=np.inf)))
        candidates = np.flatnonzero(finite & (broken == least))
        if not len(candidates):
            return entered
        if least < self.violation and len(self):
            self._keep(np.zeros(len(self), dtype=np.bool_))
        self.violation = least
        first = len(self)
        together = np.concatenate([self.objectives, objectives[candidates]])
        kept = pareto_ranks(together) == 0
        self.archs = np.concatenate([self.archs, archs[candidates]])
        self.objectives = together
        self.numbers = np.concatenate([self.numbers, known[candidates]])
        self._keep(kept)
        entered[candidates[kept[first:]]] = True
        return entered

    def _keep(self, rows: BoolArray) -> None:
        self.archs, self.objectives, self.numbers = self.archs[rows], self.objectives[rows], self.numbers[rows]
