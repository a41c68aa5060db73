"""The part of a search space that keeps the bounds on costs that are known before any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, read_only
from harness.errors import HarnessError
from harness.growth import Growth, RowsGrowth
from harness.problem import Constraint
from harness.space import CROSSOVER_TRIES, SearchSpace
from harness.spaces.part import PartSpace

MOST_LISTED = 2**20
"""Codings up to which costs are listed once, and not counted for each architecture drawn."""
MOST_DRAWS = 2**17
"""Draws in vain after which a space too large to be listed counts as one in which nothing keeps the bounds."""
MUTATION_TRIES = 32
"""How often an edit that breaks a bound is drawn again before the neighbours are listed."""
_BLOCK = 4096


class FeasibleSpace(PartSpace):
    """The part of a space in which bounds on known costs are kept: nothing else is drawn, edited to or valid.

    Samples are uniform over what keeps the bounds; a mutation, or a crossing, is one of the base under the condition
    that its result keeps them.  Draws are bounded: an edit that broke a bound `MUTATION_TRIES` times is drawn from the
    neighbours that keep all, and where there are none any architecture that does takes its place; a pair that had no
    such child `CROSSOVER_TRIES` times has a copy of its first parent.

    Rejection of what is too large for the device, before anything is trained, is that of Cai et al., "Once for All",
    ICLR 2020 (evolution with rejection), where it has no bound on draws.

    Parameters
    ----------
    base : SearchSpace
    bounds : sequence of Constraint
        On names of `known`, or of ``base.costs`` where there is no `known`.
    known : mapping of str to (codings,) float64, optional
        The costs of every coding of the base, by `SearchSpace.code`, as a table has them; NaN, which keeps no bound,
        where it has none.  Without, costs are those of the base in closed form.

    Raises
    ------
    HarnessError
        If no architecture keeps the bounds, or none was found in `MOST_DRAWS` draws.
    """

    def __init__(
        self, base: SearchSpace, bounds: Sequence[Constraint], known: Mapping[str, FloatArray] | None = None
    ) -> None:
        super().__init__(base, f"Only what keeps {' and '.join(map(str, bounds))} is valid.")
        self.bounds = tuple(bounds)
        self._known = None if known is None else {name: read_only(values) for name, values in known.items()}
        self._listed: BoolArray | None = None  # by code
        self.rows: Archs | None = None  # all that is feasible, (N, L), where it is listed
        if listable(base):
            self._list()
        else:
            self._spread = max(1.0, 1.2 * self._found())

    def _list(self) -> None:
        archs = self._base.decode(np.arange(prod(self.cardinalities.tolist()), dtype=np.uint64))
        kept = self._base.is_valid(archs)
        kept[kept] = self._keeps(archs[kept])
        if not kept.any():
            raise HarnessError(f"no architecture of the space '{self.name}' {self._rule}; loosen the constraints")
        self._listed, self.rows = read_only(kept), read_only(archs[kept])

    def _found(self) -> float:
        """Return how many draws of the base it takes to find one that is feasible."""
        rng, found, drawn = np.random.default_rng(0), 0, 0
        while found < 16 and drawn < MOST_DRAWS:
            found += int(self._keeps(self._base.sample(_BLOCK, rng)).sum())
            drawn += _BLOCK
        if not found:
            raise HarnessError(
                f"none of {drawn:,} architectures drawn from the space '{self.name}' {self._rule}; loosen the"
                " constraints"
            )
        return drawn / found

    @property
    def _rule(self) -> str:
        return f"keeps {' and '.join(map(str, self.bounds))}"

    def _keeps(self, archs: Archs) -> BoolArray:
        """Say which valid architectures of the base keep all bounds: (n, L) to (n,) bool."""
        costs = self.costs(archs)
        kept = np.ones(len(archs), dtype=np.bool_)
        for bound in self.bounds:
            kept &= bound.violation(costs[bound.name]) <= 0
        return kept

    def feasible(self, archs: Archs) -> BoolArray:
        """Say which valid architectures of the base keep all bounds: (n, L) to (n,) bool."""
        return self._keeps(archs) if self._listed is None else self._listed[self.code(archs)]

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Return what is known of architectures: as the table has it where it says so, else in closed form."""
        costs = dict(self._base.costs(archs))
        if self._known is not None:
            codes = self.code(archs)
            costs |= {name: values[codes] for name, values in self._known.items()}
        return costs

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures that keep the bounds, uniform, with replacement: (n, L).

        Raises
        ------
        HarnessError
            If a space too large to be listed gives nothing in many times the draws that it should take.
        """
        if self.rows is not None:
            return self.rows[rng.integers(0, len(self.rows), size=n)]
        found: list[Archs] = [np.zeros((0, self.genes), dtype=self.dtype)]
        missing, in_vain = n, 0
        while missing > 0:
            draws = self._base.sample(min(int(missing * self._spread) + 8, MOST_DRAWS), rng)
            kept = draws[self._keeps(draws)][:missing]
            found.append(kept)
            missing -= len(kept)
            in_vain = 0 if len(kept) else in_vain + len(draws)
            if in_vain > MOST_DRAWS:
                raise HarnessError(f"{in_vain:,} draws from '{self.name}' in a row gave nothing that {self._rule}")
        return np.concatenate(found)

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows of genes are architectures that keep the bounds: (n, L) to (n,) bool."""
        valid = self._base.is_valid(archs)
        valid[valid] = self.feasible(np.asarray(archs)[valid])
        return valid

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._edited(archs, rng, "gene")

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        return self._edited(archs, rng, "node")

    def _edited(self, archs: Archs, rng: np.random.Generator, by: str) -> Archs:
        """Return each row after one edit of the base that keeps the bounds: (n, L) to (n, L)."""
        parents = np.asarray(archs, dtype=self.dtype)
        children = self._base.mutate(parents, rng, by=by)
        kept = self.feasible(children)
        if kept.all():
            return children
        waiting = np.flatnonzero(~kept)
        for _ in range(MUTATION_TRIES):
            drawn = self._base.mutate(parents[waiting], rng, by=by)
            kept = self.feasible(drawn)
            children[waiting[kept]] = drawn[kept]
            waiting = waiting[~kept]
            if not len(waiting):
                return children
        for row in waiting.tolist():
            around = self.neighbours(parents[row])
            if not len(around):
                around = self.sample(2, rng)
                around = around[np.argsort((around == parents[row]).all(axis=1), kind="stable")][:1]
            children[row] = around[int(rng.integers(len(around)))]
        return children

    def crossover(self, a: Archs, b: Archs, rng: np.random.Generator) -> Archs:
        """Return a child of each pair that keeps the bounds; see `SearchSpace.crossover`."""
        children = self._base.crossover(a, b, rng)
        waiting = np.flatnonzero(~self.feasible(children))
        for _ in range(CROSSOVER_TRIES):
            if not len(waiting):
                return children
            drawn = self._base.crossover(a[waiting], b[waiting], rng)
            kept = self.feasible(drawn)
            children[waiting[kept]] = drawn[kept]
            waiting = waiting[~kept]
        children[waiting] = np.asarray(a, dtype=self.dtype)[waiting]
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return the neighbours in the base that keep the bounds: (L,) to (k, L); k can be 0."""
        around = self._base.neighbours(arch)
        kept: Archs = around[self.feasible(around)]
        return kept

    @cached_property
    def growth(self) -> Growth:
        """The growth of the base space, over what keeps the bounds alone."""
        whole = self._base.growth
        rows = whole.smallest() if self.rows is None else self.rows
        if not self.is_valid(rows).all():
            rows = self.sample(_BLOCK, np.random.default_rng(0))
        return RowsGrowth(whole, rows, self.is_valid)

    def facts(self) -> Mapping[str, object]:
        """Return the facts of the base space, the bounds, and how many architectures keep them, where that is known."""
        counted = {} if self.rows is None else {"valid": len(self.rows)}
        return dict(self._base.facts()) | {"bounds": [str(bound) for bound in self.bounds]} | counted


def listable(space: SearchSpace) -> bool:
    """Say whether all codings of a space can be listed."""
    codings: int = prod(space.cardinalities.tolist())
    return codings <= MOST_LISTED
