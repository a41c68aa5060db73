"""Scalarisations: several objectives, to be minimised, made one by weights; and the weights."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray

AUGMENTATION = 0.05
"""Weight of the sum in the augmented Tchebycheff function (Knowles, 2006)."""
LATTICE_STEPS = {2: 10, 3: 4}
"""Steps of the lattice of weights by the number of objectives, 11 and 15 vectors; see `lattice`."""
_FEWEST_OF_LATTICE = 10


def lattice(objectives: int, steps: int | None = None) -> FloatArray:
    """Return all weights that are multiples of ``1 / steps`` and add up to 1, (n, m), in lexicographic order.

    Das & Dennis, "Normal-boundary intersection", SIAM Journal on Optimization 8, 1998: ``comb(steps + m - 1, m - 1)``
    of them.  Without `steps`, `LATTICE_STEPS`, and for more objectives the fewest steps that give ten vectors.

    Examples
    --------
    >>> lattice(2, 2).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    >>> len(lattice(2)), len(lattice(3)), len(lattice(3, 12))
    (11, 15, 91)
    """
    if steps is None:
        steps = LATTICE_STEPS.get(objectives, 1)
        while comb(steps + objectives - 1, objectives - 1) < _FEWEST_OF_LATTICE and objectives > 1:
            steps += 1
    # Bars between stars: what lies between two of m - 1 bars in steps + m - 1 places is the share of an objective.
    places = steps + objectives - 1
    bars = np.array([*combinations(range(places), objectives - 1)], dtype=np.int64).reshape(-1, objectives - 1)
    edge = np.ones((len(bars), 1), dtype=np.int64)
    shares = np.diff(np.concatenate([-edge, bars, places * edge], axis=1), axis=1) - 1
    weights: FloatArray = shares / steps
    return weights


def simplex(n: int, objectives: int, rng: np.random.Generator) -> FloatArray:
    """Draw weights uniformly among those that are not negative and add up to 1, (n, m)."""
    drawn = rng.exponential(size=(n, objectives))
    weights: FloatArray = drawn / drawn.sum(axis=1, keepdims=True)
    return weights


def linear(objectives: FloatArray, weights: npt.ArrayLike) -> FloatArray:
    """Return ``sum_j w_j f_j``: (..., m) to (...)."""
    total: FloatArray = np.sum(objectives * np.asarray(weights), axis=-1)
    return total


def tchebycheff(objectives: FloatArray, weights: npt.ArrayLike, augmentation: float = 0.0) -> FloatArray:
    """Return ``max_j w_j f_j + augmentation sum_j w_j f_j``: (..., m) to (...); objectives count from the ideal point.

    Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization
    problems", IEEE Transactions on Evolutionary Computation 10(1), 2006, equation 2.

    Examples
    --------
    >>> round(float(tchebycheff(np.array([0.2, 0.6]), [0.3, 0.7], AUGMENTATION)), 6)
    0.444
    """
    weighted = objectives * np.asarray(weights)
    largest: FloatArray = weighted.max(axis=-1) + augmentation * weighted.sum(axis=-1)
    return largest
