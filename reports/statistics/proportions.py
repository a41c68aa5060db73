"""Proportions of items, and differences of two proportions of the same items, with intervals."""

from __future__ import annotations

import math

from scipy import stats

from reports.statistics.agreement import Mean
from reports.statistics.significance import ALPHA

_Z = float(stats.norm.ppf(1 - ALPHA / 2))


def wilson(right: int, items: int) -> Mean:
    """Return a proportion with its 95 % score interval (Wilson, JASA 1927).

    >>> part = wilson(0, 10)
    >>> part.value, round(part.low, 3), round(part.high, 3)
    (0.0, 0.0, 0.278)
    """
    part = right / items
    middle = (part + _Z**2 / (2 * items)) / (1 + _Z**2 / items)
    half = _Z / (1 + _Z**2 / items) * math.sqrt(part * (1 - part) / items + _Z**2 / (4 * items**2))
    return Mean(part, max(middle - half, 0.0), min(middle + half, 1.0))


def paired(gained: int, lost: int, items: int) -> Mean:
    """Return the difference of two proportions of the same items, with a 95 % interval.

    Bonett & Price, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data",
    Journal of Educational and Behavioral Statistics 2012: one item more is counted on each side.

    Parameters
    ----------
    gained, lost : int
        Items that are right in the first alone, and in the second alone.
    """
    first, second = (gained + 1) / (items + 2), (lost + 1) / (items + 2)
    half = _Z * math.sqrt((first + second - (first - second) ** 2) / (items + 2))
    middle = first - second
    return Mean((gained - lost) / items, max(middle - half, -1.0), min(middle + half, 1.0))


def percent(part: Mean) -> Mean:
    """Return a proportion, or a difference of two, in percent."""
    return Mean(100 * part.value, 100 * part.low, 100 * part.high)
