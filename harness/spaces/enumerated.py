"""Search spaces small enough that every coding can be listed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, UInt64Array, read_only
from harness.errors import HarnessError
from harness.space import SearchSpace

MAX_CODINGS = 2**20
_NO_ROWS = read_only(np.empty(0, dtype=np.intp))


class EnumeratedSpace(SearchSpace):
    """A space of fewer than 2**20 codings, edited one gene at a time.

    Codings are numbered by mixed radix, so a table finds an architecture by one look-up.  Mutation and neighbourhood
    use a list of edits made once: a search loop calls them with one row, where the cost is that of the call.

    Attributes
    ----------
    codings : int
        Number of rows of genes in range, valid or not.
    """

    def __init__(
        self,
        name: str,
        cardinalities: Sequence[int],
        *,
        kinds: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        preserving: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        super().__init__(name, cardinalities, kinds=kinds, nodes=nodes, preserving=preserving)
        codings = math.prod(int(count) for count in self.cardinalities)
        if codings > MAX_CODINGS or self.cardinalities.max() > 128:
            raise HarnessError(f"an enumerated space must have at most {MAX_CODINGS} codings, got {codings}")
        self.codings = codings
        # float32 holds every integer below 2**24, and a float product is several times faster than an integer one
        self._float_places = read_only(self._places.astype(np.float32))
        self._moduli = read_only(self.cardinalities.astype(np.uint8))
        self._smallest_top = int(self.cardinalities.min()) - 1
        edits = np.zeros((int(self._alternatives.sum()), self.genes), dtype=np.uint8)
        genes = np.repeat(np.arange(self.genes), self._alternatives)
        edits[np.arange(len(edits)), genes] = np.concatenate([np.arange(1, count + 1) for count in self._alternatives])
        self._edits = read_only(edits)
        # an edit appears as often as makes a uniform draw of a row uniform over genes, then over values
        choices = [int(count) for count in self._alternatives if count]
        common = math.lcm(*choices)
        repeats = np.concatenate([np.full(count, common // count) for count in choices])
        self._draws = read_only(np.repeat(self._edits, repeats, axis=0))

    @cached_property
    def all_codings(self) -> Archs:
        """Every coding in order of its number, (codings, L), valid or not."""
        return read_only(self.decode(np.arange(self.codings, dtype=np.uint64)))

    @cached_property
    def _valid_codings(self) -> Archs:
        return read_only(self.all_codings[self.is_valid(self.all_codings)])

    def positions(self, archs: Archs) -> npt.NDArray[np.intp]:
        """Return the number of each coding as an array index: (n, L) to (n,); genes must be in range."""
        numbers: npt.NDArray[np.intp] = (archs.astype(np.float32) @ self._float_places).astype(np.intp)
        return numbers

    def code(self, archs: Archs) -> UInt64Array:
        """Return the mixed-radix number of each row, gene 0 most significant: (n, L) to (n,) uint64."""
        return self.positions(archs).astype(np.uint64)

    def in_range(self, archs: Archs) -> bool:
        """Say whether every gene of every row has a value of its own range; fast where all are small."""
        if archs.size == 0:
            return True
        if archs.dtype != np.uint8 and archs.min() < 0:
            return False
        return bool(archs.max() <= self._smallest_top) or bool((archs < self.cardinalities).all())

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` valid architectures, uniform over the valid codings, with replacement: (n, L)."""
        return self._valid_codings[rng.integers(0, len(self._valid_codings), size=n)]

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once: one gene, drawn uniformly, takes another value, drawn uniformly; result valid.

        An edit whose result is not valid is drawn again, gene and value.

        Parameters
        ----------
        archs : (n, L) integers
            Valid architectures; not changed.

        Returns
        -------
        (n, L) uint8
        """
        parents = np.asarray(archs, dtype=self.dtype)
        children: Archs = (parents + self._draws[rng.integers(0, len(self._draws), size=len(parents))]) % self._moduli
        while len(wrong := self._forbidden(children)):
            again = rng.integers(0, len(self._draws), size=len(wrong))
            children[wrong] = (parents[wrong] + self._draws[again]) % self._moduli
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every valid architecture one gene away, by gene, then by distance of the value: (L,) to (k, L)."""
        around: Archs = (np.asarray(arch, dtype=self.dtype) + self._edits) % self._moduli
        wrong = self._forbidden(around)
        return np.delete(around, wrong, axis=0) if len(wrong) else around

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows are architectures of this space: (n, L) to (n,) bool."""
        valid = super().is_valid(archs)
        valid[self._forbidden(archs)] = False
        return valid

    def _forbidden(self, archs: Archs) -> npt.NDArray[np.intp]:
        """Return the indices of rows whose genes are in range and which yet are no architecture; none by default."""
        return _NO_ROWS
