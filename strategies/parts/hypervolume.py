"""Hypervolume improvement: of points, of normal predictions, of members, and by scalarisation; lower is better.

What a front does not dominate, below a reference point, is cut into disjoint boxes (`undominated`).  A point gains from
each box the volume of the part that it dominates, which is a product over objectives, so that the expectation for
independent normal objectives is a product too, and exact for any number of objectives; an objective that is known is
one of deviation 0.  Two objectives give the stripes of Emmerich, Deutz & Klinkenberg, "Hypervolume-based expected
improvement: monotonicity properties and exact computation", CEC 2011; three the slices of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, pi

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from strategies.parts.acquisition import normal_cdf, normal_pdf

RANGE_SHARE = 0.1
"""What a reference point lies beyond the worst, as a share of the range (Ishibuchi et al.; the default of BoTorch)."""
_NUMBERS_AT_ONCE = 1 << 21
"""Boxes times points handled at once; bounds memory."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Disjoint boxes that fill what a front does not dominate below a reference point.

    Attributes
    ----------
    edges : tuple of m (g,) float64
        The coordinates at which boxes begin and end in each objective, ascending; the first is minus infinity, the last
        that of the reference point.
    lower, upper : (B, m) int64
        Places in `edges`.
    """

    edges: tuple[FloatArray, ...]
    lower: IntArray
    upper: IntArray


def undominated(points: FloatArray, reference: FloatArray) -> Boxes:
    """Cut what points do not dominate, below the reference point, into disjoint boxes.

    Parameters
    ----------
    points : (k, m) float64
        Finite, m at least 1; dominated ones, and those that do not lie below the reference, change nothing.
    reference : (m,) float64

    Returns
    -------
    Boxes
        At most k + 1 with two objectives, and about k^2 / 2 with three.

    Examples
    --------
    >>> boxes = undominated(np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]]), np.array([5.0, 5.0]))
    >>> improvement(np.array([[0.5, 0.5], [3.0, 1.5], [4.0, 4.0]]), boxes).tolist()
    [9.25, 0.5, 0.0]
    """
    reference = np.asarray(reference, dtype=np.float64)
    inside = np.asarray(points, dtype=np.float64).reshape(-1, len(reference))
    inside = inside[np.all(inside < reference, axis=1)]
    edges = tuple(
        np.concatenate([[-np.inf], np.unique(inside[:, objective]), [limit]])
        for objective, limit in enumerate(reference.tolist())
    )
    places = np.column_stack([np.searchsorted(edge, inside[:, j]) for j, edge in enumerate(edges)])
    lower, upper = _cut(places.reshape(inside.shape), [len(edge) - 1 for edge in edges])
    return Boxes(edges, lower, upper)


def _cut(places: IntArray, ends: list[int]) -> tuple[IntArray, IntArray]:
    """Return the boxes, (B, m) each, that points on a grid of whole numbers leave below `ends`."""
    if len(ends) == 1:
        top = int(places.min(initial=ends[0]))
        return np.array([[0]]), np.array([[top]])
    if len(ends) == 2:
        return _stripes(places, ends)
    lower, upper = [], []
    levels = np.unique(places[:, -1])
    bottom, before = 0, _cut(places[:0, :-1], ends[:-1])
    for level in [*levels.tolist(), ends[-1]]:
        height = [np.full((len(before[0]), 1), end) for end in (bottom, level)]
        lower.append(np.concatenate([before[0], height[0]], axis=1))
        upper.append(np.concatenate([before[1], height[1]], axis=1))
        bottom, before = level, _cut(places[places[:, -1] <= level, :-1], ends[:-1])
    return np.concatenate(lower), np.concatenate(upper)


def _stripes(places: IntArray, ends: list[int]) -> tuple[IntArray, IntArray]:
    """Return the stripes that points on a grid leave below `ends`, two objectives."""
    order = np.lexsort((places[:, 1], places[:, 0]))
    first, second = places[order].T.reshape(2, -1)
    lowest = np.minimum.accumulate(second) if len(second) else second
    kept: BoolArray = np.ones(len(lowest), dtype=bool)
    kept[1:] = second[1:] < lowest[:-1]
    left = np.concatenate([[0], first[kept]])
    right = np.concatenate([first[kept], [ends[0]]])
    ceiling = np.concatenate([[ends[1]], second[kept]])
    zero = np.zeros(len(left), dtype=np.int64)
    return np.stack([left, zero], axis=1), np.stack([right, ceiling], axis=1)


def improvement(points: FloatArray, boxes: Boxes) -> FloatArray:
    """Return the hypervolume that each point alone would add, (q, m) to (q,)."""
    return _volume([np.maximum(edge - points[:, j, None], 0.0) for j, edge in enumerate(boxes.edges)], boxes)


def expected_improvement(mean: FloatArray, std: FloatArray, boxes: Boxes) -> FloatArray:
    """Return the expected hypervolume improvement of independent normal objectives, exactly.

    ``sum over boxes of prod_j [psi(u_j) - psi(l_j)]`` with ``psi(t) = E[max(t - Y, 0)]``; see `shortfall`.

    Parameters
    ----------
    mean, std : (q, m) float64
        A deviation of 0 means that the value is known.
    boxes : Boxes

    Returns
    -------
    (q,) float64
        Not negative.

    Examples
    --------
    >>> boxes = undominated(np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]]), np.array([5.0, 5.0]))
    >>> mean, std = np.array([[1.5, 1.5], [3.0, 3.0], [2.5, 2.5]]), np.array([[0.5, 0.5], [1.0, 1.0], [0.3, 0.6]])
    >>> expected_improvement(mean, std, boxes).round(6).tolist()
    [2.498211, 0.189283, 0.111702]
    """
    below = [shortfall(edge, mean[:, j, None], std[:, j, None]) for j, edge in enumerate(boxes.edges)]
    return _volume(below, boxes)


def shortfall(limit: FloatArray, mean: FloatArray, std: FloatArray) -> FloatArray:
    """Return ``psi(t) = E[max(t - Y, 0)]`` of normal Y: ``(t - mean) cdf(z) + std pdf(z)``, of shapes that broadcast.

    ``max(t - mean, 0)`` where the deviation is 0, and 0 at minus infinity.
    """
    gain = np.where(np.isneginf(limit), 0.0, limit - mean)
    uncertain = (std > 0) & ~np.isneginf(limit)
    z = np.divide(gain, std, out=np.zeros_like(gain), where=uncertain)
    below = np.maximum(gain * normal_cdf(z) + std * normal_pdf(z), 0.0)
    known = np.where(np.isneginf(limit), 0.0, np.maximum(gain, 0.0))
    expected: FloatArray = np.where(uncertain, below, known)
    return expected


def _volume(below: list[FloatArray], boxes: Boxes) -> FloatArray:
    """Return the sum over boxes of the product of what lies between their edges: m times (q, g) to (q,)."""
    count = len(below[0])
    volumes = np.empty(count)
    step = max(1, _NUMBERS_AT_ONCE // max(len(boxes.lower), 1))
    for start in range(0, count, step):
        part = slice(start, start + step)
        product = np.ones((min(step, count - start), len(boxes.lower)))
        for objective, values in enumerate(below):
            rows = values[part]
            product *= rows[:, boxes.upper[:, objective]] - rows[:, boxes.lower[:, objective]]
        volumes[part] = np.sum(product, axis=1)
    return np.maximum(volumes, 0.0)


def reference_point(points: FloatArray, most: FloatArray | None = None, share: float = RANGE_SHARE) -> FloatArray:
    """Return a reference point beyond the worst of points: their maximum plus a share of their range.

    Where the points are a front, that is the nadir and the rule of BoTorch (`infer_reference_point`, with the sign
    turned).  An objective without range is moved by a share of its size, or of 1 where it is 0.

    Parameters
    ----------
    points : (k, m) float64
        Finite, k at least 1.
    most : (m,) float64, optional
        What the reference point does not exceed.
    share : float

    Examples
    --------
    >>> reference_point(np.array([[1.0, 4.0], [4.0, 1.0]])).tolist()
    [4.3, 4.3]
    >>> reference_point(np.array([[1.0, 4.0], [4.0, 1.0]]), most=np.array([4.1, 9.0])).tolist()
    [4.1, 4.3]
    """
    nadir, width = points.max(axis=0), np.ptp(points, axis=0)
    size = np.where(nadir != 0, np.abs(nadir), 1.0)
    beyond: FloatArray = nadir + share * np.where(width > 0, width, size)
    return beyond if most is None else np.minimum(beyond, most)


def directions(n: int, objectives: int, rng: np.random.Generator) -> FloatArray:
    """Draw directions uniformly on the part of the unit sphere where no coordinate is negative, (n, m)."""
    drawn = np.abs(rng.standard_normal((n, objectives)))
    unit: FloatArray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def scalarised(points: FloatArray, weights: FloatArray, reference: FloatArray) -> FloatArray:
    """Return the hypervolume scalarisations of points, higher is better: (q, m), (n, m) to (q, n).

    ``min_j (max(0, (r_j - f_j) / w_j))^m``: Golovin & Zhang, "Random hypervolume scalarizations for provable
    multi-objective black box optimization", ICML 2020.  `sphere_share` times the mean, over directions, of the largest
    of a set is its hypervolume.
    """
    height = np.maximum(np.asarray(reference) - points, 0.0)[:, None, :] / np.maximum(weights, 1e-12)
    powers: FloatArray = height.min(axis=2) ** points.shape[1]
    return powers


def sphere_share(objectives: int) -> float:
    """Return ``c_m = pi^(m/2) / (2^m Gamma(m/2 + 1))``, the volume of the part of the unit ball in one orthant."""
    return float(pi ** (objectives / 2) / (2**objectives * gamma(objectives / 2 + 1)))
