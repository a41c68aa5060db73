"""The hypervolume of random search on a table: exact in two objectives, and simulated where it is not known exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from harness.checks import BoolArray, FloatArray, IntArray
from harness.errors import HarnessError, must
from harness.judging.front import fronts_of, on_front
from harness.judging.indicators import REFERENCE, anytime_hypervolume, hypervolume


def expected_hypervolume(
    points: FloatArray, n: IntArray, *, replacement: bool = True, reference: float = REFERENCE
) -> FloatArray:
    """Return the expected hypervolume of the front of n uniform draws from a table; exact, for two objectives.

    ``E[HV] = integral over z of 1 - (1 - q(z))**n``, q(z) the share of the table that is as good as z in both
    objectives: a sum over the grid of different values.  Without replacement ``(1 - q)**n`` is
    ``C(N - qN, n) / C(N, n)``.  What is added up is the area on which q is the same, so that all n come at once.

    Parameters
    ----------
    points : (N, 2) float64
        Of every row that may be drawn, normalised; a row with a NaN can be drawn and adds nothing.
    n : (T,) int64
        Numbers of draws.
    replacement : bool
    reference : float
        Every coordinate of the reference point.

    Returns
    -------
    (T,) float64
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise HarnessError(must("points", "have two objectives", f"shape {points.shape}"))
    total = len(points)
    if len(n) and (n.min() < 0 or (not replacement and n.max() > total)):
        raise HarnessError(must("n", f"lie in 0..{total}", [int(n.min()), int(n.max())]))
    area = _area_by_count(points, reference)
    counts = np.flatnonzero(area)
    return np.array([area[counts] @ (1.0 - _missed(counts, total, int(k), replacement=replacement)) for k in n])


def _area_by_count(points: FloatArray, reference: float) -> FloatArray:
    """Return the area of the box on which so many points of the table are as good: (N + 1,)."""
    inside = points[np.all(points < reference, axis=1)]  # no NaN
    area = np.zeros(len(points) + 1)
    if not len(inside):
        return area
    levels = [np.unique(inside[:, objective], return_inverse=True) for objective in (0, 1)]
    (few, first), (many, second) = sorted(levels, key=lambda item: len(item[0]))
    wide, high = np.diff(few, append=reference), np.diff(many, append=reference)
    order = np.argsort(first, kind="stable")
    starts = np.searchsorted(first[order], np.arange(len(few) + 1))
    count = np.zeros(len(many), dtype=np.int64)
    for level in range(len(few)):
        new = second[order[starts[level] : starts[level + 1]]]
        if len(new) == 1:
            count[new[0] :] += 1
        else:
            count += np.cumsum(np.bincount(new, minlength=len(many)))
        area[: count[-1] + 1] += wide[level] * np.bincount(count, high)  # counts rise along `many`
    area[0] = 0.0  # what nothing of the table reaches
    return area


def _missed(counts: IntArray, total: int, n: int, *, replacement: bool) -> FloatArray:
    """Return how probable it is that n draws miss so many rows of a table of `total`: (k,)."""
    if replacement:
        return np.asarray((1.0 - counts / total) ** n)
    left = total - counts
    rest = np.maximum(left - n, 0)
    log = gammaln(left + 1.0) - gammaln(rest + 1.0) - gammaln(total + 1.0) + gammaln(total - n + 1.0)
    return np.where(left >= n, np.exp(log), 0.0)


@dataclass(frozen=True, eq=False)
class Draws:
    """What a uniform draw from a table can show, and what judges it.

    Attributes
    ----------
    shown : (N, s, m) float64
        Objectives told, to be minimised, of each of s trainings; NaN where there is none, or the training failed.
    trainings : (N, s) bool
        Those that exist: one of them is drawn for each row and run.
    feasible : (N,) bool
        Rows that keep the constraints.
    judged : tuple of (N, m) float64
        Normalised objectives, for each split.
    """

    shown: FloatArray
    trainings: BoolArray
    feasible: BoolArray
    judged: tuple[FloatArray, ...]

    def told(self, rng: np.random.Generator) -> FloatArray:
        """Return what each row shows in one run, NaN where it is not feasible: (N, m)."""
        rows = np.arange(len(self.shown))
        some = self.trainings.any(axis=1)
        ranks = (rng.random(len(rows)) * np.maximum(self.trainings.sum(axis=1), 1)).astype(np.int64)
        place = np.argmax(np.cumsum(self.trainings, axis=1) > ranks[:, None], axis=1)
        told: FloatArray = self.shown[rows, place].copy()
        told[~(some & self.feasible)] = np.nan
        return told


def simulated_hypervolumes(
    draws: Draws, n: int, runs: int, rng: np.random.Generator, *, replacement: bool
) -> Iterator[tuple[IntArray, tuple[FloatArray, ...]]]:
    """Yield runs of random search: the numbers of draws at which the front changes, and its hypervolume from each on.

    Parameters
    ----------
    draws : Draws
    n : int
        Draws of a run; without replacement at most N.
    runs : int
    rng : numpy.random.Generator
    replacement : bool

    Yields
    ------
    changes : (k,) int64
        From 1.
    hypervolumes : tuple of (k,) float64
        By split.
    """
    total = len(draws.shown)
    for _ in range(runs):
        told = draws.told(rng)
        rows = rng.integers(0, total, n) if replacement else rng.permutation(total)[:n]
        history = fronts_of(told[rows])
        entered = rows[history.rows]
        yield (
            history.rows + 1,
            tuple(anytime_hypervolume(judged[entered], history) for judged in draws.judged),
        )


def whole_table_hypervolume(draws: Draws, rng: np.random.Generator) -> tuple[float, ...]:
    """Return the hypervolume of the front that shows when every row of a table was trained once, by split."""
    rows = np.flatnonzero(on_front(draws.told(rng)))
    return tuple(hypervolume(judged[rows]) for judged in draws.judged)
