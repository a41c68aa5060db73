"""Numbers as text for the page's script: three significant digits in two letters, curves by their changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray, IntArray

LETTERS = "".join(chr(code) for code in range(33, 127) if chr(code) not in '"&<\\')
"""Ninety letters that stand for themselves in JSON and in HTML."""
_BASE = len(LETTERS)
NOTHING, INFINITE = _BASE**2 - 1, _BASE**2 - 2
"""Codes of what is not known, and of what is never reached."""
_PAIRS = np.array([first + second for first in LETTERS for second in LETTERS])
_DECADE = 900
"""Numbers of three significant digits in a decade."""
_DECADES = 8


@dataclass(frozen=True)
class Digits:
    """A code of two letters for numbers of three significant digits, over eight decades, or four of either sign.

    0 is code 0; what is closer to it than the lowest decade is the smallest number.

    Attributes
    ----------
    exponent : int
        Power of ten of the smallest number.
    signed : bool
    """

    exponent: int
    signed: bool = False

    @classmethod
    def of(cls, values: FloatArray, *, signed: bool = False) -> Digits:
        """Return the code whose highest decade is that of the largest size among values.

        >>> Digits.of(np.array([0.2, 34.0, np.nan]))
        Digits(exponent=-6, signed=False)
        """
        sizes = np.abs(values[np.isfinite(values)])
        largest = float(sizes.max()) if len(sizes) else 0.0
        decades = _DECADES // 2 if signed else _DECADES
        top = math.floor(math.log10(largest) + 1e-3) if largest > 0 else 0
        return cls(top - decades + 1, signed)

    def codes(self, values: FloatArray) -> IntArray:
        """Return the code of each number, of the same shape.

        >>> Digits(-6).codes(np.array([0.0, 1e-6, 1.0, 0.12345, np.nan])).tolist()
        [0, 1, 5401, 4524, 8099]
        """
        values = np.asarray(values, dtype=np.float64)
        sizes = np.abs(np.where(np.isfinite(values), values, 1.0))
        with np.errstate(divide="ignore"):
            powers = np.where(sizes > 0, np.floor(np.log10(sizes)), self.exponent)
        digits = np.rint(sizes / 10.0**powers * 100)
        powers, digits = powers + (digits >= 1000), np.where(digits >= 1000, 100, digits)
        decades = _DECADES // 2 if self.signed else _DECADES
        codes = 1 + (powers - self.exponent) * _DECADE + digits - 100
        codes = np.clip(codes, 1, decades * _DECADE) + np.where(values < 0, decades * _DECADE if self.signed else 0, 0)
        codes[sizes == 0] = 0
        codes[np.isinf(values)] = INFINITE
        codes[np.isnan(values)] = NOTHING
        return np.asarray(codes.astype(np.int64))

    def text(self, values: FloatArray) -> str:
        """Return numbers one after the other."""
        return letters(self.codes(values))


def letters(codes: IntArray) -> str:
    """Return two letters for each code, a number from 0 to 8,099."""
    return "".join(_PAIRS[np.ravel(codes)])


def steps(digits: Digits, *columns: FloatArray) -> str:
    """Return a step curve on a grid as its changes.

    Each change is a letter for the steps of the grid since the last one, and two letters for each column; a last letter
    says for how many steps more the curve goes on.  "" for a curve that is nowhere known.

    Parameters
    ----------
    digits : Digits
    *columns : (T,) float64
        The curve, and what goes with it, such as the ends of its band; NaN where it is not defined.
    """
    known = np.flatnonzero(~np.isnan(columns[0]))
    if len(known) == 0:
        return ""
    last = int(known[-1])
    codes = np.stack([digits.codes(column[: last + 1]) for column in columns], axis=1)
    changed = np.any(np.diff(codes, axis=0, prepend=-1) != 0, axis=1)
    changed[:: _BASE - 1] = True  # a letter counts no further
    places = np.flatnonzero(changed)
    gaps = np.diff(places, prepend=0)
    parts = [LETTERS[gap] + letters(codes[place]) for gap, place in zip(gaps, places, strict=True)]
    return "".join(parts) + LETTERS[last - int(places[-1])]
