"""Numbers as text for the page's script: three significant digits in two letters, curves by what changes in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray, IntArray

LETTERS = "".join(chr(code) for code in range(33, 127) if chr(code) not in '"&<\\')
"""Ninety letters that stand for themselves in JSON and in HTML."""
_BASE = len(LETTERS)
NOTHING, INFINITE = _BASE**2 - 1, _BASE**2 - 2
"""Codes of what is not known, and of what is never reached."""
_PAIRS = np.array([first + second for first in LETTERS for second in LETTERS])
_LETTERS = np.array(list(LETTERS))
_NEAR, _WHOLE = 38, LETTERS[-1]
"""Largest difference of two codes that is one letter, and the letter before a code that is written as it is."""
_FAR = 2 * _NEAR + 1
"""Place of the first of the letters that begin the others."""
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

    Each change is a letter for the steps of the grid since the last one, and one to three letters for each column; a
    last letter says for how many steps more the curve goes on.  "" for a curve that is nowhere known.

    A column is the difference d from its last code, 0 at first: the letter d + 38 where it is at most 38 of either
    sign; where it is at most 578, two letters that count 2 (abs(d) - 39), and 1 where d is below 0, from the letter 77
    on; else the last letter and the two of the code itself.

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
    text = np.concatenate([_LETTERS[gaps][:, None], _changes(codes[places])], axis=1)
    return "".join(text.ravel().tolist()) + LETTERS[last - int(places[-1])]


def _changes(codes: IntArray) -> npt.NDArray[np.str_]:
    """Return the letters of each column of codes, (n, m)."""
    change = np.diff(codes, axis=0, prepend=0)
    size = np.abs(change)
    is_near, far = size <= _NEAR, _FAR * _BASE + 2 * (size - _NEAR - 1) + (change < 0)
    is_far = far < (_BASE - 1) * _BASE
    near = _LETTERS[np.where(is_near, change + _NEAR, 0)]
    pairs = _PAIRS[np.where(is_near, 0, np.where(is_far, far, codes))]
    return np.where(is_near, near, np.where(is_far, pairs, np.char.add(_WHOLE, pairs)))
