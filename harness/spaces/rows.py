"""The part of a search space that a table has rows for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, read_only
from harness.errors import HarnessError
from harness.growth import Growth, RowsGrowth
from harness.space import SearchSpace
from harness.spaces.part import PartSpace

EXACT_ROWS = 2**14
"""Up to so many rows the radius is found exactly; it compares all pairs."""
_SAMPLED = 512
_PAIRS = 2**22  # compared at once: bounds memory


class RowsSpace(PartSpace):
    """The part of a space that a table has rows for.

    Samples are uniform over the rows.  Two rows are neighbours if they differ in at most `radius` genes; a mutation is
    a neighbour drawn uniformly; by node, among those that differ in a node drawn first.  The radius is the smallest
    number at which every row can be reached from every other.  In a table of more than `EXACT_ROWS` rows it is the
    smallest at which each of 512 of them, evenly spaced, has a neighbour; a row that has none there is left by way of
    its nearest rows.

    A child of `crossover` is a row, uniform over those of which every gene, or every group of genes that the base
    exchanges as one, is that of a parent.

    Parameters
    ----------
    base : SearchSpace
        Formats, keys and encodings are its own.
    archs : (N, L) integers
        The rows, all different.
    """

    def __init__(self, base: SearchSpace, archs: Archs) -> None:
        super().__init__(base, "Only the rows of the table are valid.")
        codes = base.code(archs)
        order = np.argsort(codes)
        self._codes = read_only(codes[order])
        self.rows: Archs = read_only(np.asarray(archs, dtype=self.dtype)[order])
        self._by_gene = read_only(np.ascontiguousarray(self.rows.T))

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` rows, uniform, with replacement: (n, L)."""
        return self.rows[rng.integers(0, len(self.rows), size=n)]

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows of genes are in the table: (n, L) to (n,) bool."""
        valid = super().is_valid(archs)
        wanted = self.code(np.asarray(archs)[valid])
        places = np.minimum(np.searchsorted(self._codes, wanted), len(self._codes) - 1)
        valid[valid] = self._codes[places] == wanted
        return valid

    @cached_property
    def radius(self) -> int:
        """Genes in which neighbours may differ."""
        count = len(self.rows)
        if count == 1:
            return 0
        if count <= EXACT_ROWS:
            return self._widest_gap()
        sample = self.rows[np.linspace(0, count - 1, _SAMPLED).astype(np.intp)]
        return int(max(self._nearest(part) for part in np.array_split(sample, _SAMPLED)))

    def _nearest(self, archs: Archs) -> int:
        distance = _differing(archs, self._by_gene)
        return int(np.where(distance == 0, self.genes + 1, distance).min(axis=1).max())

    def _widest_gap(self) -> int:
        """Return the longest edge of a shortest spanning tree (Prim, 1957), which is what connects all rows."""
        left = self._by_gene[:, 1:].copy()
        nearest = _differing(self._by_gene[:, :1].T, left)[0]
        widest = 0
        while left.shape[1]:
            joining = int(nearest.argmin())
            widest = max(widest, int(nearest[joining]))
            arch = left[:, joining].copy()
            # the last one takes the place of the one that joins, so that nothing is moved
            left[:, joining], nearest[joining] = left[:, -1], nearest[-1]
            left, nearest = left[:, :-1], nearest[:-1]
            np.minimum(nearest, _differing(arch[None], left)[0], out=nearest)
        return widest

    def _around(self, archs: Archs) -> BoolArray:
        """Say which rows are neighbours: (n, L) to (n, N)."""
        distance = _differing(archs, self._by_gene)
        around: BoolArray = (distance > 0) & (distance <= self.radius)
        for alone in np.flatnonzero(~around.any(axis=1)):
            others = distance[alone] > 0
            around[alone] = others & (distance[alone] == distance[alone][others].min(initial=255))
        return around

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Return one neighbour of each row, drawn uniformly: (n, L) to (n, L)."""
        return self._neighbour(archs, rng, by_node=False)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Return one neighbour of each row, drawn uniformly among those that differ in a node, which is drawn first."""
        return self._neighbour(archs, rng, by_node=True)

    def _neighbour(self, archs: Archs, rng: np.random.Generator, *, by_node: bool) -> Archs:
        if len(self.rows) < 2:
            raise HarnessError(f"the table of space '{self.name}' has one architecture, nothing can be mutated")
        parents = np.asarray(archs, dtype=self.dtype)
        children = np.empty_like(parents)
        step = max(1, _PAIRS // len(self.rows))
        for start in range(0, len(parents), step):
            part = slice(start, start + step)
            around = self._around(parents[part])
            if by_node:
                around &= self._in_one_node(parents[part], around, rng)
            lots = rng.random(around.shape)
            lots[~around] = -1.0
            children[part] = self.rows[lots.argmax(axis=1)]
        return children

    def _in_one_node(self, archs: Archs, around: BoolArray, rng: np.random.Generator) -> BoolArray:
        """Say which rows differ from each architecture in a node, drawn of those that have neighbours: (n, N) bool."""
        nodes = np.unique(self.gene_nodes)
        genes = [np.flatnonzero(self.gene_nodes == node) for node in nodes]
        lots = np.full((len(archs), len(nodes)), -1.0)
        for place, of_node in enumerate(genes):
            there = (around & ~_agreeing(archs, self._by_gene, of_node)).any(axis=1)
            lots[there, place] = rng.random(int(there.sum()))
        drawn, differs = lots.argmax(axis=1), np.zeros(around.shape, dtype=bool)
        for place, of_node in enumerate(genes):
            differs[drawn == place] = ~_agreeing(archs[drawn == place], self._by_gene, of_node)
        return differs

    def _after_crossover(self, a: Archs, b: Archs, rng: np.random.Generator) -> Archs:
        """Return for each pair a row, drawn uniformly, of which every gene is that of a parent: `a` and `b` are two."""
        children = np.empty_like(a)
        step = max(1, _PAIRS // len(self.rows))
        for start in range(0, len(a), step):
            first, second = a[start : start + step], b[start : start + step]
            between = np.ones((len(first), len(self.rows)), dtype=bool)
            for unit in np.unique(self._exchanged):
                genes = np.flatnonzero(self._exchanged == unit)
                between &= _agreeing(first, self._by_gene, genes) | _agreeing(second, self._by_gene, genes)
            children[start : start + step] = self.rows[
                np.where(between, rng.random(between.shape), -1.0).argmax(axis=1)
            ]
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every row within `radius` genes, by coding: (L,) to (k, L)."""
        around: Archs = self.rows[self._around(np.asarray(arch, dtype=self.dtype)[None])[0]]
        return around

    @cached_property
    def growth(self) -> Growth:
        """The growth of the base space, over rows alone."""
        return RowsGrowth(self._base.growth, self.rows, self.is_valid)

    def facts(self) -> Mapping[str, object]:
        """Return the facts of the base space, and how many rows there are."""
        return dict(self._base.facts()) | {"valid": len(self.rows), "neighbour_radius": self.radius}


def _agreeing(archs: Archs, by_gene: Archs, genes: npt.NDArray[np.intp]) -> BoolArray:
    """Say which architectures have the same values of some genes: (n, L), (L, N) to (n, N)."""
    same = np.ones((len(archs), by_gene.shape[1]), dtype=bool)
    for gene in genes:
        same &= archs[:, gene, None] == by_gene[gene]
    return same


def _differing(archs: Archs, by_gene: Archs) -> npt.NDArray[np.uint8]:
    """Return in how many genes architectures differ: (n, L), (L, N) to (n, N)."""
    counted = np.zeros((len(archs), by_gene.shape[1]), dtype=np.uint8)
    for gene, values in enumerate(by_gene):
        counted += archs[:, gene, None] != values
    return counted
