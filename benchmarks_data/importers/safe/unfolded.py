"""The size of what a pickle gave, counted as whoever walks over it meets it.

Lists that hold one list twice, which holds the next one twice, are some bytes of a pickle, and no program comes to the
end of them: numpy, a text of them, a comparison.  What was read is walked over once here, a container of containers at
its first meeting only; what is done with it afterwards takes time in proportion to the pickle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any

import numpy as np

from harness.errors import TableError

DEEPEST = 100
"""Containers within one another; official files have about ten."""
FREE, PER_BYTE = 10**6, 64
"""Values that may be met in any case, and for each byte of the pickle."""
_LEAVES = frozenset({float, int, str, bool, bytes, type(None), np.float64, np.float32, np.int64, np.ndarray, np.str_})
_LISTS, _NUMBERS = frozenset({list}), frozenset({int, float})


def check_unfolded(loaded: Any, size: int) -> None:
    """Refuse what holds itself, is nested too deep, or refers to its parts so often that no walk over it ends.

    Parameters
    ----------
    loaded : object
    size : int
        Bytes of the pickle.

    Raises
    ------
    TableError
    """
    if type(loaded) not in _LEAVES:
        _count(loaded, {}, FREE + PER_BYTE * size, DEEPEST)


def _count(value: Any, known: dict[int, int], most: int, depth: int) -> int:
    """Return how many values are met in one that is no leaf; `known` holds it of containers, 0 of one that is open."""
    if (before := known.get(id(value))) is not None:
        if not before:
            raise TableError("it holds itself")
        return before
    parts = _parts(value)
    met = _fewer(1 + sum(map(len, parts)), most)
    for part in parts:
        if _are_leaves(part):
            continue
        if _LISTS.issuperset(map(type, part)):  # most of a large pickle
            within = _fewer(met + sum(map(len, part)), most)
            if _are_leaves(chain.from_iterable(part)):
                met = within
                continue
        if not depth:
            raise TableError(f"it is nested more than {DEEPEST} deep")
        known[id(value)] = 0
        for each in part:
            if type(each) not in _LEAVES:
                met = _fewer(met + _count(each, known, most, depth - 1), most)
    if id(value) in known:
        known[id(value)] = met
    return met


def _fewer(met: int, most: int) -> int:
    """Return a number of values, before more of them are walked over; raises TableError if there are too many."""
    if met > most:
        raise TableError(f"it refers to its parts so often that more than {most:,} values would be met in it")
    return met


def _are_leaves(part: Iterable[Any]) -> bool:
    """Say whether nothing in a container is one itself; by way of a sum or a text where that is faster by far."""
    once = isinstance(part, chain)
    kind = float if once else type(next(iter(part), None))
    try:
        if kind in _NUMBERS and type(sum(part)) in _NUMBERS:
            return True
        if kind is str:
            return "".join(part) is not None
    except (TypeError, OverflowError):
        pass  # they are of several kinds
    return not once and _LEAVES.issuperset(map(type, part))


def _parts(value: Any) -> list[Collection[Any]]:
    """Return what a container holds, nothing of what is none."""
    if isinstance(value, dict):
        return [value.keys(), value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return [value]
    held = getattr(value, "unfolded", None)  # of a class that keeps what a pickle says
    return [] if held is None else [held]
