"""Numbers in words: values, regrets, p values and intervals as tables and sentences write them."""

from __future__ import annotations

import math

import numpy as np

from reports.statistics.agreement import Ceiling, Mean

DASH = NONE = "\N{EN DASH}"
"""Between two names; alone, it stands for what does not exist."""
MINUS = "\N{MINUS SIGN}"


def three_digits(value: float) -> str:
    """Write a regret with three significant digits, without an exponent.

    >>> [three_digits(value) for value in (0.16, 0.12986, 12.345, 0.0, 0.00002, 1234.0)]
    ['0.160', '0.130', '12.3', '0', '<0.001', '1234']
    """
    if np.isnan(value):
        return NONE
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return "<0.001" if value > 0 else f"{MINUS}<0.001"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return (MINUS if value < 0 else "") + _significant(abs(value), 3)


def accuracy(value: float, unit: str) -> str:
    """Write a value of a table: two decimals for percent, else four significant digits."""
    if np.isnan(value):
        return NONE
    return f"{value:.2f}" if unit == "percent" else f"{value:.4g}"


def p_value(value: float) -> str:
    """Write a p value: two significant digits, and "<0.001" below that.

    >>> [p_value(value) for value in (0.034567, 0.0002, 1.0)]
    ['0.035', '<0.001', '1.0']
    """
    if np.isnan(value):
        return NONE
    if value < 0.001:
        return "<0.001"
    return _significant(value, 2)


def _significant(value: float, digits: int) -> str:
    """Write a positive number below 1000 with so many significant digits, trailing zeros kept."""
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(rounded)))}f}"


def signed(value: float) -> str:
    """Write a difference with its sign and two decimals, zero as positive.

    >>> [signed(value) for value in (0.5, -1.25, -0.001)]
    ['+0.50', '\N{MINUS SIGN}1.25', '+0.00']
    """
    return f"{value:+z.2f}".replace("-", MINUS)


def bracket(middle: str, low: str, high: str) -> str:
    """Write an estimate with its interval: "0.160 [0.120, 0.210]"."""
    return f"{middle} [{low}, {high}]"


def mean_words(mean: Mean) -> str:
    """Write a mean difference with its interval, where it has one."""
    if math.isnan(mean.low):
        return signed(mean.value)
    return bracket(*[signed(value) for value in (mean.value, mean.low, mean.high)])


def ceiling_words(ceiling: Ceiling) -> str:
    """Write the rank agreement that noise allows, with its interval."""
    return bracket(*[f"{value:.2f}" for value in (ceiling.median, ceiling.low, ceiling.high)])
