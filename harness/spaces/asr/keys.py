"""Sameness of NAS-Bench-ASR cells: the published hash, and the keys and first codings of all cells by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import md5
from itertools import product

import numpy as np

from harness.checks import UInt64Array, read_only
from harness.spaces.asr.cells import NODES, SHAPE, STARTS, ZERO, edges_of

EMPTY = "d751713988987e9331980363e24189ce"
"""Hash of a cell through which nothing flows."""


def model_hash(arch: Sequence[int]) -> str:
    """Return the published hash of a cell (``search_space.get_model_hash`` of the official code).

    Vertices that are zero, or not on a way from the input to the output, are removed; what is left is coloured as in
    NAS-Bench-101.  Degrees enter as floats, because the official code sums a matrix of floats.

    >>> model_hash((1, 0, 1, 0, 0, 1, 0, 0, 0))
    '36855332a5778e0df5114305bc3ce238'
    """
    operations = [arch[start] for start in STARTS]
    edges = [edge for edge in edges_of(arch) if all(not 0 < v <= NODES or operations[v - 1] != ZERO for v in edge)]
    ahead, behind = _reached(0, edges), _reached(NODES + 1, [(end, begin) for begin, end in edges])
    kept = ahead & behind
    labels = {0: -1, NODES + 1: -2} | {node + 1: operation for node, operation in enumerate(operations)}
    wired = tuple(edge for edge in edges if kept.issuperset(edge))
    return _graph_hash(tuple((vertex, labels[vertex]) for vertex in sorted(kept)), wired)


@cache
def _graph_hash(vertices: Sequence[tuple[int, int]], edges: Sequence[tuple[int, int]]) -> str:
    """Hash a graph of labelled vertices; most graphs belong to several codings."""
    labels = dict(vertices)
    kept = list(labels)
    before = {v: [begin for begin, end in edges if end == v] for v in kept}
    after = {v: [end for begin, end in edges if begin == v] for v in kept}
    colours = {v: _digest(str((float(len(after[v])), float(len(before[v])), labels[v]))) for v in kept}
    for _ in kept:
        colours = {
            v: _digest("|".join([_join(colours, before[v]), _join(colours, after[v]), colours[v]])) for v in kept
        }
    return _digest(str(sorted(colours.values())))


def _reached(start: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    found = {start}
    for _ in range(NODES + 1):
        found |= {end for begin, end in edges if begin in found}
    return found


def _join(colours: Mapping[int, str], vertices: Sequence[int]) -> str:
    return "".join(sorted(colours[vertex] for vertex in vertices))


@cache
def _digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@cache
def hashes() -> tuple[str, ...]:
    """Return the hash of every coding, in order of its number."""
    return tuple(model_hash(arch) for arch in product(*map(range, SHAPE)))


@cache
def keys() -> UInt64Array:
    """Return the first 64 bits of the hash of every coding, (13824,) uint64."""
    return read_only(np.array([int(text[:16], 16) for text in hashes()], dtype=np.uint64))


@cache
def first_codings() -> Mapping[str, int]:
    """Return the first coding of every hash."""
    first: dict[str, int] = {}
    for position, text in enumerate(hashes()):
        first.setdefault(text, position)
    return first
