"""Sameness of NAS-Bench-201 cells: the official unique string, the functional string, and classes of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

from harness.checks import UInt64Array, read_only
from harness.spaces.four_nodes import NODES, NONE, SKIP, functional_text, incoming, smallest_codes
from harness.spaces.nb201.operations import OPERATIONS


def unique_string(arch: Sequence[int]) -> str:
    """Return the unique string of the official code (``Structure.to_unique_str``, zeros considered).

    >>> unique_string((4, 2, 1, 2, 1, 1))
    '(0)@avg_pool_3x3+(0)@avg_pool_3x3+(0)@nor_conv_1x1+(0)@nor_conv_1x1'
    """
    nodes = ["0"]
    for target in range(1, NODES):
        terms = []
        for source, code in incoming(arch, target):
            text = nodes[source]
            dead = code == NONE or text == "#"
            terms.append("#" if dead else text if code == SKIP else f"({text})@{OPERATIONS[code]}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]


@cache
def classes(identity: str) -> UInt64Array:
    """Return for every code the smallest code of its "string" or "functional" class, (15625,) uint64."""
    text_of = unique_string if identity == "string" else partial(functional_text, operations=OPERATIONS)
    return read_only(smallest_codes(text_of, len(OPERATIONS)))
