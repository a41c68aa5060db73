"""The index of a table, from architectures to rows: dense codings for small spaces, sorted keys for all others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.layout import AnyArray, Header
from harness.checks import Archs, BoolArray, UInt64Array
from harness.errors import HarnessError, TableError, must
from harness.space import SearchSpace

MAX_DENSE = 2**20
"""Codings of the largest space whose every coding is listed with its row."""
MANY = 1024
"""From so many architectures on, a look-up by key tries the codings of the rows first: keys can be dear."""
Rows = npt.NDArray[np.intp]


def first_row(marked: BoolArray) -> int | None:
    """Return the first row of which anything is marked, (N, ...), None where nothing is."""
    rows = np.flatnonzero(marked.any(axis=tuple(range(1, marked.ndim))))
    return int(rows[0]) if len(rows) else None


def codings(space: SearchSpace) -> int:
    """Return how many rows of genes in range a space has, valid or not."""
    return math.prod(int(count) for count in space.cardinalities)


def build(space: SearchSpace, archs: Archs, *, identity: str = "functional") -> dict[str, AnyArray]:
    """Index the rows of a table: what goes into its ``index`` group.

    Parameters
    ----------
    space : SearchSpace
    archs : (N, L) unsigned integers
        Valid architectures, one for each row.
    identity : {"functional", "string", "exact"}
        Architectures that are the same in this sense share a row.

    Raises
    ------
    TableError
        If two rows are the same architecture; names them.
    """
    keys = space.key(archs, identity)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if (same := first_row(keys[1:] == keys[:-1])) is not None:
        first, second = order[same : same + 2]
        raise TableError(
            f"rows {first} and {second} are the same architecture ({identity} identity) of the space '{space.name}': "
            f"{space.format(archs[[first]])[0]}; a row must not repeat"
        )
    if codings(space) > MAX_DENSE:
        return {"keys": keys, "key_rows": order.astype(np.int32)}
    every = space.decode(np.arange(codings(space), dtype=np.uint64))
    valid = np.flatnonzero(space.is_valid(every))
    wanted = space.key(every[valid], identity)
    rows = np.full(len(every), -1, dtype=np.int32)
    rows[valid] = search(keys, order, wanted)
    return {"rows": rows}


def checked_rows(space: SearchSpace, archs: Archs, rows: npt.ArrayLike) -> dict[str, AnyArray]:
    """Return a dense index that a converter made itself, after checking that it finds every row.

    Raises
    ------
    TableError
        If it has another length, points outside the table, or does not lead from a row's coding to that row.
    """
    rows = np.asarray(rows, dtype=np.int32)
    if rows.shape != (codings(space),) or codings(space) > MAX_DENSE:
        raise TableError(must("rows", f"have shape ({codings(space)},), of at most {MAX_DENSE} codings", rows.shape))
    if rows.min() < -1 or rows.max() >= len(archs):
        raise TableError(must("rows", f"lie in -1 to {len(archs) - 1}", [int(rows.min()), int(rows.max())]))
    reached = rows[space.code(archs).astype(np.intp)]
    if (wrong := first_row(reached != np.arange(len(archs)))) is not None:
        raise TableError(must("rows", f"lead from the coding of row {wrong} to that row", int(reached[wrong])))
    return {"rows": rows}


class DenseIndex:
    """Looks rows up by the mixed-radix number of the coding.

    Parameters
    ----------
    rows : (codings,) int32
    space : SearchSpace
    """

    def __init__(self, rows: AnyArray, space: SearchSpace) -> None:
        self._rows = rows.astype(np.intp)  # what `take` wants: no conversion in each look-up
        positions = getattr(space, "positions", None)  # a faster `code` where the space has one
        self._positions = positions or (lambda archs: space.code(archs).astype(np.intp))

    def find(self, archs: Archs) -> Rows:
        """Return the row of each architecture, -1 where the table has none: (n, L) to (n,)."""
        rows: Rows = self._rows.take(self._positions(archs))
        return rows


@dataclass(frozen=True, eq=False)
class KeyIndex:
    """Looks rows up by binary search among sorted keys.

    Attributes
    ----------
    keys : (K,) uint64, rising
    rows : (K,) int32
    archs : (N, L) unsigned integers
        Of the rows.
    space : SearchSpace
    identity : str
        Of the keys.
    """

    keys: UInt64Array
    rows: AnyArray
    archs: Archs
    space: SearchSpace
    identity: str

    @cached_property
    def _codes(self) -> tuple[UInt64Array, Rows]:
        """Codings of the rows, rising, and their rows."""
        codes = self.space.code(self.archs)
        order = np.argsort(codes)
        return codes[order], order

    def find(self, archs: Archs) -> Rows:
        """Return the row of each architecture, -1 where the table has none: (n, L) to (n,)."""
        if len(archs) < MANY:
            return self._by_key(archs)
        rows = search(*self._codes, self.space.code(archs))
        left = np.flatnonzero(rows < 0)
        if len(left):
            rows[left] = self._by_key(archs[left])
        return rows

    def _by_key(self, archs: Archs) -> Rows:
        rows = np.full(len(archs), -1, dtype=np.intp)
        valid = np.flatnonzero(self.space.is_valid(archs))  # only valid ones have a key
        if len(valid):
            rows[valid] = search(self.keys, self.rows, self.space.key(archs[valid], self.identity))
        return rows


def search(keys: UInt64Array, rows: AnyArray, wanted: UInt64Array) -> Rows:
    """Return the row of each key wanted, (n,), -1 where it is not among the K sorted keys."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, rows[places], -1).astype(np.intp)


Index = DenseIndex | KeyIndex
"""Finds the rows of architectures."""


def opened(header: Header, space: SearchSpace) -> Index:
    """Return the index of a table."""
    if "index/rows" in header.places:
        return DenseIndex(header.array("index/rows"), space)
    keys, rows = header.array("index/keys"), header.array("index/key_rows")
    return KeyIndex(keys, rows, header.array("archs"), space, header.meaning.identity)


def in_range(space: SearchSpace, archs: Archs) -> bool:
    """Say whether every gene of every row has a value of its own range."""
    own = getattr(space, "in_range", None)  # a faster way where the space has one
    return bool(own(archs)) if own else bool(((archs >= 0) & (archs < space.cardinalities)).all())


def rows_of(index: Index, space: SearchSpace, archs: Archs, name: str) -> Rows:
    """Return the row of each architecture: (n, L) to (n,).

    Raises
    ------
    HarnessError
        If an architecture is not in the table `name`; names it.
    """
    rows = index.find(archs)
    if len(rows) and rows.min() < 0:
        missing = archs[rows < 0][:1]
        shown = space.format(missing)[0] if codings(space) <= MAX_DENSE or space.is_valid(missing)[0] else missing[0]
        raise HarnessError(
            must("archs", f"be in the table {name}", shown if isinstance(shown, str) else shown.tolist())
        )
    return rows


def check_genes(space: SearchSpace, archs: Archs) -> None:
    """Refuse genes out of range; names the first row that has one.

    Raises
    ------
    HarnessError
    """
    if not in_range(space, archs):
        wrong = archs[~((archs >= 0) & (archs < space.cardinalities)).all(axis=1)][0]
        raise HarnessError(must("archs", f"have genes below {space.cardinalities.tolist()}", wrong.tolist()))
