"""Spaces that draw otherwise than their base: what is given comes first, or all comes from a box of values."""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np

from harness.checks import Archs, BoolArray
from harness.growth import Growth, RowsGrowth
from harness.space import SearchSpace
from harness.spaces.part import PartSpace

_TRIES = 64
"""Blocks that are drawn for a sample of a box before its known members are taken."""

_GROWN = 1000
"""Architectures of a box among which the smallest are looked for."""


class _Whole(PartSpace):
    """A space in which all is as in its base, but for what a subclass changes."""

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures as the base does: (n, L)."""
        return self._base.sample(n, rng)

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows of genes are architectures of the base: (n, L) to (n,) bool."""
        return self._base.is_valid(archs)

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._base.mutate(archs, rng)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._base.mutate(archs, rng, by="node")

    def crossover(self, a: Archs, b: Archs, rng: np.random.Generator) -> Archs:
        """Cross pairs as the base does: (n, L), (n, L) to (n, L)."""
        return self._base.crossover(a, b, rng)

    def neighbours(self, arch: Archs) -> Archs:
        """Return every neighbour in the base: (L,) to (k, L)."""
        return self._base.neighbours(arch)

    @property
    def growth(self) -> Growth:
        """The growth of the base space."""
        return self._base.growth


class Starting(_Whole):
    """A space whose first samples are given; strategies that draw their first architectures begin with them.

    Parameters
    ----------
    base : SearchSpace
    """

    def __init__(self, base: SearchSpace) -> None:
        super().__init__(base, "The first samples are given.")
        self._first: Archs = np.zeros((0, self.genes), dtype=self.dtype)

    def begin_with(self, archs: Archs) -> None:
        """Give the architectures that the next samples are, (n, L), in order; once each, and random ones follow."""
        self._first = np.array(archs, dtype=self.dtype).reshape(-1, self.genes)

    @property
    def waiting(self) -> int:
        """How many of those given have not been drawn yet."""
        return len(self._first)

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures: those given first, then as the base does; (n, L)."""
        if not len(self._first):
            return self._base.sample(n, rng)
        first, self._first = self._first[:n], self._first[n:]
        rest = n - len(first)
        return np.concatenate([first, self._base.sample(rest, rng)]) if rest else first


class Box(_Whole):
    """The part of a space whose genes have certain values; what is drawn, mutated or near lies in it where it can.

    An architecture that has no neighbour in the box is mutated into one outside.

    Parameters
    ----------
    base : SearchSpace
    members : (k, L) unsigned integers
        At least one; the box is the smallest that holds them.
    """

    def __init__(self, base: SearchSpace, members: Archs) -> None:
        super().__init__(base, "Only certain values of genes are valid.")
        self._members = np.array(members, dtype=self.dtype)
        self._held = [np.unique(column) for column in self._members.T]
        self._allowed: BoolArray = np.zeros((self.genes, int(self.cardinalities.max())), dtype=bool)
        for gene, values in enumerate(self._held):
            self._allowed[gene, values] = True
        self._draws_genes = True

    @property
    def codings(self) -> int:
        """How many rows of genes it has, valid or not."""
        return prod(len(values) for values in self._held)

    def inside(self, archs: Archs) -> BoolArray:
        """Say which rows of genes have allowed values alone: (n, L) to (n,) bool."""
        kept: BoolArray = np.all(self._allowed[np.arange(self.genes), archs], axis=1)
        return kept

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows of genes are architectures of the base inside the box: (n, L) to (n,) bool."""
        valid: BoolArray = self._base.is_valid(archs)
        if valid.any():
            valid[valid] = self.inside(np.asarray(archs)[valid])
        return valid

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures of the box: (n, L), uniform over its codings, or as the base draws, where it can."""
        found, missing = [self._members[:0]], n
        for _ in range(_TRIES):
            if not missing:
                break
            block = max(missing, 64)
            if self._draws_genes:
                drawn = np.stack([rng.choice(values, size=block) for values in self._held], axis=1)
                kept = drawn[self._base.is_valid(drawn)].astype(self.dtype)
                self._draws_genes = bool(len(kept))  # where hardly any coding is valid: what the base draws
            else:
                drawn = self._base.sample(block, rng)
                kept = drawn[self.inside(drawn)]
            found.append(kept[:missing])
            missing -= len(found[-1])
        rest = self._members[rng.integers(0, len(self._members), size=missing)]
        return np.concatenate([*found, rest])

    @cached_property
    def growth(self) -> Growth:
        """The growth of the base space, inside the box alone."""
        rows = np.concatenate([self._members, self.sample(_GROWN, np.random.default_rng(0))])
        return RowsGrowth(self._base.growth, rows, self.is_valid)

    def neighbours(self, arch: Archs) -> Archs:
        """Return every neighbour in the base that lies in the box: (L,) to (k, L)."""
        around = self._base.neighbours(arch)
        kept: Archs = around[self.inside(around)]
        return kept

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._kept_inside(archs, self._base.mutate(archs, rng), rng)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._kept_inside(archs, self._base.mutate(archs, rng, by="node"), rng)

    def _kept_inside(self, archs: Archs, mutants: Archs, rng: np.random.Generator) -> Archs:
        """Draw mutants that left the box anew among the neighbours inside, where there are any."""
        for row in np.flatnonzero(~self.inside(mutants)).tolist():
            around = self.neighbours(np.asarray(archs[row], dtype=self.dtype))
            if len(around):
                mutants[row] = around[rng.integers(len(around))]
        return mutants
