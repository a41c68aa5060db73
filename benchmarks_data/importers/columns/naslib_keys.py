"""Keys of NASLib and NAS-Bench-Suite-Zero: tuples as text, one form for each search space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks_data.file.index import first_row
from harness.checks import Archs
from harness.errors import HarnessError, TableError, reason, unknown
from harness.space import SearchSpace
from harness.spaces.literals import literal
from harness.spaces.nb201.texts import genes_of_naslib

_RULE = "be a tuple of NASLib"


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
            genes = read(literal(key, _RULE))
            archs.append(space.parse([genes])[0] if isinstance(genes, str) else np.array(genes))
        except (HarnessError, ValueError, TypeError, LookupError) as error:
            fault = f"{type(error).__name__}: {reason(error)}"
            raise TableError(f"{source}: the key {key[:120]!r} is none of the space '{space.name}': {fault}") from None
    made = np.array(archs, dtype=space.dtype).reshape(len(keys), space.genes)
    if (row := first_row(~space.is_valid(made))) is not None:
        raise TableError(f"{source}: the key {keys[row][:120]!r} is no architecture of the space '{space.name}'")
    return made


def _micro(key: Any) -> str:
    a, b, c, d, e, f = key
    return f"{a}_{b}{c}_{d}{e}{f}"


def _macro(key: Any) -> str:
    return "".join(map(str, key)).rstrip("0")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "nb201": lambda key: genes_of_naslib(tuple(key), str(key)),
    "nb101": str,
    "darts": str,
    "transnas-micro": _micro,
    "transnas-macro": _macro,
}
"""From the parsed key to genes, or to a text that the space reads."""
