"""A search space that is a grid of named choices: what a table of one's own defines by listing them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, read_only
from harness.errors import HarnessError, TableError, must, unknown
from harness.growth import GeneGrowth, Growth
from harness.space import SearchSpace

_SHOWN = 6
"""Values of a gene that the description names where it has many."""
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class CategoricalSpace(SearchSpace):
    """Every combination of one value for each gene; all are valid, and no two are the same.

    `sample` is uniform, a mutation gives one gene another value, and neighbours differ in one gene.  Architectures are
    written ``kernel=3, width=16``.

    Parameters
    ----------
    name : str
    genes : mapping of str to sequence of str
        The values of each gene, in the order of their codes.
    ordinal : sequence of str
        Genes of which the order of the values means something: an edit goes to the next value, and the encoding
        ``ordinal`` has one number for each, from 0 to 1.
    inactive : mapping of str to str
        The value of an architecture that does not have a gene.

    Raises
    ------
    HarnessError
        If a gene has no name or value, repeats a value, or has one that could not be read back.

    Examples
    --------
    >>> space = CategoricalSpace("grid", {"kernel": ["3", "5"], "pool": ["max", "avg"]})
    >>> space.format(np.array([[1, 0]]))
    ['kernel=5, pool=max']
    """

    kind = "categorical"

    def __init__(
        self,
        name: str,
        genes: Mapping[str, Sequence[str]],
        *,
        ordinal: Sequence[str] = (),
        inactive: Mapping[str, str] | None = None,
    ) -> None:
        self.ordinal, self.inactive = tuple(ordinal), dict(inactive or {})
        self.values = {gene: tuple(values) for gene, values in genes.items()}
        for gene, values in self.values.items():
            if not _NAME.fullmatch(gene):
                raise HarnessError(must("gene", "have a name of letters, digits, '_', '.' and '-'", gene))
            if not values or len(set(values)) < len(values):
                raise HarnessError(must(f"values of {gene}", "be one or more, all different", list(values)))
            for value in values:
                if not value or value != value.strip() or "," in value or "=" in value:
                    raise HarnessError(must(f"value of {gene}", "be text without ',' and '=', spaces at no end", value))
        kinds = ["ordinal" if gene in self.ordinal else "categorical" for gene in self.values]
        super().__init__(name, [len(values) for values in self.values.values()], kinds=kinds)
        for gene in (*self.ordinal, *self.inactive):
            if gene not in self.values:
                raise HarnessError(unknown("gene", gene, self.values))
        for gene, value in self.inactive.items():
            if value not in self.values[gene]:
                raise HarnessError(unknown(f"value of {gene}", value, self.values[gene]))
        missing = [
            values.index(self.inactive[gene]) if gene in self.inactive else -1 for gene, values in self.values.items()
        ]
        self._missing = read_only(np.array(missing))
        if self.ordinal:
            self.encodings = ("one_hot", "ordinal")  # type: ignore[misc]  # of the class elsewhere
        listed = "; ".join(f"{gene}: {_few(values)}{self._noted(gene)}" for gene, values in self.values.items())
        self.description = f"All combinations of {listed}. Samples are uniform."  # type: ignore[misc]  # as above

    def _noted(self, gene: str) -> str:
        noted = ["ordinal"] if gene in self.ordinal else []
        noted += [f"{self.inactive[gene]} where an architecture does not have it"] if gene in self.inactive else []
        return f" ({'; '.join(noted)})" if noted else ""

    def active(self, archs: Archs) -> BoolArray:
        """Say which genes each architecture has: those of another value than the one for genes that are missing."""
        present: BoolArray = np.asarray(archs) != self._missing
        return present

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Give one gene of each row another value, an ordinal one the next: (n, L) to (n, L).

        From a first or last value there is one next, so that the edit is not drawn as often in both directions.
        """
        children = super()._mutate(archs, rng)
        for place in self._ordered:
            changed = np.flatnonzero(children[:, place] != archs[:, place])
            if len(changed):
                before, top = archs[changed, place].astype(np.int64), int(self.cardinalities[place]) - 1
                up = rng.random(len(changed)) < 0.5
                up = (up & (before < top)) | (before == 0)
                children[changed, place] = before + np.where(up, 1, -1)
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every architecture one edit away, by gene: (L,) to (k, L)."""
        around = super().neighbours(arch)
        steps = np.abs(around.astype(np.int64) - np.asarray(arch).astype(np.int64))
        kept: Archs = around[(steps[:, self._ordered] <= 1).all(axis=1)]
        return kept

    @property
    def growth(self) -> Growth:
        """Growth of one gene to its next value, where all genes are ordinal; the level is the sum of their places."""
        return GeneGrowth(self.cardinalities, steps=True) if len(self.ordinal) == self.genes else super().growth

    @property
    def _ordered(self) -> list[int]:
        """Places of the ordinal genes."""
        return [list(self.values).index(gene) for gene in self.ordinal]

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        """Return for an ordinal gene its place among its values, from 0 to 1, for others their indicators: (n, d)."""
        parts = []
        for place, gene in enumerate(self.values):
            codes, count = archs[:, place].astype(np.intp), int(self.cardinalities[place])
            parts.append(codes[:, None] / max(1, count - 1) if gene in self.ordinal else np.eye(count)[codes])
        return np.concatenate(parts, axis=1)

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the values of each gene."""
        return self.values

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as ``gene=value`` pairs: (n, L) to n strings."""
        columns = [np.asarray(values)[archs[:, place]] for place, values in enumerate(self.values.values())]
        pairs = [[f"{gene}={value}" for value in column] for gene, column in zip(self.values, columns, strict=True)]
        return [", ".join(row) for row in zip(*pairs, strict=True)]

    def _genes(self, text: str) -> list[int]:
        """Read ``gene=value`` pairs, in any order; each gene must be there once, with a value that it has."""
        pairs = [part.partition("=")[::2] for part in text.split(",")]
        values = {gene.strip(): value.strip() for gene, value in pairs}
        if sorted(gene.strip() for gene, _ in pairs) != sorted(self.values):
            rule = f"name each of {', '.join(self.values)} once, as '{next(iter(self.values))}=value, …'"
            raise HarnessError(must("architecture", rule, text))
        return [self.code_of(gene, values[gene]) for gene in self.values]

    def code_of(self, gene: str, value: str) -> int:
        """Return the code of a value; numbers that are equal are the same value.

        Raises
        ------
        HarnessError
            If the gene has no such value.
        """
        values = self.values[gene]
        if value in values:
            return values.index(value)
        number = _number(value)
        for code, known in enumerate(values):
            if number is not None and number == _number(known):
                return code
        raise HarnessError(unknown(f"value of {gene}", value, values))

    def definition(self) -> str:
        """Return JSON from which `from_definition` makes the space again."""
        told: dict[str, object] = {"kind": self.kind, "name": self.name, "genes": self.values}
        if self.ordinal:
            told["ordinal"] = self.ordinal
        if self.inactive:
            told["inactive"] = self.inactive
        return json.dumps(told)

    def _facts(self) -> Mapping[str, object]:
        values = {gene: list(known) for gene, known in self.values.items()}
        return {"valid": math.prod(map(len, self.values.values())), "values": values}


def from_definition(fields: Mapping[str, object]) -> CategoricalSpace:
    """Make a space from the object that `CategoricalSpace.definition` wrote.

    Raises
    ------
    TableError
        If it is none.
    """
    genes = fields.get("genes")
    if not isinstance(genes, Mapping):
        raise TableError(must("definition", "have `name` and `genes`", dict(fields)))
    ordinal, inactive = fields.get("ordinal", []), fields.get("inactive", {})
    if not isinstance(ordinal, list) or not isinstance(inactive, Mapping):
        raise TableError(must("definition", "have a list `ordinal` and an object `inactive`", dict(fields)))
    return CategoricalSpace(
        str(fields.get("name")),
        {gene: list(map(str, values)) for gene, values in genes.items()},
        ordinal=list(map(str, ordinal)),
        inactive={gene: str(value) for gene, value in inactive.items()},
    )


def _few(values: Sequence[str]) -> str:
    """Return values in words, without the middle of many."""
    if len(values) <= 2 * _SHOWN:
        return ", ".join(values)
    return f"{', '.join(values[:_SHOWN])}, ..., {values[-1]} ({len(values):,} in all)"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
