"""The field's ways to write DARTS cells: genotypes, and NASLib's compact tuples.

A cell here is a list of eight (input, operation) edges, operations as codes, two edges for each of nodes 2 to 5.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.space import operation_code
from harness.spaces.darts.cells import NODES, OPERATION_GENES, OPERATIONS, PAIRS, sources

Edges = tuple[tuple[int, int], ...]
_FORM = "read 'Genotype(normal=[(operation, input), … 8 of them], normal_concat=…, reduce=[…], reduce_concat=…)'"
_COMPACT = "read '(((input, operation), … 8 of them), (…))', inputs and operations as numbers"


def edges_of(cells: Archs) -> list[Edges]:
    """Return the edges of each cell, the lower input of each node first: (n, 11) to n cells."""
    operations = cells[:, OPERATION_GENES].tolist()
    return [tuple(zip(a, b, strict=True)) for a, b in zip(sources(cells).tolist(), operations, strict=True)]


def genes_of(edges: Sequence[tuple[int, int]], text: str) -> list[int]:
    """Return the 11 genes of a cell; the two edges of a node may come in any order, and `text` is for errors.

    Raises
    ------
    HarnessError
        If a node does not hang on two different nodes before it.
    """
    genes: list[int] = []
    for node, pair in zip(NODES, zip(edges[::2], edges[1::2], strict=True), strict=True):
        (low, first), (high, second) = sorted(pair)
        if (low, high) not in PAIRS[node]:
            rule = f"hang node {node} on two different nodes before it, not on {low} and {high}"
            raise HarnessError(must("architecture", rule, text))
        genes += [PAIRS[node].index((low, high))] * (node > NODES[0]) + [first, second]
    return genes


def genotype(normal: Edges, reduce: Edges) -> str:
    """Write two cells as ``Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), …)``."""
    concat = f"range({NODES[0]}, {NODES[-1] + 1})"
    return f"Genotype(normal={_named(normal)}, normal_concat={concat}, reduce={_named(reduce)}, reduce_concat={concat})"


def _named(edges: Edges) -> str:
    return "[" + ", ".join(f"({OPERATIONS[code]!r}, {source})" for source, code in edges) + "]"


def read(text: str) -> list[int]:
    """Return the 22 genes of a genotype or of a compact form, tuples or lists.

    Raises
    ------
    HarnessError
        If the text is neither, or not an architecture of the space.
    """
    cells = _read_genotype(text) if text.strip().startswith("Genotype") else _read_compact(text)
    return [gene for cell in cells for gene in genes_of(cell, text)]


def _read_genotype(text: str) -> list[list[tuple[int, int]]]:
    try:
        call = ast.parse(text.strip(), mode="eval").body
        fields = {item.arg: item.value for item in call.keywords} if isinstance(call, ast.Call) else {}
        cells = [ast.literal_eval(fields[name]) for name in ("normal", "reduce")]
        edges = [
            [(int(source), operation_code(str(name), OPERATIONS, text)) for name, source in cell] for cell in cells
        ]
        concats = [_concat(fields[f"{name}_concat"]) for name in ("normal", "reduce")]
    except HarnessError:
        raise
    except (SyntaxError, ValueError, TypeError, KeyError) as error:
        raise HarnessError(must("architecture", _FORM, text)) from error
    if any(len(cell) != 2 * len(NODES) for cell in edges) or any(concat != list(NODES) for concat in concats):
        raise HarnessError(must("architecture", f"{_FORM}, and concatenate nodes 2 to 5", text))
    return edges


def _concat(node: ast.expr) -> list[Any]:
    """Return the nodes of ``range(2, 6)`` or of a list; what is written is never executed."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        first, end = (ast.literal_eval(argument) for argument in node.args)
        return list(NODES) if (first, end) == (NODES[0], NODES[-1] + 1) else []
    return sorted(ast.literal_eval(node))


def _read_compact(text: str) -> list[list[tuple[int, int]]]:
    try:
        cells = [[(int(source), int(code)) for source, code in cell] for cell in ast.literal_eval(text.strip())]
    except (SyntaxError, ValueError, TypeError) as error:
        raise HarnessError(must("architecture", f"{_FORM}, or {_COMPACT}", text)) from error
    if [len(cell) for cell in cells] != [2 * len(NODES)] * 2:
        raise HarnessError(must("architecture", _COMPACT, text))
    if any(not 0 <= code < len(OPERATIONS) for cell in cells for _, code in cell):
        raise HarnessError(must("architecture", f"have operations 0 to {len(OPERATIONS) - 1}", text))
    return cells
