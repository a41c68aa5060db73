"""The forms of result columns, numbers and axes, which hold when a result is written and when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from harness.errors import HarnessError, must
from harness.files.spool import Column

_NUMBERS = {"f": "floats", "i": "integers", "u": "unsigned integers", "b": "true or false", "n": "numbers"}
_KINDS = {"f": "f", "i": "iu", "u": "u", "b": "b", "n": "fiub"}


def check_columns(
    columns: Mapping[str, Column], forms: Mapping[str, str], lengths: Mapping[str, int], needed: Iterable[str] = ()
) -> dict[str, int]:
    """Refuse columns that are not of their form, and return the length of each axis.

    Parameters
    ----------
    columns : mapping of str to array or Pieces
        Those without a form are not looked at.
    forms : mapping of str to str
        What a column holds and its axes: ``"u n L"`` is unsigned integers of shape (n, L).  Numbers are ``f``, ``i`` of
        any sign, ``u``, ``b``, or ``n``, any of them; an axis is a number, or a letter of one length everywhere.
    lengths : mapping of str to int
        Of axes, where they are known.
    needed : iterable of str
        Columns that must be there.

    Raises
    ------
    HarnessError
        Names the column, its form and what it is.

    Examples
    --------
    >>> check_columns({"a": np.zeros((3, 2)), "b": np.arange(3)}, {"a": "f n 2", "b": "i n"}, {})
    {'n': 3}
    """
    if missing := sorted(set(needed) - set(columns)):
        raise HarnessError(f"it has no column {', '.join(missing)}")
    known = dict(lengths)
    for name, form in forms.items():
        if name not in columns:
            continue
        numbers, *axes = form.split()
        dtype, shape = _type_of(columns[name]), np.shape(columns[name])
        wanted = [int(axis) if axis.isdigit() else known.get(axis) for axis in axes]
        fits = len(shape) == len(axes) and all(
            want in (None, length) for want, length in zip(wanted, shape, strict=True)
        )
        if not fits or dtype.kind not in _KINDS[numbers]:
            told = ", ".join(axis if want is None else str(want) for axis, want in zip(axes, wanted, strict=True))
            rule = f"hold {_NUMBERS[numbers]} of shape ({told})"
            raise HarnessError(must(f"column {name}", rule, f"{dtype} of shape {shape}"))
        known |= {axis: length for axis, length in zip(axes, shape, strict=True) if not axis.isdigit()}
    return known


def check_offsets(name: str, offsets: Any, rows: int) -> None:
    """Refuse places at which parts of some rows begin, and the end, that do not go from 0 to their number.

    >>> check_offsets("offsets", np.array([0, 2, 2, 5]), 5)
    """
    places = np.asarray(offsets)
    if len(places) == 0 or places[0] != 0 or places[-1] != rows or (places[1:] < places[:-1]).any():
        raise HarnessError(must(f"column {name}", f"rise from 0 to {rows}", places[:8].tolist()))


def check_finite(name: str, column: Any, *, low: float = 0.0) -> None:
    """Refuse numbers that are not finite, or below the lowest that there can be."""
    values = np.asarray(column, dtype=np.float64)
    if not (np.isfinite(values) & (values >= low)).all():
        wrong = values[~(np.isfinite(values) & (values >= low))]
        raise HarnessError(must(f"column {name}", f"hold finite numbers, at least {low:g}", wrong.ravel()[:3].tolist()))


def _type_of(column: Column) -> np.dtype[Any]:
    return column.dtype if hasattr(column, "dtype") else np.asarray(column).dtype
