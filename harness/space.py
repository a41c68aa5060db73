"""Search spaces: immutable, vectorised, without a random generator of their own.

An architecture is a row of L small integers; gene j takes values in ``range(cardinalities[j])``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array, arch_matrix, choice, read_only
from harness.errors import HarnessError, must, shown, unknown
from harness.graphs import GraphBatch, chain
from harness.growth import Growth
from harness.seeding import mix64

IDENTITIES = ("functional", "string", "exact")
KINDS = ("categorical", "ordinal")
DRAWS = ("gene", "node")
CROSSOVER_TRIES = 20
"""How often a pair whose child is not valid is crossed again."""


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

    The defaults treat the genes as independent categories: uniform sampling, one gene changed by a mutation, every
    single-gene change as a neighbour, and each gene of a child from either parent.  A space with invalid or equivalent
    rows overrides what differs.  `key`, `mutate`, `features`, `graph` and `parse` check what they are given and leave
    the rest to `_key`, `_mutate` and `_mutate_by_node`, `_features`, `_graph` and `_genes`; `facts` adds what `_facts`
    says.

    Parameters
    ----------
    name : str
    cardinalities : (L,) integers
    kinds, nodes : (L,) sequences, optional
        `gene_kinds` and `gene_nodes`; by default all are categorical, and each is a node of its own.
    exchanged : (L,) integers, optional
        Genes of equal number go to a child together; see `crossover`.  By default each goes alone.
    preserving : sequence of (gene, value, new value)
        The edits of `morphisms`, where each changes one gene.

    Attributes
    ----------
    name : str
        Name of the space, part of the digest of results.
    cardinalities : (L,) int64
        Number of values of each gene.
    dtype : numpy dtype
        Of architecture arrays: uint8 unless a gene needs more.
    gene_kinds : (L,) tuple of {"categorical", "ordinal"}
        Whether the order of a gene's values means something: widths, depths, kernel sizes and expansions are ordinal,
        operations and inputs are not.
    gene_nodes : (L,) int64
        Node of the cell to which each gene belongs, by the space's own numbers.
    has_morphisms : bool
        Whether edits that can keep the function are known; see `morphisms`.
    is_numbered : bool
        Whether there are fewer than 2**64 codings, so that each has a number of its own; see `code`.
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot",)
    """Names that `features` takes."""
    description: ClassVar[str] = ""
    """One paragraph for people: genes, operations, distribution of `sample`."""

    def __init__(
        self,
        name: str,
        cardinalities: Sequence[int],
        *,
        kinds: Sequence[str] | None = None,
        nodes: Sequence[int] | None = None,
        exchanged: Sequence[int] | None = None,
        preserving: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        self.name = name
        counts = np.asarray(cardinalities, dtype=np.int64)
        if counts.ndim != 1 or len(counts) == 0 or counts.min() < 1:
            raise HarnessError(f"`cardinalities` must be a non-empty list of positive integers, got {cardinalities!r}")
        self.cardinalities: IntArray = read_only(counts)
        self._limbs = _limbs(counts.tolist())
        self.is_numbered = len(self._limbs) == 1
        self.dtype = np.dtype(np.uint8 if counts.max() <= 256 else np.uint16)
        self._places: UInt64Array = read_only(np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.uint64))
        self._alternatives: IntArray = read_only(counts - 1)
        self.gene_kinds = ("categorical",) * len(counts) if kinds is None else tuple(kinds)
        self.gene_nodes = self._numbers("nodes", nodes)
        self._shares_nodes = len(np.unique(self.gene_nodes)) < len(counts)
        self._exchanged = self._numbers("exchanged", exchanged)
        self._units = int(self._exchanged.max()) + 1
        self._preserving: IntArray = read_only(np.array(preserving, dtype=np.int64).reshape(-1, 3))
        self.has_morphisms = len(self._preserving) > 0
        for kind in self.gene_kinds:
            choice("kind of a gene", kind, KINDS)
        if len(self.gene_kinds) != len(counts):
            raise HarnessError(must("kinds", f"have one for each of {len(counts)} genes", self.gene_kinds))

    def _numbers(self, name: str, numbers: Sequence[int] | None) -> IntArray:
        """Return a number for each gene, its own place where none are given: (L,)."""
        given = np.arange(self.genes) if numbers is None else np.array(numbers, dtype=np.int64)
        if given.shape != (self.genes,) or given.min() < 0:
            raise HarnessError(must(name, f"have a number, at least 0, for each of {self.genes} genes", numbers))
        return read_only(given)

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

    def active(self, archs: Archs) -> BoolArray:
        """Say which genes each architecture has; all, where a space does not say what a gene is that is missing.

        Parameters
        ----------
        archs : (n, L) integers

        Returns
        -------
        (n, L) bool
        """
        return np.ones(archs.shape, dtype=np.bool_)

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
        """Return the mixed-radix number of each row, gene 0 most significant: (n, L) to (n,) uint64.

        In a space of 2**64 codings or more (not `is_numbered`) it is a hash of 64 bits: the chance that any two of a
        million different rows have the same is 3e-8.
        """
        code, *rest = (self._number(archs, limb) for limb in self._limbs)
        for number in rest:
            code = mix64(mix64(code) + number)
        return code

    def _number(self, archs: Archs, limb: range) -> UInt64Array:
        """Return the mixed-radix number of some genes: (n, L) to (n,) uint64."""
        number = archs[:, limb[0]].astype(np.uint64)
        for gene in limb[1:]:
            number *= np.uint64(self.cardinalities[gene])
            number += archs[:, gene].astype(np.uint64)
        return number

    def decode(self, codes: UInt64Array) -> Archs:
        """Return the rows of mixed-radix numbers: (n,) uint64 to (n, L); the inverse of `code`.

        Raises
        ------
        HarnessError
            If the space has too many codings to number them.
        """
        if not self.is_numbered:
            raise HarnessError(f"the space '{self.name}' has 2**64 codings or more, and they have no numbers")
        digits = np.asarray(codes, dtype=np.uint64)[:, None] // self._places
        return (digits % self.cardinalities.astype(np.uint64)).astype(self.dtype)

    def mutate(self, archs: Archs, rng: np.random.Generator, *, by: str = "gene") -> Archs:
        """Edit each row once; by default one gene, drawn uniformly among those with a choice, takes another value.

        Parameters
        ----------
        archs : (n, L) integers
            Valid architectures; not changed.
        by : {"gene", "node"}
            With "node" a node (`gene_nodes`) is drawn uniformly among those with a choice, then a gene of it, as the
            evolution of Dong et al. (NATS-Bench, TPAMI 2021) does; the same as "gene" where no two genes share a node.

        Returns
        -------
        (n, L) unsigned integers
            Valid, and different from the parent in exactly one edit.

        Raises
        ------
        HarnessError
            If no gene has a choice.
        """
        if choice("by", by, DRAWS) == "node" and self._shares_nodes:
            return self._mutate_by_node(archs, rng)
        return self._mutate(archs, rng)

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once, a gene drawn uniformly: (n, L) to (n, L)."""
        children = np.array(archs, dtype=self.dtype)
        free = np.flatnonzero(self._alternatives)
        if not len(free):
            raise HarnessError(f"the space '{self.name}' has one architecture, nothing can be mutated")
        rows = np.arange(len(children))
        genes = free[rng.integers(0, len(free), size=len(children))]
        steps = 1 + rng.integers(0, self._alternatives[genes])
        children[rows, genes] = (children[rows, genes] + steps) % self.cardinalities[genes]
        return children

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Edit each row once, a node drawn first; an edit whose result is not valid is drawn again."""
        parents = np.asarray(archs, dtype=self.dtype)
        children, waiting = parents.copy(), np.arange(len(parents))
        while len(waiting):
            genes = self._node_draws[rng.integers(0, len(self._node_draws), size=len(waiting))]
            steps = 1 + rng.integers(0, self._alternatives[genes])
            children[waiting] = parents[waiting]
            children[waiting, genes] = (parents[waiting, genes] + steps) % self.cardinalities[genes]
            waiting = waiting[~self.is_valid(children[waiting])]
        return children

    @cached_property
    def _node_draws(self) -> npt.NDArray[np.intp]:
        """Genes, each as often as makes a uniform draw uniform over nodes, then over the genes of a node."""
        free = np.flatnonzero(self._alternatives)
        if not len(free):
            raise HarnessError(f"the space '{self.name}' has one architecture, nothing can be mutated")
        of_node = [free[self.gene_nodes[free] == node] for node in np.unique(self.gene_nodes[free])]
        common = math.lcm(*map(len, of_node))
        return read_only(np.concatenate([np.repeat(genes, common // len(genes)) for genes in of_node]))

    def crossover(self, a: Archs, b: Archs, rng: np.random.Generator) -> Archs:
        """Return a child of each pair of rows: uniform crossover, each gene from either parent with probability 1/2.

        Syswerda, "Uniform Crossover in Genetic Algorithms", ICGA 1989.  Genes that mean something only together go
        together, where a space says so.  A child that is not valid is drawn again, up to `CROSSOVER_TRIES` times, then
        it is a copy of `a`.  Children may equal a parent; of equal parents they do.

        Parameters
        ----------
        a, b : (n, L) integers
            Valid architectures; not changed.

        Returns
        -------
        (n, L) unsigned integers
            Valid.

        Raises
        ------
        HarnessError
            If `a` and `b` differ in shape.
        """
        a, b = (arch_matrix(name, archs, self.genes) for name, archs in (("a", a), ("b", b)))
        if len(a) != len(b):
            raise HarnessError(must("b", f"have as many rows as `a`, {len(a)}", len(b)))
        first, second = a.astype(self.dtype), b.astype(self.dtype)
        children, waiting = first.copy(), np.arange(len(first))
        for _ in range(CROSSOVER_TRIES):
            swapped = rng.integers(0, 2, size=(len(waiting), self._units), dtype=np.bool_)[:, self._exchanged]
            drawn = np.where(swapped, second[waiting], first[waiting])
            valid = self.is_valid(drawn)
            children[waiting[valid]] = drawn[valid]
            waiting = waiting[~valid]
            if not len(waiting):
                return children
        children[waiting] = self._after_crossover(first[waiting], second[waiting], rng)
        return children

    def _after_crossover(self, a: Archs, b: Archs, rng: np.random.Generator) -> Archs:
        """Return children of pairs of which none was found by drawing: copies of `a`."""
        return a

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

    def morphisms(self, arch: Archs) -> Archs:
        """Return the network morphisms of an architecture: edits after which a network can compute what it did before.

        The child computes its parent's function if its weights are set so, as in Net2Net (Chen, Goodfellow & Shlens,
        ICLR 2016) and in network morphism (Wei et al., ICML 2016).  Strict: an edit that some weights do not allow is
        none, and every one that takes something away is none.

        Parameters
        ----------
        arch : (L,) integers

        Returns
        -------
        (k, L) unsigned integers
            Valid, all different, in a fixed order; k can be 0.

        Raises
        ------
        HarnessError
            If none are known for this space (`has_morphisms`).
        """
        if not self.has_morphisms:
            raise HarnessError(f"the space '{self.name}' knows no edits that keep the function: take its neighbours")
        return self._morphisms(np.asarray(arch, dtype=self.dtype))

    def _morphisms(self, arch: Archs) -> Archs:
        """Return the children of a space with morphisms; by default by the table of `preserving`."""
        genes, before, after = self._preserving[self._preserving[:, 1] == arch[self._preserving[:, 0]]].T
        children = np.repeat(arch[None], len(before), axis=0)
        children[np.arange(len(children)), genes] = after
        return children

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

    def graph(self, archs: Archs) -> GraphBatch:
        """Return each architecture as a graph of labelled nodes, with everything that it has, useful or not.

        Operations are nodes, also in spaces that have them on edges (the line graph); `harness.graphs.reduced` leaves
        out what does nothing.  A space without a cell gives the chain of its genes, labelled ``gene=value``.

        Parameters
        ----------
        archs : (n, L) integers

        Returns
        -------
        GraphBatch
            n graphs on V places; V and the labels are the same for all architectures of a space.
        """
        return self._graph(arch_matrix("archs", archs, self.genes))

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return the graphs of checked architectures; by default chains of genes."""
        return chain(archs, self.cardinalities, self._values)

    @cached_property
    def _values(self) -> tuple[str, ...]:
        """Every value of every gene, as ``gene=value``."""
        return tuple(f"{gene}={value}" for gene, values in self.legend().items() for value in values)

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
        example = np.zeros((1, self.genes), dtype=self.dtype)
        return {
            "genes": self.genes,
            "cardinalities": self.cardinalities.tolist(),
            "codings": math.prod(self.cardinalities.tolist()),
            "encodings": {name: int(self.features(example, name).shape[1]) for name in self.encodings},
            **self._facts(),
        }

    def _facts(self) -> Mapping[str, object]:
        """Return what `facts` adds for this space."""
        return {}


def _limbs(counts: Sequence[int]) -> list[range]:
    """Cut genes into as few runs as have fewer than 2**64 codings each."""
    limbs, start, codings = [], 0, 1
    for gene, count in enumerate(counts):
        codings *= count
        if codings >= 2**64:
            limbs.append(range(start, gene))
            start, codings = gene, count
    return [*limbs, range(start, len(counts))]
