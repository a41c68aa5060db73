"""Argument checks with one wording; they return the checked value so that they can stand in an assignment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError, must

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
UInt64Array = npt.NDArray[np.uint64]
Archs = npt.NDArray[Any]
"""(n, L) unsigned integers: n architectures, L genes."""


MOST = 10**6
"""The most of anything that a strategy or a learner counts: what is above it is a slip, and more than memory holds."""
GREATEST = 1e30
"""The largest number that networks are trained with, such as a rate: single precision holds little more."""


def integer(name: str, value: object, *, low: int | None = None, high: int | None = None) -> int:
    """Return `value` as an int in ``[low, high]``; bools and fractions are refused."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise HarnessError(must(name, "be an integer", value))
    if low is not None and value < low:
        raise HarnessError(must(name, f"be at least {low}", value))
    if high is not None and value > high:
        raise HarnessError(must(name, f"be at most {high}", value))
    return int(value)


def real(name: str, value: object, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False) -> float:
    """Return `value` as a finite float in ``[low, high]``, or ``(low, high]`` with `open_low`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise HarnessError(must(name, "be a number", value))
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of floats
        number = math.inf
    if not math.isfinite(number):
        raise HarnessError(must(name, "be finite", value))
    if value < low or (open_low and value == low):
        raise HarnessError(must(name, f"be {'greater than' if open_low else 'at least'} {low:g}", value))
    if value > high:
        raise HarnessError(must(name, f"be at most {high:g}", value))
    return number


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value`, one of `allowed`."""
    if value not in allowed:
        raise HarnessError(must(name, f"be one of {', '.join(map(repr, allowed))}", value))
    return str(value)


def boolean(name: str, value: object) -> bool:
    """Return `value`, true or false."""
    if not isinstance(value, bool):
        raise HarnessError(must(name, "be true or false", value))
    return value


def listed(name: str, value: object) -> tuple[Any, ...]:
    """Return the items of a list, which is no text.

    >>> listed("phases", [1, 2])
    (1, 2)
    """
    if not isinstance(value, list | tuple):
        raise HarnessError(must(name, "be a list", value))
    return tuple(value)


def arch_matrix(name: str, archs: object, genes: int) -> Archs:
    """Return `archs` as an (n, L) integer array with L = `genes`."""
    array = np.asarray(archs)
    if array.ndim != 2 or array.shape[1] != genes:
        raise HarnessError(must(name, f"have shape (n, {genes})", array.shape))
    if array.dtype.kind not in "ui":
        raise HarnessError(must(name, "be an array of integers", array.dtype))
    return array


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of `array` that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view
