"""The NAS-Bench-ASR space: three operations in a chain, and the skips around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import md5
from itertools import product
from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, UInt64Array, choice, read_only
from harness.errors import HarnessError, must
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace

OPERATIONS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
ZERO = OPERATIONS.index("zero")
NODES = 3
SHAPE = (6, 2, 6, 2, 2, 6, 2, 2, 2)
"""For each node its operation, then whether the input and each earlier node skip to the node after it."""
EMPTY = "d751713988987e9331980363e24189ce"
"""Hash of a cell through which nothing flows."""
_STARTS = (0, 2, 5)
_RULE = "read '[[op, b], [op, b, b], [op, b, b, b]]' with op in 0..5 and b in 0, 1, or be a published hash"


class ASRSpace(EnumeratedSpace):
    """Cells of NAS-Bench-ASR (Mehrotra et al., ICLR 2021).

    Genes, as in the published architecture vectors read from left to right: for each of three nodes its operation, in
    the order of `OPERATIONS`, and one bit for the input and each earlier node, which says whether its output skips to
    the node behind this one (the last node's bits go to the output).  All 13,824 codings are valid.  `key` knows:

    - ``"exact"`` and ``"string"``: the coding, which is the published vector;
    - ``"functional"``: the first 64 bits of the published hash, under which results are stored: 8,242 classes.  The
      cells through which nothing flows are one of them.

    `sample` is uniform over codings, so a cell with many codings is drawn more often.  The encoding ``one_hot`` has an
    indicator for each value of each gene (30).
    """

    description: ClassVar[str] = (
        "NAS-Bench-ASR cells: one of linear, conv5, conv5d2, conv7, conv7d2, zero at each of three nodes in a chain, "
        "and a skip, or none, over each node from the input and every earlier node. All 13,824 codings are valid, of "
        "8,242 distinct cells; samples are uniform over codings."
    )

    def __init__(self) -> None:
        super().__init__("asr", SHAPE)

    def hashes(self, archs: Archs) -> list[str]:
        """Return the published hash of each cell, 32 hexadecimal digits: (n, 9) to n strings."""
        return [_hashes()[position] for position in self.positions(archs).tolist()]

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two cells are the same: (n, 9) to (n,) uint64; see the class."""
        choice("identity", identity, IDENTITIES)
        positions = self.positions(archs)
        return _keys()[positions] if identity == "functional" else positions.astype(np.uint64)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as the published vectors: (n, 9) to n strings.

        >>> ASRSpace().format(np.array([[1, 0, 1, 0, 0, 1, 0, 0, 0]]))
        ['[[1, 0], [1, 0, 0], [1, 0, 0, 0]]']
        """
        return [str([row[0:2], row[2:5], row[5:9]]) for row in np.asarray(archs).tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read published vectors or hashes: n strings to (n, 9) uint8; a hash gives its first coding.

        Raises
        ------
        HarnessError
            If a text is neither.
        """
        rows = [self._parse_hash(text.strip()) or self._parse_vector(text) for text in texts]
        return np.array(rows, dtype=self.dtype).reshape(len(rows), self.genes)

    def _parse_hash(self, text: str) -> list[int] | None:
        position = _first().get(text)
        return None if position is None else list(map(int, self.all_codings[position]))

    def _parse_vector(self, text: str) -> list[int]:
        try:
            return flatten(json.loads(text))
        except (json.JSONDecodeError, HarnessError):
            raise HarnessError(must("architecture", _RULE, text)) from None

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        return dict(super().facts()) | {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(_first())},
        }


def flatten(vector: Any) -> list[int]:
    """Return the genes of a published vector: ``[[op, b], [op, b, b], [op, b, b, b]]`` to nine integers.

    Raises
    ------
    HarnessError
        If it has another shape, or a number out of range.
    """
    try:
        genes = [gene for node in vector for gene in node]
        nested = [len(node) for node in vector]
    except TypeError:
        raise HarnessError(must("architecture", _RULE, vector)) from None
    if nested != [2, 3, 4] or any(type(gene) is not int for gene in genes):
        raise HarnessError(must("architecture", _RULE, vector))
    if any(not 0 <= gene < values for gene, values in zip(genes, SHAPE, strict=True)):
        raise HarnessError(must("architecture", _RULE, vector))
    return genes


def model_hash(arch: Sequence[int]) -> str:
    """Return the published hash of a cell (``search_space.get_model_hash`` of the official code).

    Vertices that are zero, or not on a way from the input to the output, are removed; what is left is coloured as in
    NAS-Bench-101.  Degrees enter as floats, because the official code sums a matrix of floats.

    >>> model_hash((1, 0, 1, 0, 0, 1, 0, 0, 0))
    '36855332a5778e0df5114305bc3ce238'
    """
    operations = [arch[start] for start in _STARTS]
    edges = [edge for edge in _edges(arch) if all(not 0 < v <= NODES or operations[v - 1] != ZERO for v in edge)]
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


def _edges(arch: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the edges of a cell; vertices are the input 0, the nodes 1 to 3 and the output 4."""
    yield from ((vertex, vertex + 1) for vertex in range(NODES + 1))
    for node, start in enumerate(_STARTS):
        yield from ((source, node + 2) for source in range(node + 1) if arch[start + 1 + source])


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
def _hashes() -> tuple[str, ...]:
    """Return the hash of every coding, in order of its number."""
    return tuple(model_hash(arch) for arch in product(*map(range, SHAPE)))


@cache
def _keys() -> UInt64Array:
    return read_only(np.array([int(text[:16], 16) for text in _hashes()], dtype=np.uint64))


@cache
def _first() -> Mapping[str, int]:
    """Return the first coding of every hash."""
    first: dict[str, int] = {}
    for position, text in enumerate(_hashes()):
        first.setdefault(text, position)
    return first
