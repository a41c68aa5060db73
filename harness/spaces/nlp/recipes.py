"""Recipes of NAS-Bench-NLP: recurrent cells as JSON of operations on named nodes, and when two are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np

from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.space import operation_code
from harness.spaces.literals import data

OPERATIONS = (
    "linear",
    "activation_tanh",
    "activation_sigm",
    "activation_leaky_relu",
    "elementwise_sum",
    "elementwise_prod",
    "blend",
)
_SOURCE = re.compile(r"x|h_prev_\d+")
RESULT = re.compile(r"h_new_\d+")
Recipe = Mapping[str, tuple[str, tuple[str, ...]]]
"""Operation and inputs of each node, by the node's name."""


def read_recipe(text: str) -> Recipe:
    """Read a published recipe, JSON ``{node: {"op": operation, "input": [nodes]}}``.

    Inputs are ``x``, hidden states ``h_prev_i`` and other nodes; nodes named ``h_new_i`` are the new hidden states.

    Raises
    ------
    HarnessError
        If the text is no such JSON, names an unknown operation or input, has a cycle or no ``h_new_0``.
    """
    rule = "be a number of the list or JSON {node: {op, input: [...]}}"
    told = data(text, rule)
    try:
        nodes = {str(name): (str(node["op"]), tuple(map(str, node["input"]))) for name, node in told.items()}
    except (AttributeError, KeyError, TypeError):
        raise HarnessError(must("architecture", rule, text)) from None
    if "h_new_0" not in nodes:
        raise HarnessError(must("architecture", "have a node h_new_0", text))
    done: set[str] = set()
    waiting = set(nodes)
    for operation, inputs in nodes.values():
        operation_code(operation, OPERATIONS, text[:80])
        done |= {source for source in inputs if _SOURCE.fullmatch(source)}
    while ready := {name for name in waiting if done.issuperset(nodes[name][1])}:
        done |= ready
        waiting -= ready
    if waiting:
        raise HarnessError(must("architecture", f"compute {min(waiting)} from x, h_prev_i and other nodes", text))
    return nodes


def recipe_graphs(recipes: Sequence[Recipe]) -> GraphBatch:
    """Return recipes as graphs: the sources that they read, their operations, and the new hidden states.

    Sources come first, then each operation after what it reads, then ``h_new_i``, each with an edge from the operation
    that computes it.  An operation that reads a node twice has one edge from it, and edges have no order: the operands
    of a blend look alike.
    """
    ordered = [_in_order(nodes) for nodes in recipes]
    ends = {kind for rows in ordered for _, kind, _ in rows} - set(OPERATIONS)
    labels = (*sorted(ends), *OPERATIONS)
    places = max((len(rows) for rows in ordered), default=0)
    adjacency = np.zeros((len(recipes), places, places), dtype=bool)
    kinds, mask = np.zeros((len(recipes), places), dtype=np.int64), np.zeros((len(recipes), places), dtype=bool)
    for number, rows in enumerate(ordered):
        place_of = {name: place for place, (name, _, _) in enumerate(rows)}
        for place, (_, kind, inputs) in enumerate(rows):
            kinds[number, place], mask[number, place] = labels.index(kind), True
            adjacency[number, [place_of[name] for name in inputs], place] = True
    return GraphBatch(adjacency, kinds, mask, labels)


def _in_order(nodes: Recipe) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return name, kind and inputs of every node of a graph, each after its inputs; ends are named ``=h_new_i``."""
    read = sorted({source for _, inputs in nodes.values() for source in inputs} - set(nodes))
    rows: list[tuple[str, str, tuple[str, ...]]] = [(source, source, ()) for source in read]
    done, waiting = set(read), dict(nodes)
    while waiting:
        ready = [name for name, (_, inputs) in waiting.items() if done.issuperset(inputs)]
        rows += [(name, *waiting.pop(name)) for name in ready]
        done.update(ready)
    return rows + [(f"={name}", name, (name,)) for name in sorted(nodes) if RESULT.fullmatch(name)]


def recipe_digest(nodes: Recipe) -> str:
    """Return a digest that does not depend on the names and order of inner nodes, nor on the order of operands.

    Colour refinement over predecessors and successors, as in the hash of NAS-Bench-101.  The operands of a blend keep
    their order; those of a sum, a product or a linear layer, which has weights for each, do not matter.
    """
    after: dict[str, list[tuple[str, str]]] = {}
    for name, (operation, inputs) in nodes.items():
        for place, source in enumerate(inputs):
            after.setdefault(source, []).append((_slot(operation, place), name))
    colours = {name: name for name in after if name not in nodes}
    colours |= {name: f"{node[0]}:{name if RESULT.fullmatch(name) else ''}" for name, node in nodes.items()}
    for _ in range(len(colours)):
        colours = {name: _colour(name, nodes, after, colours) for name in colours}
    return text_digest(*sorted(colours.values()))


def _colour(
    name: str, nodes: Recipe, after: Mapping[str, Sequence[tuple[str, str]]], colours: Mapping[str, str]
) -> str:
    operation, inputs = nodes.get(name, ("", ()))
    before = sorted(_slot(operation, place) + colours[source] for place, source in enumerate(inputs))
    behind = sorted(slot + colours[target] for slot, target in after.get(name, ()))
    return text_digest(*before, "|", *behind, "|", colours[name])


def _slot(operation: str, place: int) -> str:
    return str(place) if operation == "blend" else "-"


def text_digest(*parts: str) -> str:
    """Return 32 hexadecimal digits of lines of text."""
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
