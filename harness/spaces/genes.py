"""A search space that is written down in Python: genes of any plain values, some of which others switch on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import HarnessError, TableError, must, unknown
from harness.growth import Growth
from harness.space import SearchSpace
from harness.spaces.categorical import CategoricalSpace

MISSING = -1.0
"""What the encoding ``ordinal`` has for a gene that is switched off."""
_DIGITS = 6
"""Significant digits to which fractions are rounded, so that a value is what its text says."""
_COUNTED = 1 << 20
"""Codings among which the valid ones are counted for `describe`."""
Value = str | bool | int | float | None
"""What a gene may be."""


class When:
    """The values of a gene that is there only when other genes have certain values.

    Parameters
    ----------
    values : iterable
        As in `Genes`.
    **conditions
        By the name of a gene that stands before it: the value, or a list of the values, with which it is there.  Of
        several conditions all must hold, and a gene that is switched off switches off what depends on it.

    Examples
    --------
    >>> space = Genes(layers=[1, 2], first=[16, 32], second=When([16, 32], layers=2))
    >>> space.format(np.array([[0, 1, 0], [1, 1, 0]]))
    ['layers=1, first=32', 'layers=2, first=32, second=16']
    """

    def __init__(self, values: Iterable[Value], /, **conditions: Any) -> None:
        if not conditions:
            raise HarnessError("`When` must name a gene and its values: When([16, 32], layers=[2, 3])")
        self.values = values
        self.conditions = conditions


class Genes(CategoricalSpace):
    """Every combination of one value for each gene, hyperparameters and parts of an architecture alike.

    Values that are numbers in rising order are ordinal: an edit goes to the next one.  Others are categorical.
    Fractions are rounded to six significant digits.  A gene that is switched off (`When`) has code 0: every other
    coding of it is invalid, so that no two valid codings are the same.

    `sample` draws each choice uniformly.  A mutation changes one gene that is there; genes that it switches on are
    drawn.  In a crossover genes that depend on each other go together.  Architectures are written
    ``layers=1, width=32``, without genes that are switched off.

    Parameters
    ----------
    genes : mapping, optional
        Values, or a `When`, by name of the gene, for names that are no words of Python.
    **named
        The same, as keywords.  Values are texts, numbers, true, false or None: a list, a range or a numpy array such as
        ``np.geomspace(1e-4, 1e-1, 7)``.

    Raises
    ------
    HarnessError
        If there is no gene, a gene has no value, or two that are the same, or a condition names none before it.

    Examples
    --------
    >>> space = Genes(activation=["relu", "tanh"], width=[16, 32, 64], rate=np.geomspace(1e-4, 1e-2, 3))
    >>> space.gene_kinds
    ('categorical', 'ordinal', 'ordinal')
    >>> space.configurations(np.array([[1, 2, 1]]))
    [{'activation': 'tanh', 'width': 64, 'rate': 0.001}]
    """

    kind = "genes"

    def __init__(self, genes: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        given = {**(genes or {}), **named}
        if not given:
            raise HarnessError("a space must have at least one gene: Genes(width=[16, 32, 64])")
        self.typed = {gene: _values(gene, item) for gene, item in given.items()}
        ordinal = [gene for gene, values in self.typed.items() if _rising(values)]
        super().__init__(
            "genes", {gene: tuple(map(_text, values)) for gene, values in self.typed.items()}, ordinal=ordinal
        )
        self.conditions = {
            gene: self._condition(gene, item.conditions) for gene, item in given.items() if isinstance(item, When)
        }
        self._exchanged = self._together()
        self._units = int(self._exchanged.max()) + 1
        if self.conditions:
            listed = "; ".join(
                f"{gene} is there when {' and '.join(f'{on} is {self._said(on, codes)}' for on, codes in each.items())}"
                for gene, each in self.conditions.items()
            )
            self.description = (  # type: ignore[misc]  # of the class elsewhere
                f"{self.description.removesuffix(' Samples are uniform.')} Of these {listed}. Samples are uniform in "
                "each choice."
            )

    def _condition(self, gene: str, conditions: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """Return the codes with which a gene is there, by the name of the gene that switches it."""
        before = list(self.typed)[: list(self.typed).index(gene)]
        found = {}
        for on, allowed in conditions.items():
            if on not in before:
                raise HarnessError(unknown(f"gene before '{gene}', which its condition names,", on, before))
            listed = [allowed] if isinstance(allowed, str) or not isinstance(allowed, Iterable) else list(allowed)
            codes = sorted({self.code_of(on, _text(_plain(on, value))) for value in listed})
            if not codes or len(codes) == len(self.typed[on]):
                rule = f"name some of the values of '{on}', and not all: {', '.join(self.values[on])}"
                raise HarnessError(must(f"condition of {gene}", rule, listed))
            found[on] = tuple(codes)
        return found

    def _said(self, gene: str, codes: Iterable[int]) -> str:
        return " or ".join(self.values[gene][code] for code in codes)

    def _together(self) -> IntArray:
        """Return a number for each gene, the same for those that depend on each other: (L,)."""
        names = list(self.typed)
        group = np.arange(len(names))
        for gene, items in self.conditions.items():
            for on in items:
                group[group == group[names.index(gene)]] = group[names.index(on)]
        return np.unique(group, return_inverse=True)[1].astype(np.int64)

    def active(self, archs: Archs) -> BoolArray:
        """Say which genes each architecture has: (n, L) to (n, L) bool."""
        archs, names = np.asarray(archs), list(self.typed)
        there = np.ones(archs.shape, dtype=np.bool_)
        for gene, items in self.conditions.items():
            place = names.index(gene)
            for on, codes in items.items():
                switch = names.index(on)
                there[:, place] &= there[:, switch] & np.isin(archs[:, switch], codes)
        return there

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows have all genes in range, and 0 for every gene that is switched off: (n, L) to (n,) bool."""
        archs = np.asarray(archs)
        valid = SearchSpace.is_valid(self, archs)
        valid[valid] = np.all(self.active(archs[valid]) | (archs[valid] == 0), axis=1)
        return valid

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures, each choice uniformly, with replacement: (n, L)."""
        return self._canonical(super().sample(n, rng))

    def _canonical(self, archs: Archs) -> Archs:
        return np.where(self.active(archs), archs, 0).astype(self.dtype) if self.conditions else archs

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        if not self.conditions:
            return super()._mutate(archs, rng)
        archs = np.asarray(archs, dtype=self.dtype)
        free = self.active(archs) & (self._alternatives > 0)
        if not free.any(axis=1).all():
            raise HarnessError(f"the space '{self.name}' has an architecture without a choice, which is not mutated")
        reached = np.cumsum(free, axis=1) > rng.integers(0, free.sum(axis=1))[:, None]
        genes, rows = reached.argmax(axis=1), np.arange(len(archs))
        children, before = archs.copy(), archs[rows, genes].astype(np.int64)
        top = self._alternatives[genes]
        up = ((rng.random(len(archs)) < 0.5) & (before < top)) | (before == 0)
        next_one = before + np.where(up, 1, -1)
        other = (before + 1 + rng.integers(0, top)) % (top + 1)
        children[rows, genes] = np.where(np.isin(genes, self._ordered), next_one, other)
        new = self.active(children) & ~self.active(archs)
        if new.any():
            children = np.where(new, super().sample(len(archs), rng), children)
        return self._canonical(children)

    def neighbours(self, arch: Archs) -> Archs:
        """Return every architecture one edit away, by gene, with every choice of genes switched on: (L,) to (k, L)."""
        around = super().neighbours(arch)
        if not self.conditions:
            return around
        arch = np.asarray(arch, dtype=self.dtype)
        there = self.active(arch[None])[0]
        changed = (around != arch).argmax(axis=1)
        around = around[there[changed]]
        for gene in self.conditions:  # in the order of the genes: what it depends on is settled
            place = list(self.typed).index(gene)
            now = self.active(around)[:, place]
            new = now & (not there[place])
            around[~now, place] = 0
            counts = np.where(new, self.cardinalities[place], 1)
            chosen = np.concatenate([np.arange(0), *map(np.arange, counts.tolist())])
            around = np.repeat(around, counts, axis=0)
            around[:, place] = np.where(np.repeat(new, counts), chosen, around[:, place])
        return around

    @property
    def growth(self) -> Growth:
        """As of `CategoricalSpace`; none where genes are switched."""
        return SearchSpace.growth.fget(self) if self.conditions else super().growth  # type: ignore[attr-defined]  # a property

    def one_hot(self, archs: Archs) -> FloatArray:
        """Return the indicators of all genes that are there: (n, L) to (n, sum of cardinalities)."""
        return super().one_hot(archs) * np.repeat(self.active(archs), self.cardinalities, axis=1)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        features, there, start = super()._features(archs, encoding), self.active(archs), 0
        for place, gene in enumerate(self.typed):
            width = 1 if gene in self.ordinal else len(self.typed[gene])
            features[~there[:, place], start : start + width] = MISSING if gene in self.ordinal else 0.0
            start += width
        return features

    def configurations(self, archs: Archs) -> list[dict[str, Value]]:
        """Return the value of each gene that is there, by its name: (n, L) to n mappings."""
        return [
            {
                gene: values[code]
                for (gene, values), code, there in zip(self.typed.items(), codes, switched, strict=True)
                if there
            }
            for codes, switched in zip(np.asarray(archs).tolist(), self.active(archs).tolist(), strict=True)
        ]

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as ``gene=value`` pairs of the genes that they have: (n, L) to n strings."""
        return [
            ", ".join(f"{gene}={_text(value)}" for gene, value in item.items()) for item in self.configurations(archs)
        ]

    def _genes(self, text: str) -> list[int]:
        """Read ``gene=value`` pairs, in any order; each gene that is there must be named once, and no other."""
        pairs = [part.partition("=")[::2] for part in text.split(",")]
        told = {gene.strip(): value.strip() for gene, value in pairs}
        for gene in told:
            if gene not in self.typed:
                raise HarnessError(unknown("gene", gene, self.typed))
        codes = [self.code_of(gene, told[gene]) if gene in told else 0 for gene in self.typed]
        there = self.active(np.array([codes], dtype=self.dtype))[0].tolist()
        wanted = [gene for gene, switched in zip(self.typed, there, strict=True) if switched]
        if sorted(gene.strip() for gene, _ in pairs) != sorted(wanted):
            rule = f"name each of {', '.join(wanted)} once, as '{wanted[0]}=value, …'"
            raise HarnessError(must("architecture", rule, text))
        return codes

    def definition(self) -> str:
        """Return JSON from which `from_definition` makes the space again."""
        told: dict[str, object] = {"kind": self.kind, "name": self.name, "genes": self.typed}
        if self.conditions:
            told["when"] = {
                gene: {on: [self.typed[on][code] for code in codes] for on, codes in items.items()}
                for gene, items in self.conditions.items()
            }
        return json.dumps(told)

    def _facts(self) -> Mapping[str, object]:
        facts = dict(super()._facts())
        codings = math.prod(self.cardinalities.tolist())
        if self.conditions:
            facts.pop("valid")
            if codings <= _COUNTED:
                facts["valid"] = int(self.is_valid(self.decode(np.arange(codings, dtype=np.uint64))).sum())
        return facts


def from_definition(fields: Mapping[str, Any]) -> Genes:
    """Make a space from the object that `Genes.definition` wrote.

    Raises
    ------
    TableError
        If it is none.
    """
    genes, when = fields.get("genes"), fields.get("when", {})
    if not isinstance(genes, Mapping) or not isinstance(when, Mapping):
        raise TableError(must("definition", "have objects `genes` and `when`", dict(fields)))
    return Genes({gene: When(values, **when[gene]) if gene in when else values for gene, values in genes.items()})


def _values(gene: str, given: Any) -> tuple[Value, ...]:
    """Return the values of a gene as plain Python values."""
    values = given.values if isinstance(given, When) else given
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise HarnessError(must(gene, "be a list of values, such as [16, 32, 64] or ['relu', 'tanh']", values))
    return tuple(_plain(gene, value) for value in values)


def _plain(gene: str, value: Any) -> Value:
    """Return a value as a plain one, fractions rounded."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{_DIGITS}g}")
    if value is None or isinstance(value, str | bool | int):
        return value
    raise HarnessError(must(f"value of {gene}", "be text, a finite number, true, false or None", value))


def _text(value: Value) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def _rising(values: tuple[Value, ...]) -> bool:
    """Say whether values are numbers in rising order, two or more."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(values) > 1 and all(low < high for low, high in pairwise(numbers))
