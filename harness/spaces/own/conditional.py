"""Genes of one's own of which some exist only where others have certain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray
from harness.errors import HarnessError, TableError, must, unknown
from harness.growth import Growth
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.categorical import from_definition as plain_from

INACTIVE = "none"
"""What a gene is written as that an architecture does not have."""
MOST_CHILDREN = 4096
"""Architectures that one edit of a gene may lead to, because other genes come to exist by it."""
MOST_LISTED = 2**20

Conditions = Mapping[str, Mapping[str, Sequence[str]]]


class ConditionalSpace(CategoricalSpace):
    """Combinations of values for genes, of which some exist under conditions.

    A gene with a condition exists where every gene that the condition names has one of the values that it lists, and so
    exists itself; where it does not exist it has one code more, the last, written ``none``.  An architecture is valid
    where exactly the genes exist that should.

    `sample` goes from the first gene to the last and draws each that exists uniformly among its values, as ConfigSpace
    does: architectures with fewer genes are more likely than others.  An edit gives one gene that exists another value
    (an ordinal one the next); genes that come to exist by it are drawn uniformly, and neighbours have all their values.

    Parameters
    ----------
    name : str
    genes : mapping of str to sequence of str
        The values of each gene; in order: a condition names genes above.
    when : mapping of str to (mapping of str to sequence of str)
        For each gene with a condition the genes that it names, and the values of each under which it exists.
    ordinal : sequence of str
        As for `CategoricalSpace`; a gene that does not exist has the number 0 in the encoding ``ordinal``, and a column
        of its own there says whether it exists.

    Raises
    ------
    HarnessError
        If a condition names no gene above, no value of it, or makes too many genes exist at once.

    Examples
    --------
    >>> genes = {"layers": ["1", "2"], "second": ["8", "16"]}
    >>> space = ConditionalSpace("mlp", genes, when={"second": {"layers": ["2"]}})
    >>> space.format(space.neighbours(space.parse(["layers=1, second=none"])[0]))
    ['layers=2, second=8', 'layers=2, second=16']
    """

    kind = "conditional"

    def __init__(
        self,
        name: str,
        genes: Mapping[str, Sequence[str]],
        *,
        when: Conditions | None = None,
        ordinal: Sequence[str] = (),
    ) -> None:
        self.when = {gene: {on: tuple(values) for on, values in told.items()} for gene, told in (when or {}).items()}
        self._plain = {gene: tuple(values) for gene, values in genes.items()}
        for gene in self.when:
            if gene not in self._plain:
                raise HarnessError(unknown("gene", gene, self._plain))
            if INACTIVE in self._plain[gene]:
                raise HarnessError(must(f"values of {gene}", f"not be '{INACTIVE}', which says that it is not there",
                                        list(self._plain[gene])))  # fmt: skip
        _check(self._plain, self.when)
        whole = {gene: (*values, *([INACTIVE] if gene in self.when else [])) for gene, values in self._plain.items()}
        super().__init__(name, whole, ordinal=ordinal, inactive=dict.fromkeys(self.when, INACTIVE))
        places = list(self.values)
        self._conditions = {
            places.index(gene): [
                (places.index(on), [self.values[on].index(value) for value in values]) for on, values in told.items()
            ]
            for gene, told in self.when.items()
        }
        self._counts = [len(values) for values in self._plain.values()]
        self._check_children()
        # the code of a gene that is not there comes last, and is in no order
        self.gene_kinds = tuple(
            "categorical" if place in self._conditions else kind for place, kind in enumerate(self.gene_kinds)
        )
        conditions = {
            gene: " and ".join(f"{on} is {' or '.join(values)}" for on, values in told.items())
            for gene, told in self.when.items()
        }
        written = "; ".join(f"{gene} is there only where {condition}" for gene, condition in conditions.items())
        genes_told = self.description.removesuffix(" Samples are uniform.").removeprefix("All combinations of ")
        if self.when:
            self.description = (  # type: ignore[misc]  # of the class elsewhere
                f"Combinations of {genes_told} Of these, {written}. Samples draw gene by gene, each that is there "
                "uniformly."
            )

    def _check_children(self) -> None:
        """Refuse a space of which one edit leads to more architectures than can be listed."""
        for place, gene in enumerate(self.values):
            follow = {place}
            for later, told in self._conditions.items():
                if any(on in follow for on, _ in told):
                    follow.add(later)
            children = int(np.prod([float(self._counts[later]) for later in follow - {place}]))
            if children > MOST_CHILDREN:
                rule = f"make genes exist of at most {MOST_CHILDREN:,} combinations of values"
                raise HarnessError(must(f"an edit of '{gene}'", rule, f"{children:,}"))

    def _exists(self, archs: Archs, place: int) -> BoolArray:
        """Say in which architectures a gene should exist: (n, L) to (n,)."""
        there = np.ones(len(archs), dtype=np.bool_)
        for on, codes in self._conditions.get(place, ()):
            there &= np.isin(archs[:, on], codes)
        return there

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say in which rows exactly the genes exist that should: (n, L) to (n,) bool."""
        valid = super().is_valid(archs)
        for place in self._conditions:
            valid &= self._exists(archs, place) == (archs[:, place] < self._counts[place])
        return valid

    def completed(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Let exactly the genes exist that should, new ones drawn uniformly; in place: (n, L) to the same."""
        for place in sorted(self._conditions):
            there, count = self._exists(archs, place), self._counts[place]
            new = np.flatnonzero(there & (archs[:, place] == count))
            archs[new, place] = rng.integers(0, count, size=len(new))
            archs[~there, place] = count
        return archs

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` architectures gene by gene, each gene that exists uniformly: (n, L)."""
        drawn = rng.integers(0, self._counts, size=(n, self.genes)).astype(self.dtype)
        return self.completed(drawn, rng)

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Give one gene that exists another value; genes that come to exist by it are drawn uniformly."""
        parents = np.asarray(archs, dtype=self.dtype)
        counts = np.array(self._counts)
        free = (parents < counts) & (counts > 1)
        if not free.any(axis=1).all():
            row = int(np.flatnonzero(~free.any(axis=1))[0])
            raise HarnessError(f"{self.format(parents[row : row + 1])[0]} has no gene with another value")
        rows = np.arange(len(parents))
        genes = np.where(free, rng.random(free.shape), -1.0).argmax(axis=1)
        before, tops = parents[rows, genes].astype(np.int64), counts[genes] - 1
        after = (before + 1 + rng.integers(0, tops)) % (tops + 1)
        up = rng.random(len(parents)) < 0.5
        up = (up & (before < tops)) | (before == 0)
        after = np.where(np.isin(genes, self._ordered), before + np.where(up, 1, -1), after)
        children = parents.copy()
        children[rows, genes] = after
        return self.completed(children, rng)

    def neighbours(self, arch: Archs) -> Archs:
        """Return every architecture one edit away, with all values of genes that come to exist: (L,) to (k, L)."""
        parent = np.asarray(arch, dtype=self.dtype)
        found: list[Archs] = []
        for place, count in enumerate(self._counts):
            code = int(parent[place])
            if code == count:
                continue
            steps = (
                [code - 1, code + 1] if place in self._ordered else [other for other in range(count) if other != code]
            )
            for other in steps:
                if 0 <= other < count:
                    child = parent.copy()
                    child[place] = other
                    found.append(self._all_completed(child))
        return np.concatenate(found) if found else np.zeros((0, self.genes), dtype=self.dtype)

    def _all_completed(self, child: Archs) -> Archs:
        """Return an edited architecture with every value of the genes that come to exist: (L,) to (k, L)."""
        rows = child[None]
        for place in sorted(self._conditions):
            there, count = self._exists(rows, place), self._counts[place]
            new = there & (rows[:, place] == count)
            rows = rows.copy()
            rows[~there, place] = count
            grown = np.repeat(rows[new], count, axis=0)
            grown[:, place] = np.tile(np.arange(count, dtype=self.dtype), int(new.sum()))
            rows = np.concatenate([rows[~new], grown])
        return rows

    @property
    def growth(self) -> Growth:
        """As of `CategoricalSpace`; none where genes come and go."""
        return super(CategoricalSpace, self).growth if self.when else super().growth

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        """Return for an ordinal gene its place among its values and, under a condition, whether it exists: (n, d)."""
        parts = []
        for place, (gene, count) in enumerate(zip(self.values, self._counts, strict=True)):
            codes = archs[:, place].astype(np.intp)
            if gene not in self.ordinal:
                parts.append(np.eye(int(self.cardinalities[place]))[codes])
                continue
            there = codes < count
            parts.append(np.where(there, codes / max(1, count - 1), 0.0)[:, None])
            if place in self._conditions:
                parts.append(there[:, None].astype(np.float64))
        return np.concatenate(parts, axis=1)

    def _genes(self, text: str) -> list[int]:
        """Read ``gene=value`` pairs, in any order; genes that are not there need not be named."""
        named = {part.partition("=")[0].strip() for part in text.split(",")}
        codes = super()._genes(", ".join([text, *(f"{gene}={INACTIVE}" for gene in self.when if gene not in named)]))
        arch = np.array([codes], dtype=self.dtype)
        for gene, place in ((gene, list(self.values).index(gene)) for gene in self.when):
            there = bool(self._exists(arch, place)[0])
            if there != (codes[place] < self._counts[place]):
                rule = f"name a value of {gene}, which is there" if there else f"leave out {gene}, which is not there"
                raise HarnessError(must("architecture", rule, text))
        return codes

    def definition(self) -> str:
        """Return JSON from which `from_definition` makes the space again."""
        told: dict[str, object] = {"kind": self.kind, "name": self.name, "genes": self._plain, "when": self.when}
        if self.ordinal:
            told["ordinal"] = self.ordinal
        return json.dumps(told)

    def _facts(self) -> Mapping[str, object]:
        if not self.when:
            return super()._facts()
        facts = {**super()._facts(), "valid": "not counted"}
        codings = math.prod(self.cardinalities.tolist())
        if codings <= MOST_LISTED:
            facts["valid"] = int(self.is_valid(self.decode(np.arange(codings, dtype=np.uint64))).sum())
        return facts


def _check(genes: Mapping[str, Sequence[str]], when: Conditions) -> None:
    """Refuse conditions on genes that are not above, and on values that these do not have."""
    above = list[str]()
    for gene in genes:
        told = when.get(gene, {})
        if gene in when and not told:
            raise HarnessError(must(f"when of {gene}", "name at least one gene and its values", dict(told)))
        for on, values in told.items():
            if on not in above:
                raise HarnessError(must(f"when of {gene}", f"name genes above it ({', '.join(above) or 'none'})", on))
            if not values:
                raise HarnessError(must(f"when of {gene}", f"list values of {on}", list(values)))
            for value in values:
                if value not in genes[on]:
                    raise HarnessError(unknown(f"value of {on} (when of {gene})", value, genes[on]))
        above.append(gene)
    needs = dict[str, dict[str, set[str]]]()
    for gene in genes:
        needs[gene] = found = dict[str, set[str]]()
        told = when.get(gene, {})
        asked = [(on, set(values)) for on, values in told.items()]
        asked += [further for named in told for further in needs[named].items()]
        for on, allowed in asked:
            found[on] = found.get(on, allowed) & allowed
            if not found[on]:
                raise HarnessError(
                    f"the gene '{gene}' is never there: its conditions ask for different values of '{on}'"
                )


def from_definition(fields: Mapping[str, object]) -> ConditionalSpace:
    """Make a space from the object that `ConditionalSpace.definition` wrote.

    Raises
    ------
    TableError
        If it is none.
    """
    plain, when = plain_from(fields), fields.get("when")
    if not isinstance(when, Mapping) or not all(isinstance(told, Mapping) for told in when.values()):
        raise TableError(must("definition", "have an object `when`", dict(fields)))
    conditions = {gene: {on: [*map(str, values)] for on, values in told.items()} for gene, told in when.items()}
    return ConditionalSpace(plain.name, plain.values, when=conditions, ordinal=plain.ordinal)
