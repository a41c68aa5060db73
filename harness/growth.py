"""The growth of architectures from simple to complex: levels of complexity, and what contains what.

A space that has such an order says so by `SearchSpace.growth`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from harness.checks import Archs, BoolArray, IntArray, read_only


class Growth(ABC):
    """An order of a space from simple to complex.

    Attributes
    ----------
    lowest, highest : int
        Levels of the simplest and of the most complex architectures.
    """

    lowest: int
    highest: int

    @abstractmethod
    def smallest(self) -> Archs:
        """Return the architectures of the lowest level, (k, L)."""

    @abstractmethod
    def level(self, archs: Archs) -> IntArray:
        """Return the complexity of valid architectures: (n, L) to (n,) int64."""

    @abstractmethod
    def grow(self, arch: Archs) -> Archs:
        """Return the valid architectures of the next level that contain one: (L,) to (k, L), in a fixed order."""


class GeneGrowth(Growth):
    """Growth of one gene at a time, of genes whose value 0 is the least.

    Parameters
    ----------
    cardinalities : (L,) integers
    steps : bool
        Whether the values are sizes in order: a gene grows to its next value, and the level is the sum of all values.
        Else value 0 is the absence of a part and every other one is that part: a gene grows from 0 to any other value,
        and the level is the number of parts.

    Examples
    --------
    >>> parts = GeneGrowth([3, 3], steps=False)
    >>> parts.level(np.array([[0, 2], [1, 1]])).tolist(), parts.grow(np.array([0, 2])).tolist()
    ([1, 2], [[1, 2], [2, 2]])
    >>> GeneGrowth([3, 3], steps=True).grow(np.array([0, 1])).tolist()
    [[1, 1], [0, 2]]
    """

    def __init__(self, cardinalities: Sequence[int] | IntArray, *, steps: bool) -> None:
        tops = np.asarray(cardinalities, dtype=np.int64) - 1
        self.steps = steps
        self.lowest, self.highest = 0, int(tops.sum() if steps else np.count_nonzero(tops))
        genes = np.arange(len(tops)) if steps else np.repeat(np.arange(len(tops)), tops)
        added = np.zeros((len(genes), len(tops)), dtype=np.int64)
        values = np.ones(len(genes)) if steps else np.concatenate([np.arange(1, top + 1) for top in tops])
        added[np.arange(len(genes)), genes] = values
        self._tops, self._genes, self._added = read_only(tops), read_only(genes), read_only(added)

    def smallest(self) -> Archs:
        """Return the architecture whose genes are all 0, (1, L)."""
        return np.zeros((1, len(self._tops)), dtype=np.uint16 if self._tops.max() > 255 else np.uint8)

    def level(self, archs: Archs) -> IntArray:
        """Return the sum of the values, or the number of parts: (n, L) to (n,) int64."""
        values = np.asarray(archs)
        levels: IntArray = values.sum(axis=1, dtype=np.int64) if self.steps else np.count_nonzero(values, axis=1)
        return levels

    def grow(self, arch: Archs) -> Archs:
        """Return the architectures with one gene grown, by gene: (L,) to (k, L)."""
        parent = np.asarray(arch)
        free = parent < self._tops if self.steps else parent == 0
        children: Archs = (parent + self._added[free[self._genes]]).astype(parent.dtype)
        return children


class RowsGrowth(Growth):
    """The growth of the part of a space that has rows: the levels that they have, and the children among them.

    Parameters
    ----------
    whole : Growth
        Of the whole space.
    rows : (N, L) integers
    is_valid : callable
        (k, L) architectures to (k,) bool, whether they are among the rows.
    """

    def __init__(self, whole: Growth, rows: Archs, is_valid: Callable[[Archs], BoolArray]) -> None:
        self._whole, self._is_valid = whole, is_valid
        levels = whole.level(rows)
        self.lowest, self.highest = int(levels.min()), int(levels.max())
        self._smallest = read_only(rows[levels == self.lowest])

    def smallest(self) -> Archs:
        """Return the rows of the lowest level that has any, (k, L)."""
        return self._smallest

    def level(self, archs: Archs) -> IntArray:
        """Return the level in the whole space: (n, L) to (n,) int64."""
        return self._whole.level(archs)

    def grow(self, arch: Archs) -> Archs:
        """Return the children that are rows: (L,) to (k, L)."""
        children = self._whole.grow(arch)
        return children[self._is_valid(children)]
