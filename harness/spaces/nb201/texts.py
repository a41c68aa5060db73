"""The field's ways to write cells of NAS-Bench-201: the official string, and the tuples of NASLib.

A tuple is six numbers in parentheses, ``(4, 0, 3, 1, 4, 3)``: NASLib numbers the operations and the edges in another
order than the official strings.  Numbers in any other form, such as ``[4, 0, 3, 1, 4, 3]``, do not say which they are.
"""

from __future__ import annotations

import re

from harness.errors import HarnessError, must
from harness.space import operation_code
from harness.spaces.four_nodes import EDGES, NONE, SKIP
from harness.spaces.literals import literal
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, OPERATIONS, POOL

NASLIB_OPERATIONS = (SKIP, NONE, CONV_3X3, CONV_1X1, POOL)
"""Our operation of each NASLib number 0 to 4."""
NASLIB_PLACES = tuple(map(sorted(EDGES).index, EDGES))
"""Where the edge of each of our genes stands in NASLib's order (0-1)(0-2)(0-3)(1-2)(1-3)(2-3)."""
_FORM = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
_HINT = "read '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"
_TUPLE_HINT = f"{_HINT}, or be a tuple of NASLib, '(4, 0, 3, 1, 4, 3)', six numbers 0 to 4"


def read(text: str) -> list[int]:
    """Return the six genes of an official string or of a tuple of NASLib.

    Raises
    ------
    HarnessError
        If the text is neither.
    """
    match = _FORM.fullmatch(text.strip())
    if match is not None:
        return [operation_code(name, OPERATIONS, text) for name in match.groups()]
    if text.strip().startswith("("):
        return genes_of_naslib(literal(text, _TUPLE_HINT), text)
    raise HarnessError(must("architecture", _HINT, text))


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
    if not text.strip().startswith("("):
        return ""
    numbered = ", ".join(f"{code} {OPERATIONS[ours]}" for code, ours in enumerate(NASLIB_OPERATIONS))
    edges = ", ".join(f"{source}-{target}" for source, target in sorted(EDGES))
    return f"tuples of NASLib, {numbered}, on the edges {edges}"
