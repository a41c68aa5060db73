"""The field's ways to write cells of NAS-Bench-201: the official string and lists of nodes, and the tuples of NASLib.

The official code prints a cell as ``Structure(4 nodes with |op~0|+…)`` and keeps it as a list of nodes, each with an
(operation, input) for every node before it.  A tuple of NASLib is six numbers in parentheses, ``(4, 0, 3, 1, 4, 3)``:
NASLib numbers the operations and the edges in another order than the official strings.  Numbers in any other form, such
as ``[4, 0, 3, 1, 4, 3]``, do not say which they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness.errors import HarnessError, must
from harness.space import operation_code
from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP
from harness.spaces.literals import literal
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, OPERATIONS, POOL

NASLIB_OPERATIONS = (SKIP, NONE, CONV_3X3, CONV_1X1, POOL)
"""Our operation of each NASLib number 0 to 4."""
NASLIB_PLACES = tuple(map(sorted(EDGES).index, EDGES))
"""Where the edge of each of our genes stands in NASLib's order (0-1)(0-2)(0-3)(1-2)(1-3)(2-3)."""
_FORM = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
_HINT = "read '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"
_STRUCTURE = re.compile(r"Structure\(\d+ nodes with (.*)\)")
_TUPLE_HINT = f"{_HINT}, or be a tuple of NASLib, '(4, 0, 3, 1, 4, 3)', six numbers 0 to 4"


def read(text: str) -> list[int]:
    """Return the six genes of an official string or list of nodes, or of a tuple of NASLib.

    Raises
    ------
    HarnessError
        If the text is none of them.
    """
    written = text.strip()
    structure = _STRUCTURE.fullmatch(written)
    match = _FORM.fullmatch(structure[1] if structure else written)
    if match is not None:
        return [operation_code(name, OPERATIONS, text) for name in match.groups()]
    if written.startswith(("(", "[")):
        told = literal(text, _TUPLE_HINT)
        if isinstance(told, tuple | list) and len(told) == NODES - 1:
            return _genes_of_nodes(told, text)
        if written.startswith("("):
            return genes_of_naslib(told, text)
    raise HarnessError(must("architecture", _HINT, text))


def _genes_of_nodes(nodes: Sequence[Any], text: str) -> list[int]:
    """Return the six genes of a list of nodes, whose inputs may come in any order."""
    operations = {}
    try:
        for target, node in enumerate(nodes, start=1):
            for name, source in node:
                operations[(int(source), target)] = operation_code(str(name), OPERATIONS, text[:200])
        if sum(map(len, nodes)) != len(EDGES):
            raise ValueError("an edge is there twice, or is missing")
        return [operations[edge] for edge in EDGES]
    except HarnessError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise HarnessError(must("architecture", _TUPLE_HINT, text)) from error


def genes_of_naslib(key: object, text: str) -> list[int]:
    """Return the six genes of a tuple of NASLib; raises HarnessError if it is none."""
    if not isinstance(key, tuple) or len(key) != len(EDGES):
        raise HarnessError(must("architecture", _TUPLE_HINT, text))
    if not all(type(code) is int and 0 <= code < len(NASLIB_OPERATIONS) for code in key):
        raise HarnessError(must("architecture", _TUPLE_HINT, text))
    return [NASLIB_OPERATIONS[key[place]] for place in NASLIB_PLACES]


def notation(text: str) -> str:
    """Say how the numbers of a tuple are meant, "" for an official string.

    >>> notation("(4, 0, 3, 1, 4, 3)")[:60]
    'tuples of NASLib, 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 '
    """
    if not re.match(r"\s*\(\s*\d", text):
        return ""
    numbered = ", ".join(f"{code} {OPERATIONS[ours]}" for code, ours in enumerate(NASLIB_OPERATIONS))
    edges = ", ".join(f"{source}-{target}" for source, target in sorted(EDGES))
    return f"tuples of NASLib, {numbered}, on the edges {edges}"
