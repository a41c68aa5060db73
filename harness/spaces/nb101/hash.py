"""The official module hash of NAS-Bench-101, for many cells at once.

The hash (Ying et al., "NAS-Bench-101", ICML 2019, appendix; ``graph_util.hash_module`` of the official code) colours
the vertices V times with MD5 sums of their neighbours' colours.  The same colouring is done here with 64-bit integers
first, which is many times faster: two vertices of one integer colour have one text, and two cells of one integer
`fingerprints` have one hash.  So each text is hashed once, and each class of cells once in the life of a `ModuleKeys`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.checks import UInt64Array
from harness.seeding import mix64
from harness.spaces.nb101.wiring import Pruned

try:  # the interpreter's own MD5: texts are short, and OpenSSL's takes twice as long to begin
    from _md5 import md5  # type: ignore[import-not-found]  # private, so without a stub
except ImportError:
    from hashlib import md5

CHUNK = 1 << 12
"""Cells that are coloured at once: bounds the memory, about 10 kB for each."""
_Bytes = npt.NDArray[np.uint8]
_OF_PREDECESSORS = np.uint64(0x9FB21C651E98DF25)
_OF_SUCCESSORS = np.uint64(0xD6E8FEB86659FD93)
_COLOUR = np.dtype("V32")
"""An official colour: 32 hexadecimal digits, as bytes."""
_BAR = np.uint8(ord("|"))


def colourings(adjacency: npt.NDArray[np.generic], labels: npt.NDArray[np.generic]) -> Iterator[UInt64Array]:
    """Yield the integer colours before the first round and after each of the V rounds.

    Parameters
    ----------
    adjacency : (n, V, V) integers
        0 or 1, strictly upper-triangular.
    labels : (n, V) integers
        Input -1, output -2, operations 0, 1, 2.

    Yields
    ------
    (n, V) uint64
        Equal exactly where the official colours are, but for collisions of 64-bit hashes.
    """
    edges = adjacency.astype(np.uint64)
    degrees = edges.sum(axis=2) * np.uint64(64) + edges.sum(axis=1) * np.uint64(8)
    colours = mix64(degrees + (labels.astype(np.int64) + 2).astype(np.uint64))
    yield colours
    # a sum of neighbours' colours stands for the sorted list of them; the factors tell the two lists and the own apart
    joined = edges * _OF_SUCCESSORS + edges.transpose(0, 2, 1) * _OF_PREDECESSORS
    joined += np.eye(labels.shape[1], dtype=np.uint64)
    for _ in range(labels.shape[1]):
        colours = mix64((joined @ colours[:, :, None])[:, :, 0])
        yield colours


def fingerprints(adjacency: npt.NDArray[np.generic], labels: npt.NDArray[np.generic]) -> UInt64Array:
    """Return numbers that are equal exactly for cells of one module hash: (n, V, V), (n, V) to (n,) uint64."""
    *_, colours = colourings(adjacency, labels)
    return mix64(mix64(colours).sum(axis=1) + np.uint64(labels.shape[1]))


def module_digests(adjacency: npt.NDArray[np.generic], labels: npt.NDArray[np.generic]) -> _Bytes:
    """Return the official module hashes, (n, 16) uint8; parameters as for `colourings`."""
    official, order = np.empty(labels.shape, dtype=_COLOUR), np.empty(labels.shape, dtype=np.intp)
    for turn, colours in enumerate(colourings(adjacency, labels)):
        _, first, inverse = np.unique(colours, return_index=True, return_inverse=True)
        cells, vertices = np.unravel_index(first, labels.shape)
        if turn == 0:
            sums = _first_sums(adjacency[cells], labels[cells], vertices)
        else:
            sums = _next_sums(adjacency, official, order, cells, vertices)
        inverse = inverse.reshape(labels.shape)
        official = np.frombuffer(sums.tobytes().hex().encode(), dtype=_COLOUR).take(inverse)
        order = np.argsort(head(sums).take(inverse), axis=1)  # as the texts sort: 64 bits tell colours apart
    return _closing_sums(np.take_along_axis(official, order, axis=1))


class ModuleKeys:
    """The first 64 bits of module hashes, each worked out once and remembered by fingerprint: at most 7 MB for all."""

    def __init__(self) -> None:
        nothing = np.empty(0, dtype=np.uint64)
        self._known: tuple[UInt64Array, UInt64Array] = (nothing, nothing)  # sorted fingerprints, and their keys

    def __call__(self, pruned: Pruned) -> UInt64Array:
        """Return the key of each cell, 0 for those without vertices: (n,) uint64."""
        keys = np.zeros(len(pruned.vertices), dtype=np.uint64)
        for rows, adjacency, labels in by_size(pruned):
            keys[rows] = self._keys(adjacency, labels)
        return keys

    def _keys(self, adjacency: npt.NDArray[np.generic], labels: npt.NDArray[np.generic]) -> UInt64Array:
        asked = fingerprints(adjacency, labels)
        missing = np.flatnonzero(self._find(asked) < 0)
        if len(missing):
            new, first = np.unique(asked[missing], return_index=True)
            digests = module_digests(adjacency[missing[first]], labels[missing[first]])
            # one assignment of a pair that never changes: threads may share the space
            known = np.concatenate([self._known[0], new])
            order = np.argsort(known)
            self._known = known[order], np.concatenate([self._known[1], head(digests)])[order]
        return self._known[1][self._find(asked)]

    def _find(self, asked: UInt64Array) -> npt.NDArray[np.intp]:
        """Return the place of each fingerprint among those known, -1 where it is new."""
        known = self._known[0]
        places = np.searchsorted(known, asked)
        found = places < len(known)
        found[found] = known[places[found]] == asked[found]
        return np.where(found, places, -1)


def by_size(pruned: Pruned) -> Iterator[tuple[npt.NDArray[np.intp], _Bytes, npt.NDArray[np.int8]]]:
    """Yield cells of one number of vertices, at most `CHUNK` at once: their rows, (m, V, V) and (m, V)."""
    for size in np.flatnonzero(np.bincount(pruned.vertices, minlength=1)).tolist():
        of_size = np.flatnonzero(pruned.vertices == size)
        for start in range(0, len(of_size) if size else 0, CHUNK):
            rows = of_size[start : start + CHUNK]
            yield rows, pruned.adjacency[rows, :size, :size], pruned.labels[rows, :size]


def head(digests: _Bytes) -> UInt64Array:
    """Return the first 64 bits of digests, as their first 16 hexadecimal digits say: (n, 16) to (n,) uint64."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8")[:, 0].astype(np.uint64)


def _first_sums(
    adjacency: npt.NDArray[np.generic], labels: npt.NDArray[np.generic], vertices: npt.NDArray[np.intp]
) -> _Bytes:
    """Hash the texts ``(out_degree, in_degree, label)`` of one vertex in each cell: to (m, 16)."""
    cells = np.arange(len(vertices))
    leaving = adjacency[cells, vertices].astype(np.int64).sum(axis=1)
    entering = adjacency[cells, :, vertices].astype(np.int64).sum(axis=1)
    # Python integers: numpy's own would print as np.int64(1)
    texts = zip(leaving.tolist(), entering.tolist(), labels[cells, vertices].tolist(), strict=True)
    return _bytes([md5(str(text).encode()).digest() for text in texts])  # noqa: S324  # a checksum


def _next_sums(
    adjacency: npt.NDArray[np.generic],
    official: npt.NDArray[np.void],
    order: npt.NDArray[np.intp],
    cells: npt.NDArray[np.intp],
    vertices: npt.NDArray[np.intp],
) -> _Bytes:
    """Hash ``predecessors|successors|own`` of the named vertices, neighbours in the order of their colours."""
    order = order[cells]
    entering = adjacency[cells[:, None], order, vertices[:, None]].astype(bool)
    leaving = adjacency[cells[:, None], vertices[:, None], order].astype(bool)
    before, after = entering.sum(axis=1), leaving.sum(axis=1)
    order += cells[:, None] * official.shape[1]  # from here on, places in the flat array of colours
    own = cells * official.shape[1] + vertices
    flat = official.reshape(-1)
    sums = np.empty((len(cells), 16), dtype=np.uint8)
    shape = before * 8 + after  # texts of one shape have one length, and lie in one array
    for kind in np.flatnonzero(np.bincount(shape)).tolist():
        rows = np.flatnonzero(shape == kind)
        text = np.full((len(rows), 32 * (kind // 8 + kind % 8 + 1) + 2), _BAR)
        start = 0
        for chosen in (order[rows][entering[rows]], order[rows][leaving[rows]], own[rows]):
            colours = flat.take(chosen).view(np.uint8).reshape(len(rows), -1)
            text[:, start : start + colours.shape[1]] = colours
            start += colours.shape[1] + 1
        sums[rows] = _sums(text)
    return sums


def _closing_sums(ordered: npt.NDArray[np.void]) -> _Bytes:
    """Hash the sorted colours of each cell, written as Python prints a list of strings: (n, V) to (n, 16)."""
    text = np.empty((*ordered.shape, 36), dtype=np.uint8)
    text[:, :, :2] = np.frombuffer(b" '", dtype=np.uint8)
    text[:, 0, 0] = ord("[")
    text[:, :, 2:34] = ordered.view(np.uint8).reshape(*ordered.shape, 32)
    text[:, :, 34:] = np.frombuffer(b"',", dtype=np.uint8)
    text[:, -1, 35] = ord("]")
    return _sums(text.reshape(len(text), -1))


def _sums(texts: _Bytes) -> _Bytes:
    listed = np.ascontiguousarray(texts).view(f"V{texts.shape[1]}")[:, 0].tolist()
    return _bytes([md5(text).digest() for text in listed])  # noqa: S324  # a checksum


def _bytes(sums: list[bytes]) -> _Bytes:
    return np.frombuffer(b"".join(sums), dtype=np.uint8).reshape(-1, 16)
