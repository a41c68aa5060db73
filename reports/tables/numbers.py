"""Numbers in words: values, regrets, p values and intervals as tables and sentences write them."""

from __future__ import annotations

import math

import numpy as np

from reports.statistics.agreement import Ceiling, Mean
from reports.statistics.scale import Scale

DASH = NONE = "\N{EN DASH}"
"""Between two names; alone, it stands for what does not exist."""
MINUS = "\N{MINUS SIGN}"
INFINITY = "\N{INFINITY}"


def three_digits(value: float, least: float = 0.001) -> str:
    """Write a size with three significant digits, with an exponent only where it is very small or large.

    Parameters
    ----------
    value : float
    least : float
        A power of ten: "<least" is said of what is smaller, and not 0.

    >>> [three_digits(value) for value in (0.16, 0.12986, 12.345, 0.0, 0.00002, 1234.0)]
    ['0.160', '0.130', '12.3', '0', '<0.001', '1234']
    >>> [three_digits(value, 1e-9) for value in (0.00021, 1.5e-7, 1e-12, 2.5e8)]
    ['0.000210', '1.50e-7', '<1e-9', '2.50e8']
    >>> three_digits(float("-inf")) == MINUS + INFINITY
    True
    """
    if np.isnan(value):
        return NONE
    if value == 0:
        return "0"
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if np.isinf(size):
        return sign + INFINITY
    if size < least:
        return f"{sign}<{_exponent(least, 0) if least < 1e-4 or least >= 1e6 else f'{least:g}'}"
    if not 1e-4 <= size < 1e6:
        return sign + _exponent(size, 2)
    return sign + (f"{size:.0f}" if size >= 1000 else _significant(size, 3))


def decimals(value: float, digits: int = 2) -> str:
    """Write a number with some decimals, a dash for none.

    >>> decimals(93.456), decimals(float("nan")) == NONE, decimals(-0.5) == MINUS + "0.50"
    ('93.46', True, True)
    """
    return NONE if np.isnan(value) else f"{value:z.{digits}f}".replace("-", MINUS)


def regret_words(value: float, scale: Scale) -> str:
    """Write a regret, or a difference of two, with three digits down to a hundredth of what a row can have."""
    return three_digits(value, float(f"{scale.floor / 100:.0e}"))


def value_words(value: float, scale: Scale) -> str:
    """Write a value of a table, or a spread of values, with the digits that tell its rows apart."""
    if np.isnan(value):
        return NONE
    if value == 0 and scale.exponent:
        return "0"
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if np.isinf(size):
        return sign + INFINITY
    if scale.exponent:
        return sign + _exponent(size, max(0, math.floor(math.log10(size)) + scale.decimals))
    return sign + f"{round(size, scale.decimals):.{max(0, scale.decimals)}f}"


def _exponent(size: float, digits: int) -> str:
    """Write a positive number with an exponent and so many digits behind the point."""
    mantissa, _, exponent = f"{size:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


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
    """Write an estimate with its interval, where it has one: "0.160 [0.120, 0.210]"."""
    return middle if low == high == NONE else f"{middle} [{low}, {high}]"


def mean_words(mean: Mean) -> str:
    """Write a mean difference with its interval, where it has one."""
    if math.isnan(mean.low):
        return signed(mean.value)
    return bracket(*[signed(value) for value in (mean.value, mean.low, mean.high)])


def ceiling_words(ceiling: Ceiling) -> str:
    """Write the rank agreement that noise allows, with its interval."""
    return bracket(*[f"{value:.2f}" for value in (ceiling.median, ceiling.low, ceiling.high)])
