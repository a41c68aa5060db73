"""The front of a run: the rows that nothing told so far dominates, after every row of its trace.

A row is eligible when it was trained at the full fidelity, keeps all constraints and none of its objectives failed.  It
enters the front unless a row before it is as good in all objectives; what it dominates leaves.  Of rows with the same
values the earliest is kept, as with incumbents, so a front has one row for each of its points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.judging.incumbent import feasible
from harness.records import Trace

_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Fronts:
    """The front of a run after each of its changes.

    Attributes
    ----------
    rows : (k,) int64
        Rows that entered, ascending: each is a change.
    left : (k,) int64
        The change with which each of them left again, as a position in `rows`; k where it stayed.
    """

    rows: IntArray
    left: IntArray

    @property
    def final(self) -> IntArray:
        """Rows of the front after the whole trace, ascending."""
        stayed: IntArray = self.rows[self.left == len(self.rows)]
        return stayed

    def held(self, change: int) -> IntArray:
        """Return the positions in `rows` of the front after a change, by the number of the change."""
        return np.flatnonzero(self.left[: change + 1] > change)


def on_front(values: FloatArray) -> BoolArray:
    """Return which points are on the front of a set, (n, m) to (n,): of equal ones the first; none that has a NaN.

    >>> on_front(np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [1.0, 4.0], [0.0, np.nan]])).tolist()
    [True, True, False, False, False]
    """
    import moocore

    front: BoolArray = np.all(np.isfinite(values), axis=1)
    if front.any():
        front[front] = moocore.is_nondominated(values[front])
    return front


def fronts(trace: Trace, fidelity: int) -> Fronts:
    """Return the front of a run after each of its changes.

    Parameters
    ----------
    trace : Trace
        Of T rows, in the order in which they were told.
    fidelity : int
        Index of the full fidelity; rows of lower ones are not eligible.
    """
    return fronts_of(trace.objectives, (trace.fidelity == fidelity) & feasible(trace))


def fronts_of(values: FloatArray, eligible: BoolArray | None = None) -> Fronts:
    """Return the front of a sequence of points after each of its changes.

    Parameters
    ----------
    values : (T, m) float64
        To be minimised; a row with a NaN never enters.
    eligible : (T,) bool, optional
        Rows that may enter; the default is all.
    """
    known = np.all(np.isfinite(values), axis=1)
    candidates = np.flatnonzero(known if eligible is None else known & eligible)
    entered, held = [np.empty(0, dtype=np.int64)], np.empty(0, dtype=np.int64)
    for start in range(0, len(candidates), _BLOCK):
        block = candidates[start : start + _BLOCK]
        block = block[~np.any(_cover(values[held], values[block]), axis=0)]
        block = block[~np.any(np.triu(_cover(values[block], values[block]), 1), axis=0)]
        entered.append(block)
        held = np.concatenate([held, block])
        held = held[_leaving(values[held]) == len(held)]
    rows = np.concatenate(entered)
    return Fronts(rows, _leaving(values[rows]))


def _leaving(points: FloatArray) -> IntArray:
    """Return at which later of points, none covered by an earlier one, each is first dominated: (k,), k for never."""
    beaten = np.triu(_cover(points, points).T, 1)  # [i, j]: j, later, is as good as i in all
    first = np.argmax(beaten, axis=1) if len(points) else np.empty(0, dtype=np.int64)
    return np.where(beaten.any(axis=1), first, len(points)).astype(np.int64)


def _cover(better: FloatArray, worse: FloatArray) -> BoolArray:
    """Return whether each of (p, m) is as good in all objectives as each of (q, m): (p, q)."""
    covers = np.ones((len(better), len(worse)), dtype=bool)
    for objective in range(better.shape[1]):
        covers &= better[:, objective, None] <= worse[None, :, objective]
    return covers
