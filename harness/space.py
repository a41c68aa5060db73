"""Search spaces: immutable, vectorised, without a random generator of their own.

An architecture is a row of L small integers; gene j takes values in ``range(cardinalities[j])``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array, arch_matrix, choice, read_only
from harness.errors import HarnessError, shown, unknown
from harness.growth import Growth

IDENTITIES = ("functional", "string", "exact")


def operation_code(name: str, operations: Sequence[str], text: str) -> int:
    """Return the code of an operation that a text names.

    Raises
    ------
    HarnessError
        If there is none of that name; names the nearest match and the text.
    """
    if name not in operations:
        raise HarnessError(unknown("operation", name, operations) + f" In {shown(text)}.")
    return operations.index(name)


class SearchSpace(ABC):
    """A finite set of architectures, each a row of integers.

    The defaults treat the genes as independent categories: uniform sampling, one gene changed by a mutation, and every
    single-gene change as a neighbour.  A space with invalid or equivalent rows overrides what differs.  `key`,
    `features` and `parse` check what they are given and leave the rest to `_key`, `_features` and `_genes`;
    `facts` adds what `_facts` says.

    Attributes
    ----------
    name : str
        Name of the space, part of the digest of results.
    cardinalities : (L,) int64
        Number of values of each gene.
    dtype : numpy dtype
        Of architecture arrays: uint8 unless a gene needs more.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot",)
    """Names that `features` takes."""
    description: ClassVar[str] = ""
    """One paragraph for people: genes, operations, distribution of `sample`."""

    def __init__(self, name: str, cardinalities: Sequence[int]) -> None:
        self.name = name
        counts = np.asarray(cardinalities, dtype=np.int64)
        if counts.ndim != 1 or len(counts) == 0 or counts.min() < 1:
            raise HarnessError(f"`cardinalities` must be a non-empty list of positive integers, got {cardinalities!r}")
        if np.sum(np.log2(counts)) >= 64:
            raise HarnessError("a space must have fewer than 2**64 codings; override `key` for larger ones")
        self.cardinalities: IntArray = read_only(counts)
        self.dtype = np.dtype(np.uint8 if counts.max() <= 256 else np.uint16)
        self._places: UInt64Array = read_only(np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.uint64))
        self._alternatives: IntArray = read_only(counts - 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def genes(self) -> int:
        """L, the number of genes."""
        return len(self.cardinalities)

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` valid architectures, uniform over the codings, with replacement.

        Returns
        -------
        (n, L) unsigned integers
        """
        return rng.integers(0, self.cardinalities, size=(n, self.genes)).astype(self.dtype)

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows are architectures of this space.

        Parameters
        ----------
        archs : (n, L) integers

        Returns
        -------
        (n,) bool
        """
        inside: BoolArray = np.all((archs >= 0) & (archs < self.cardinalities), axis=1)
        return inside

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two architectures are the same.

        Parameters
        ----------
        archs : (n, L) integers
            Valid architectures.
        identity : {"functional", "string", "exact"}
            The same function of the input; the same by the field's own string; the same row of integers.  A space
            without a notion of its own answers with the exact key.

        Returns
        -------
        (n,) uint64
        """
        choice("identity", identity, IDENTITIES)
        return self.code(archs) if identity == "exact" else self._key(archs, identity)

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        """Return "functional" or "string" keys; where a space has no notion of its own, the exact ones."""
        return self.code(archs)

    def code(self, archs: Archs) -> UInt64Array:
        """Return the mixed-radix number of each row, gene 0 most significant: (n, L) to (n,) uint64."""
        code = archs[:, 0].astype(np.uint64)
        for gene in range(1, self.genes):
            code *= np.uint64(self.cardinalities[gene])
            code += archs[:, gene].astype(np.uint64)
        return code

    def decode(self, codes: UInt64Array) -> Archs:
        """Return the rows of mixed-radix numbers: (n,) uint64 to (n, L); the inverse of `code`."""
        digits = np.asarray(codes, dtype=np.uint64)[:, None] // self._places
        return (digits % self.cardinalities.astype(np.uint64)).astype(self.dtype)

    def mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once: one gene, drawn uniformly among those with a choice, takes another value.

        Parameters
        ----------
        archs : (n, L) integers
            Valid architectures; not changed.

        Returns
        -------
        (n, L) unsigned integers
            Valid, and different from the parent in exactly one edit.

        Raises
        ------
        HarnessError
            If no gene has a choice.
        """
        children = np.array(archs, dtype=self.dtype)
        free = np.flatnonzero(self._alternatives)
        if not len(free):
            raise HarnessError(f"the space '{self.name}' has one architecture, nothing can be mutated")
        rows = np.arange(len(children))
        genes = free[rng.integers(0, len(free), size=len(children))]
        steps = 1 + rng.integers(0, self._alternatives[genes])
        children[rows, genes] = (children[rows, genes] + steps) % self.cardinalities[genes]
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every valid architecture one edit away, in a fixed order.

        Parameters
        ----------
        arch : (L,) integers

        Returns
        -------
        (k, L) unsigned integers
        """
        genes = np.repeat(np.arange(self.genes), self._alternatives)
        steps = np.concatenate([np.arange(1, count) for count in self.cardinalities])
        around = np.repeat(np.asarray(arch, dtype=self.dtype)[None], len(genes), axis=0)
        rows = np.arange(len(genes))
        around[rows, genes] = (around[rows, genes] + steps) % self.cardinalities[genes]
        return around

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode architectures for a learner.

        Parameters
        ----------
        archs : (n, L) integers
        encoding : str
            One of `encodings`.

        Returns
        -------
        (n, d) float64
        """
        choice("encoding", encoding, self.encodings)
        archs = arch_matrix("archs", archs, self.genes)
        return self.one_hot(archs) if encoding == "one_hot" else self._features(archs, encoding)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode checked architectures by an encoding other than ``one_hot``, for spaces that have more."""
        raise NotImplementedError(f"{type(self).__name__} must define _features for {encoding!r}")

    def one_hot(self, archs: Archs) -> FloatArray:
        """Return the concatenated indicator vectors of all genes: (n, L) to (n, sum of cardinalities)."""
        archs = arch_matrix("archs", archs, self.genes)
        offsets = np.concatenate([[0], np.cumsum(self.cardinalities)[:-1]])
        out = np.zeros((len(archs), int(self.cardinalities.sum())))
        out[np.arange(len(archs))[:, None], archs + offsets] = 1.0
        return out

    @abstractmethod
    def format(self, archs: Archs) -> list[str]:
        """Write architectures as the field's own strings: (n, L) to n strings."""

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read the field's own strings: n strings to (n, L).

        Raises
        ------
        HarnessError
            If a text is not an architecture of this space; names the text and the rule.
        """
        rows = [self._genes(text) for text in texts]
        return np.array(rows, dtype=self.dtype).reshape(len(rows), self.genes)

    def _genes(self, text: str) -> Sequence[int]:
        """Read one text, L genes; what a space defines that does not override `parse`."""
        raise NotImplementedError(f"{type(self).__name__} must define parse or _genes")

    def notation(self, text: str) -> str:
        """Say which of several forms a text has and how its parts are meant, "" for the field's own string."""
        return ""

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the values of each gene in the order of their codes, by the name of the gene.

        Empty where genes have no names outside this program: such architectures are given as texts.
        """
        return {}

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return what each gene is called, in order, and what each of its values is called, in the order of codes.

        Those of `choices` where there are any; else names of our own, or numbers: ``gene 0``, values ``0``, ``1``, …
        """
        numbered = {f"gene {gene}": [*map(str, range(count))] for gene, count in enumerate(self.cardinalities.tolist())}
        return self.choices() or numbered

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count what the published networks cost in closed form, where a formula is known: (n, L) to (n,) each.

        Returns
        -------
        mapping of str to (n,) float64
            ``params_m`` and ``macs_m``, millions of trainable parameters and of multiply-adds for one input; empty
            where no formula is known.
        """
        return {}

    @property
    def growth(self) -> Growth:
        """The order of the space from simple to complex.

        Raises
        ------
        HarnessError
            If it has none.
        """
        raise HarnessError(
            f"growing architectures needs a space with an order from simple to complex, and '{self.name}' has none: "
            "use one of operations on edges that may be none (nb201), of vertices (nb101) or of sizes (nats-size)"
        )

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints: counts, classes, encodings and their widths."""
        example = self.decode(np.zeros(1, dtype=np.uint64))
        return {
            "genes": self.genes,
            "cardinalities": self.cardinalities.tolist(),
            "codings": int(np.prod([int(count) for count in self.cardinalities])),
            "encodings": {name: int(self.features(example, name).shape[1]) for name in self.encodings},
            **self._facts(),
        }

    def _facts(self) -> Mapping[str, object]:
        """Return what `facts` adds for this space."""
        return {}
