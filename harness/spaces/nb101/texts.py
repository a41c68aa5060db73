"""NAS-Bench-101 cells as text: the strings of a record, matrix and operations, or the tuples of NASLib."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.space import operation_code
from harness.spaces.literals import data, literal
from harness.spaces.nb101.wiring import EDGES, INNER, MOST_EDGES, OPERATIONS, VERTICES, reach, wiring

_FORM = re.compile(r"([01]+)[\s;]+([\w,-]+)")
_MODEL_SPEC = re.compile(r"ModelSpec\(\s*(?:matrix\s*=)?\s*(\[.*\])\s*,\s*(?:ops\s*=)?\s*(\[.*\])\s*,?\s*\)", re.DOTALL)
_NASLIB = ("input", "output", *reversed(OPERATIONS))
"""Names of NASLib's numbers."""
_HINT = "read '011001000 input,conv3x3-bn-relu,output' (adjacency by rows, then operations)"


def write(archs: Archs) -> list[str]:
    """Write codings as adjacency of seven vertices by rows and operations, as in a record: (n, 26) to n strings."""
    square = np.full((len(archs), VERTICES, VERTICES), ord("0"), dtype=np.uint8)
    square[:, *np.triu_indices(VERTICES, 1)] += np.asarray(archs[:, : len(EDGES)], dtype=np.uint8)
    digits = square.tobytes().decode()
    size = VERTICES * VERTICES
    names = np.asarray(OPERATIONS)[archs[:, len(EDGES) :]].tolist()
    return [f"{digits[row * size :][:size]} input,{','.join(inner)},output" for row, inner in enumerate(names)]


def read(texts: Sequence[str]) -> Archs:
    """Read cells of two to seven vertices: n strings to (n, 26) uint8.

    A text is the two strings of a record, adjacency by rows and operations; ``{"matrix": rows, "ops": names}`` of an
    official model specification, also as ``ModelSpec(matrix=rows, ops=names)``; or a tuple of NASLib.  A smaller cell
    keeps its inner vertices in front; the output moves to vertex 6, and the vertices between have no edges and
    operation 0.

    Raises
    ------
    HarnessError
        If a text has another form, names an unknown operation, or is no valid cell.
    """
    parts = [_parts(text) for text in texts]
    archs = np.array([coding(*part, text) for part, text in zip(parts, texts, strict=True)], dtype=np.uint8)
    archs = archs.reshape(-1, len(EDGES) + INNER)
    for row in np.flatnonzero(~reach().valid[wiring(archs)])[:1]:
        rule = f"lead from input to output by at most {MOST_EDGES} edges on paths"
        raise HarnessError(must("architecture", rule, texts[row]))
    return archs


def _parts(text: str) -> tuple[str, str]:
    match = _FORM.fullmatch(text.strip())
    if match is not None:
        return match[1], match[2]
    if text.strip().startswith("("):
        return _naslib(text)
    call = _MODEL_SPEC.fullmatch(text.strip())
    told = data(f"{{'matrix': {call[1]}, 'ops': {call[2]}}}" if call else text, _HINT)
    try:
        digits = "".join(str(int(entry)) for row in told["matrix"] for entry in row)
        return digits, ",".join(told["ops"])
    except (ValueError, TypeError, KeyError):
        raise HarnessError(must("architecture", _HINT, text)) from None


def _naslib(text: str) -> tuple[str, str]:
    """Read a tuple of NASLib: 49 entries of the matrix by rows, then the numbers of 7 operations."""
    key = literal(text, _HINT)
    if (
        not isinstance(key, tuple)
        or len(key) != VERTICES * (VERTICES + 1)
        or any(type(part) is not int for part in key)
    ):
        raise HarnessError(must("architecture", f"{_HINT}, or be a tuple of NASLib, 56 numbers", text))
    if any(not 0 <= code < len(_NASLIB) for code in key[VERTICES * VERTICES :]):
        raise HarnessError(must("architecture", f"have operations 0 to {len(_NASLIB) - 1}", text))
    names = [_NASLIB[code] for code in key[VERTICES * VERTICES :]]
    return "".join(map(str, key[: VERTICES * VERTICES])), ",".join(names)


def notation(text: str) -> str:
    """Say how the numbers of a tuple of NASLib are meant, "" for the other forms."""
    if not text.strip().startswith("("):
        return ""
    numbered = ", ".join(f"{code} {name}" for code, name in enumerate(_NASLIB))
    return f"tuples of NASLib, 49 entries of the matrix by rows, then operations {numbered}"


def coding(adjacency: str, operations: str, text: str) -> list[int]:
    """Return the 26 genes of one cell, valid or not.

    Parameters
    ----------
    adjacency, operations : str
        '0' or '1' by rows; names with commas between.
    text : str
        What the user gave, for messages.

    Raises
    ------
    HarnessError
        If sizes do not fit, an entry on or below the diagonal is 1, or a name is unknown.
    """
    first, *names, last = operations.split(",") if "," in operations else (operations, "")
    size = len(names) + 2
    if first != "input" or last != "output" or size > VERTICES:
        rule = f"have at most {VERTICES} operations, the first 'input' and the last 'output'"
        raise HarnessError(must("architecture", rule, text))
    codes = [operation_code(name, OPERATIONS, text) for name in names]
    if len(adjacency) != size * size or not set(adjacency) <= {"0", "1"}:
        raise HarnessError(must("architecture", f"have {size} x {size} entries 0 or 1, as it has operations", text))
    places = [*range(size - 1), VERTICES - 1]
    genes = [0] * len(EDGES) + codes + [0] * (VERTICES - size)
    for entry, bit in enumerate(adjacency):
        if bit == "1":
            edge = (places[entry // size], places[entry % size])
            if edge not in _GENES:
                raise HarnessError(must("architecture", "have ones above the diagonal only", text))
            genes[_GENES[edge]] = 1
    return genes


_GENES = {edge: gene for gene, edge in enumerate(EDGES)}
