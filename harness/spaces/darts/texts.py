"""The field's ways to write DARTS cells: genotypes, NASLib's compact tuples, and NAS-Bench-301's configurations.

- ``Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], reduce_concat=range(2, 6))``, also
  as logs and programs have it, ``NAME = Genotype(…)``;
- ``(((input, operation), … 8 of them), (…))``, numbers as NASLib has them, without `none`;
- ``{'NetworkSelectorDatasetInfo:darts:edge_normal_0': 'max_pool_3x3', …}``, as a dictionary, as JSON, or as ConfigSpace
  prints it.

A cell here is a list of eight (input, operation) edges, operations as codes, two edges for each of nodes 2 to 5.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks import Archs
from harness.errors import HarnessError, must
from harness.space import operation_code
from harness.spaces.darts.cells import (
    EDGES,
    NODES,
    OPERATION_GENES,
    OPERATIONS,
    PAIR_GENES,
    PAIRS,
    START,
    WITH_NONE,
    sources,
)
from harness.spaces.literals import MAX_LENGTH, literal, tree, value

Edges = tuple[tuple[int, int], ...]
_FORM = "read 'Genotype(normal=[(operation, input), … 8 of them], normal_concat=…, reduce=[…], reduce_concat=…)'"
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_CELLS = ("normal", "reduce")
_COMPACT = "read '(((input, operation), … 8 of them), (…))', inputs and operations as numbers"
_LOGGED = re.compile(r"[^()]{0,200}?\bGenotype\s*\(")
_SETTING = re.compile(
    r"\b((?:edge|inputs_node)_(?:normal|reduce)_\d{1,2})['\"]?(?:\s*[:=]|,\s*Value:)\s*['\"]?([A-Za-z0-9_]+)"
)
_PREFIX = "NetworkSelectorDatasetInfo:darts:"


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


def genotype(normal: Edges, reduce: Edges, operations: Sequence[str] = OPERATIONS) -> str:
    """Write two cells as ``Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), …)``."""
    concat = f"range({NODES[0]}, {NODES[-1] + 1})"
    cells = (_named(normal, operations), _named(reduce, operations))
    return f"Genotype(normal={cells[0]}, normal_concat={concat}, reduce={cells[1]}, reduce_concat={concat})"


def _named(edges: Edges, operations: Sequence[str]) -> str:
    return "[" + ", ".join(f"({operations[code]!r}, {source})" for source, code in edges) + "]"


def notation(text: str) -> str:
    """Say which form a text has, "" for a genotype."""
    if _is_configuration(text):
        return "configurations of NAS-Bench-301"
    if _LOGGED.match(text.strip()):
        return ""
    return f"compact tuples of NASLib, operations 0 to 6 {', '.join(OPERATIONS)}"


def read(text: str, operations: Sequence[str] = OPERATIONS) -> list[int]:
    """Return the 22 genes of a genotype, of a compact form, tuples or lists, or of a configuration.

    Raises
    ------
    HarnessError
        If the text is none of them, or not an architecture of the space.
    """
    if len(text) > MAX_LENGTH:
        raise HarnessError(must("architecture", f"{_FORM}, or {_COMPACT}", text[:200]))
    if _is_configuration(text):
        return genes_of_configuration(dict(_SETTING.findall(text)), operations, text)
    if match := _LOGGED.match(text.strip()):
        cells = _read_genotype("Genotype(" + text.strip()[match.end() :], operations, text)
    else:
        cells = _read_compact(text, operations)
    return [gene for cell in cells for gene in genes_of(cell, text)]


def _is_configuration(text: str) -> bool:
    return "edge_normal_" in text or "inputs_node_" in text


def genes_of_configuration(
    settings: Mapping[str, str], operations: Sequence[str] = OPERATIONS, text: str = ""
) -> list[int]:
    """Return the 22 genes of a configuration of NAS-Bench-301.

    Parameters
    ----------
    settings : mapping of str to str
        ``edge_normal_0`` … and ``inputs_node_normal_3`` …, with or without their common prefix.
    operations : sequence of str
    text : str
        For errors.

    Raises
    ------
    HarnessError
        If an edge has no operation, or a node does not read two different nodes before it.
    """
    known = {key.removeprefix(_PREFIX): setting for key, setting in settings.items()}
    genes: list[int] = []
    for cell in _CELLS:
        edges = []
        for node in NODES:
            key = f"inputs_node_{cell}_{node}"
            inputs = "0_1" if node not in PAIR_GENES else str(known.get(key, ""))
            if not re.fullmatch(r"\d_\d", inputs) or any((int(source), node) not in EDGES for source in inputs[::2]):
                raise HarnessError(must(key, "name the two earlier nodes that it reads, as '0_1'", inputs))
            for source in map(int, inputs[::2]):
                edge = f"edge_{cell}_{START[node] + source}"
                if edge not in known:
                    rule = f"be an operation, for node {node} of the {cell} cell reads {source}"
                    raise HarnessError(must(edge, rule, known.get(edge)))
                edges.append((source, _operation(str(known[edge]), operations, edge)))
        genes += genes_of(edges, text)
    return genes


def _read_genotype(call: str, operations: Sequence[str], text: str) -> list[list[tuple[int, int]]]:
    rule = _FORM
    node = tree(call, rule)
    if not isinstance(node, ast.Call) or len(node.args) > len(_FIELDS):
        raise HarnessError(must("architecture", rule, text))
    fields = dict(zip(_FIELDS, node.args, strict=False)) | {str(item.arg): item.value for item in node.keywords}
    try:
        cells = [value(fields[name], text, rule) for name in _CELLS]
        edges = [[(int(source), _operation(str(name), operations, text)) for name, source in cell] for cell in cells]
        concats = [_concat(fields[f"{name}_concat"], text) for name in _CELLS]
    except HarnessError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise HarnessError(must("architecture", rule, text)) from error
    if any(len(cell) != 2 * len(NODES) for cell in edges) or any(concat != list(NODES) for concat in concats):
        raise HarnessError(must("architecture", f"{rule}, and concatenate nodes 2 to 5", text))
    return edges


def _operation(name: str, operations: Sequence[str], text: str) -> int:
    if name == WITH_NONE[-1] and name not in operations:
        raise HarnessError("the space 'darts' has no operation 'none'; 'darts-none' has it, beside the other seven")
    return operation_code(name, operations, text[:200])


def _concat(node: ast.expr, text: str) -> list[Any]:
    """Return the nodes of ``range(2, 6)`` or of a list; what is written is never executed."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        first, end = (value(argument, text, _FORM) for argument in node.args)
        return list(NODES) if (first, end) == (NODES[0], NODES[-1] + 1) else []
    return sorted(value(node, text, _FORM))


def _read_compact(text: str, operations: Sequence[str]) -> list[list[tuple[int, int]]]:
    rule = f"{_FORM}, or {_COMPACT}"
    told = literal(text, rule)
    if tuple(operations) != OPERATIONS:
        raise HarnessError(
            must("architecture", f"{_FORM}: numbers do not say which of eight operations they are", text)
        )
    try:
        cells = [[(int(source), int(code)) for source, code in cell] for cell in told]
    except (ValueError, TypeError) as error:
        raise HarnessError(must("architecture", rule, text)) from error
    if [len(cell) for cell in cells] != [2 * len(NODES)] * 2:
        raise HarnessError(must("architecture", _COMPACT, text))
    if any(not 0 <= code < len(OPERATIONS) for cell in cells for _, code in cell):
        raise HarnessError(must("architecture", f"have operations 0 to {len(OPERATIONS) - 1}", text))
    return cells
