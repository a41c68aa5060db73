"""Ranks of strategies within blocks, and the tests of mean ranks over benchmarks."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import stats

from harness.checks import FloatArray
from reports.statistics.significance import ALPHA


def average_ranks(values: FloatArray) -> FloatArray:
    """Rank strategies within each block, 1 = smallest, ties share the average; NaN ranks worst.

    Parameters
    ----------
    values : (..., k) float64
        Smaller is better.
    """
    ranks: FloatArray = stats.rankdata(np.where(np.isnan(values), np.inf, values), method="average", axis=-1)
    return ranks


def refusal(tasks: int) -> str:
    """Say why fewer than five tasks are not tested across (critical-difference diagrams, Friedman); "" for more.

    With N = 3 and k = 5 the critical difference is 3.52 of a possible rank distance of 4: nothing could be found.
    """
    if tasks >= 5:
        return ""
    return (
        f"no test across benchmarks, which needs at least 5 of them and has {tasks}; strategies are compared on each"
        " one, with one Holm correction over benchmarks and pairs"
    )


def friedman(mean_ranks: FloatArray, tasks: int) -> tuple[float, float, float]:
    """Return Friedman's chi-squared (no ties), Iman and Davenport's F and its p.

    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2.

    >>> chi2, f, _ = friedman(np.array([3.143, 2.000, 2.893, 1.964]), 14)
    >>> round(chi2, 2), round(f, 2)
    (9.28, 3.69)
    """
    k = len(mean_ranks)
    chi2 = 12 * tasks / (k * (k + 1)) * (float(np.sum(mean_ranks**2)) - k * (k + 1) ** 2 / 4)
    remainder = tasks * (k - 1) - chi2
    f = (tasks - 1) * chi2 / remainder if remainder > 0 else math.inf
    return chi2, f, float(stats.f.sf(f, k - 1, (k - 1) * (tasks - 1)))


@cache
def critical_difference(strategies: int, tasks: int, alpha: float = ALPHA) -> float:
    """Return Nemenyi's critical difference of mean ranks (Demsar 2006, equation 6 context).

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    q = stats.studentized_range.ppf(1 - alpha, strategies, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(strategies * (strategies + 1) / (6 * tasks)))


def groups_within(mean_ranks: FloatArray, difference: float) -> list[tuple[int, ...]]:
    """Return the largest groups of strategies whose mean ranks lie within a critical difference of each other.

    The bars of a critical-difference diagram: indices by mean rank, groups of one left out, from the best on.

    >>> groups_within(np.array([3.0, 1.0, 1.5, 2.4]), 1.0)
    [(1, 2), (2, 3), (3, 0)]
    """
    order = np.argsort(mean_ranks, kind="stable")
    ordered = mean_ranks[order]
    ends = np.searchsorted(ordered, ordered + difference * (1 + 1e-12), side="right")
    groups = []
    furthest = 0
    for start, end in enumerate(ends):
        if end > furthest and end - start > 1:
            groups.append(tuple(order[start:end].tolist()))
        furthest = max(furthest, int(end))
    return groups
