"""Keys of NASLib and NAS-Bench-Suite-Zero: tuples as text, one form for each search space."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks_data.file.index import first_row
from harness.checks import Archs
from harness.errors import HarnessError, TableError, reason, unknown
from harness.space import SearchSpace
from harness.spaces.four_nodes import EDGES, NONE, SKIP
from harness.spaces.nb101 import wiring as nb101
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, POOL

NB201_OPERATIONS = (SKIP, NONE, CONV_3X3, CONV_1X1, POOL)
"""Our operation of each NASLib number 0 to 4."""
NB201_PLACES = tuple(map(sorted(EDGES).index, EDGES))
"""Where the edge of each of our genes stands in NASLib's order (0-1)(0-2)(0-3)(1-2)(1-3)(2-3)."""
_LONGEST = 1000
"""Characters of a key: those of DARTS have about 200, and Python's parser ends at some thousand brackets."""
_NB101_NAMES = ("input", "output", *reversed(nb101.OPERATIONS))


def archs_of(space: SearchSpace, keys: Sequence[str], source: str) -> Archs:
    """Read keys of a space: n texts to (n, L).

    Parameters
    ----------
    space : SearchSpace
        One of `nb201`, `nb101`, `darts`, `transnas-micro`, `transnas-macro`.
    keys : sequence of str
    source : str
        Named in errors.

    Raises
    ------
    TableError
        If a key is none of that space; names the key.
    """
    if space.name not in _READERS:
        raise TableError(unknown("space with keys of NASLib", space.name, _READERS))
    read = _READERS[space.name]
    archs = []
    for key in keys:
        try:
            if len(key) > _LONGEST:
                raise ValueError(f"it has {len(key)} characters, at most {_LONGEST} are read")
            genes = read(ast.literal_eval(key))
            archs.append(space.parse([genes])[0] if isinstance(genes, str) else np.array(genes))
        except (HarnessError, SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError) as error:
            fault = f"{type(error).__name__}: {reason(error)}"
            raise TableError(f"{source}: the key {key[:120]!r} is none of the space '{space.name}': {fault}") from None
    made = np.array(archs, dtype=space.dtype).reshape(len(keys), space.genes)
    if (row := first_row(~space.is_valid(made))) is not None:
        raise TableError(f"{source}: the key {keys[row][:120]!r} is no architecture of the space '{space.name}'")
    return made


def _nb201(key: Any) -> list[int]:
    if len(key) != len(NB201_PLACES) or not all(0 <= operation < len(NB201_OPERATIONS) for operation in key):
        raise ValueError("it must be six numbers 0 to 4")
    return [NB201_OPERATIONS[key[place]] for place in NB201_PLACES]


def _nb101(key: Any) -> str:
    if len(key) != 56:
        raise ValueError("it must be 49 entries of the matrix and 7 operations")
    return "".join(map(str, key[:49])) + " " + ",".join(_NB101_NAMES[operation] for operation in key[49:])


def _micro(key: Any) -> str:
    a, b, c, d, e, f = key
    return f"{a}_{b}{c}_{d}{e}{f}"


def _macro(key: Any) -> str:
    return "".join(map(str, key)).rstrip("0")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "nb201": _nb201,
    "nb101": _nb101,
    "darts": str,
    "transnas-micro": _micro,
    "transnas-macro": _macro,
}
"""From the parsed key to genes, or to a text that the space reads."""
