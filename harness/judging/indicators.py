"""Indicators of fronts: from arrays of points to numbers, all to be minimised but the hypervolume and the share found.

Points are normalised by the lowest and the highest value of a whole table, so that they lie in [0, 1], and the
reference point of hypervolumes is 1.1 in every objective: the same for all strategies and at all times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.errors import HarnessError, must
from harness.judging.front import Fronts

REFERENCE = 1.1
"""Every coordinate of the reference point, in normalised objectives."""


@dataclass(frozen=True, eq=False)
class Normalisation:
    """The lowest and the highest value of each objective in a table.

    Attributes
    ----------
    low, high : (m,) float64
        Where an objective is logarithmic, of its logarithm.
    log : (m,) bool
        Objectives whose logarithm to base 10 is normalised.
    """

    low: FloatArray
    high: FloatArray
    log: BoolArray

    @classmethod
    def of(cls, values: FloatArray, log: Sequence[bool] | BoolArray = ()) -> Normalisation:
        """Return the normalisation by the rows of a table.

        Parameters
        ----------
        values : (N, m) float64
            To be minimised; rows with a NaN do not count.
        log : m of bool, optional
            The default is none.

        Raises
        ------
        HarnessError
            If no row has all objectives, one of them is constant, or a logarithmic one is not positive.
        """
        logs = np.array(log if len(log) else [False] * values.shape[1], dtype=bool)
        known = values[np.all(np.isfinite(values), axis=1)]
        if not len(known):
            raise HarnessError(must("objectives", "all be known of one row of the table at least", "none"))
        if np.any(known[:, logs] <= 0):
            raise HarnessError(must("log", "name objectives that are minimised and positive", logs.tolist()))
        logged = np.where(logs, np.log10(np.where(logs, known, 1.0)), known)
        low, high = logged.min(axis=0), logged.max(axis=0)
        if np.any(high <= low):
            raise HarnessError(must("objectives", "differ between rows of the table", low[high <= low].tolist()))
        return cls(low, high, logs)

    def unit(self, values: FloatArray) -> FloatArray:
        """Return values as parts of the range: (n, m) to (n, m); NaN stays."""
        with np.errstate(invalid="ignore", divide="ignore"):
            logged = np.where(self.log, np.log10(np.where(self.log, values, 1.0)), values)
        return np.asarray((logged - self.low) / (self.high - self.low))


def hypervolume(points: FloatArray, reference: float | FloatArray = REFERENCE) -> float:
    """Return the volume that points dominate up to the reference point; 0 of none.

    Zitzler & Thiele, "Multiobjective optimization using evolutionary algorithms", PPSN 1998; computed by `moocore`.

    Parameters
    ----------
    points : (n, m) float64
        What does not dominate the reference point adds nothing.
    reference : float or (m,) float64

    >>> hypervolume(np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]]), 5.0)
    11.0
    """
    import moocore

    if not len(points):
        return 0.0
    return float(moocore.hypervolume(points, ref=np.broadcast_to(np.asarray(reference, float), points.shape[1:])))


def contributions(points: FloatArray, reference: float | FloatArray = REFERENCE) -> FloatArray:
    """Return what the hypervolume would lose without each of the points: (n, m) to (n,)."""
    import moocore

    if not len(points):
        return np.empty(0)
    corner = np.broadcast_to(np.asarray(reference, float), points.shape[1:])
    return np.asarray(moocore.hv_contributions(points, ref=corner))


def anytime_hypervolume(points: FloatArray, fronts: Fronts, reference: float | FloatArray = REFERENCE) -> FloatArray:
    """Return the hypervolume of a run's front after each of its changes.

    Parameters
    ----------
    points : (k, m) float64
        What judges the rows that entered; it need not be what the strategy was told.
    fronts : Fronts
        Of k changes.
    reference : float or (m,) float64

    Returns
    -------
    (k,) float64
    """
    return np.array([hypervolume(points[fronts.held(change)], reference) for change in range(len(points))])


def igd_plus(points: FloatArray, front: FloatArray) -> float:
    """Return the mean distance by which points miss those of a front, each by what it is worse alone (IGD+).

    Ishibuchi, Masuda, Tanigaki & Nojima, "Modified distance calculation in generational distance and inverted
    generational distance", EMO 2015: ``mean over r of min over a of |max(a - r, 0)|``.  Unlike IGD, it never prefers a
    dominated set.

    Parameters
    ----------
    points : (n, m) float64
        At least one.
    front : (p, m) float64
        The true front.
    """
    import moocore

    return float(moocore.igd_plus(points, ref=front))


def epsilon(points: FloatArray, front: FloatArray) -> float:
    """Return by how much all points must be better to cover a front: ``max over r, min over a, max over i of a - r``.

    The additive epsilon indicator of Zitzler et al., "Performance assessment of multiobjective optimizers", IEEE TEC
    7(2), 2003.  Parameters as in `igd_plus`.
    """
    import moocore

    return float(moocore.epsilon_additive(points, ref=front))


def r2(points: FloatArray, ideal: float | FloatArray = 0.0) -> float:
    """Return the mean over all weights of the best weighted Tchebycheff distance to an ideal point, of two objectives.

    Hansen & Jaszkiewicz, "Evaluating the quality of approximations to the non-dominated set", 1998; exact over weights
    ``(w, 1 - w)``, w uniform in [0, 1].

    Parameters
    ----------
    points : (n, 2) float64
    ideal : float or (2,) float64
    """
    import moocore

    return float(moocore.r2_exact(points, ref=np.broadcast_to(np.asarray(ideal, float), points.shape[1:])))


def share_found(points: FloatArray, front: FloatArray, tolerance: float = 1e-12) -> float:
    """Return the part of the points of a front that are among the points.

    Parameters
    ----------
    points : (n, m) float64
    front : (p, m) float64
        All different, p at least 1.
    tolerance : float
        Coordinates that differ by this or less are equal.
    """
    if not len(points):
        return 0.0
    distance = np.max(np.abs(points[None] - front[:, None]), axis=2)
    return float(np.mean(np.min(distance, axis=1) <= tolerance))


def attainment(points: FloatArray, sets: IntArray, percent: Sequence[float]) -> dict[float, FloatArray]:
    """Return surfaces that a part of several sets attain: that of 50 percent is the median front.

    Fonseca, Guerreiro, López-Ibáñez & Paquete, "On the computation of the empirical attainment function", EMO 2011:
    the corners of the region that so many of the sets weakly dominate.

    Parameters
    ----------
    points : (n, m) float64
        Of all sets, m = 2 or 3.
    sets : (n,) int64
        The set of each point; a set without a point must not count.
    percent : sequence of float

    Returns
    -------
    dict of float to (k, m) float64
        By percentage; ascending in the first objective.
    """
    import moocore

    order = np.argsort(sets, kind="stable")
    _, numbers = np.unique(sets[order], return_inverse=True)
    wanted = sorted(set(map(float, percent)))
    surfaces = moocore.eaf(points[order], numbers + 1, percentiles=wanted)
    found = {}
    for level in wanted:
        corners = surfaces[np.isclose(surfaces[:, -1], level), :-1]
        found[level] = corners[np.lexsort(corners.T[::-1])]
    return found
