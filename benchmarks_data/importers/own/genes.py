"""The architecture in a description: genes of a space of one's own, or the columns and numbering of a known space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import TableError, must, unknown
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace

COLUMN = "column"
"""In place of a list of values: all that the column of the data has."""
_KEYS = ("values", "ordinal", "inactive")
_MOST_VALUES = 4096


@dataclass(frozen=True)
class Gene:
    """A gene of a space of one's own.

    Attributes
    ----------
    values : tuple of str, or None
        In the order of their codes; None: all that the column has, numbers rising.
    ordinal : bool
        Whether the order of the values means something: an edit goes to the next one.
    inactive : str or None
        The value of an architecture that does not have the gene; a blank in the data says the same.
    """

    values: tuple[str, ...] | None
    ordinal: bool = False
    inactive: str | None = None


@dataclass(frozen=True)
class Architecture:
    """How the data say an architecture.

    Attributes
    ----------
    columns : tuple of str
        One column with texts; or one for each gene; or, in a pattern with ``*``, all that it fits.
    known : SearchSpace or None
        A space of a published benchmark.
    genes : mapping of str to Gene
        Of a space of one's own.
    operations : mapping of str to str
        What the data write for an operation, and its name in the known space; {}: its name.
    edges : tuple of str
        The edge of each column, or of each part of a text; (): in the order of the space.
    """

    columns: tuple[str, ...]
    known: SearchSpace | None = None
    genes: Mapping[str, Gene] = field(default_factory=dict)
    operations: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[str, ...] = ()

    @property
    def pattern(self) -> bool:
        """Whether the columns are those that a pattern fits."""
        return len(self.columns) == 1 and self.columns[0].endswith("*")

    def space(self, name: str, columns: Mapping[str, Sequence[str]]) -> SearchSpace:
        """Return the space; of one's own, with the values that columns have where none are listed."""
        if self.known is not None:
            return self.known
        values = {}
        for gene, told in self.genes.items():
            found = told.values if told.values is not None else _all_of(gene, columns[gene], told.inactive)
            values[gene] = [
                *found,
                *([told.inactive] if told.inactive is not None and told.inactive not in found else []),
            ]
        ordinal = [gene for gene, told in self.genes.items() if told.ordinal]
        inactive = {gene: told.inactive for gene, told in self.genes.items() if told.inactive is not None}
        return CategoricalSpace(name, values, ordinal=ordinal, inactive=inactive)


def architecture(fields: Mapping[str, Any]) -> Architecture:
    """Read ``space``, ``architecture``, ``operations`` and ``edges`` of a description.

    Raises
    ------
    TableError
        Names the key, the rule and the value.
    """
    given = fields.get("space")
    if isinstance(given, str):
        space = named.space(given)
        named.content_of(space)  # what cannot be kept in a table is refused here
        columns, operations, edges = _columns(fields, space), _operations(fields, space), _edges(fields, space)
        return Architecture(columns, space, operations=operations, edges=edges)
    known = given if isinstance(given, dict) else {}
    genes = known.get("genes")
    if (
        not isinstance(genes, dict)
        or not genes
        or any(not isinstance(told, list | dict | str) for told in genes.values())
    ):
        raise TableError(must("space", "name a known space, or list values under [space.genes]", given))
    if set(known) != {"genes"} or {"architecture", "operations", "edges"} & set(fields):
        raise TableError("a space of one's own has [space.genes] and nothing else; its genes are columns of the data")
    made = {gene: _gene(gene, told) for gene, told in genes.items()}
    if all(gene.values is not None for gene in made.values()):
        Architecture(tuple(made), genes=made).space("own", {})
    return Architecture(tuple(made), genes=made)


def _gene(gene: str, given: Any) -> Gene:
    told = given if isinstance(given, dict) else {"values": given}
    for key in told:
        if key not in _KEYS:
            raise TableError(unknown(f"key of the gene {gene}", key, _KEYS))
    values = told.get("values")
    if values != COLUMN and not isinstance(values, list):
        raise TableError(must(f"values of {gene}", f"be a list, or {COLUMN!r} for all that the column has", values))
    if not isinstance(told.get("ordinal", False), bool):
        raise TableError(must(f"ordinal of {gene}", "be true or false", told["ordinal"]))
    inactive = told.get("inactive")
    if inactive is not None and (not isinstance(inactive, str) or not inactive):
        raise TableError(
            must(f"inactive of {gene}", "be the text that stands for no value, for example 'none'", inactive)
        )
    if inactive is not None and told.get("ordinal"):
        raise TableError(f"the gene {gene} cannot be ordinal and have an inactive value, which is in no order")
    listed = None if values == COLUMN else tuple(_values(gene, values))
    return Gene(listed, told.get("ordinal", False), inactive)


def _values(gene: str, values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str | int | float):
            raise TableError(must(f"value of {gene}", "be text, a number, true or false", value))
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    _check_different(gene, texts)
    return texts


def _check_different(gene: str, texts: Sequence[str]) -> None:
    numbers = [number for text in set(texts) if (number := _number(text)) is not None]
    if len(set(numbers)) < len(numbers):
        raise TableError(must(f"values of {gene}", "be all different, numbers that are equal too", list(texts)))


def _all_of(gene: str, column: Sequence[str], inactive: str | None) -> list[str]:
    """Return the values of a column: numbers that are equal once, rising; texts by letter."""
    texts = sorted(text for text in set(column) - {inactive} if text or inactive is None)
    if "" in texts:
        rule = 'have a value in every line, or say what a blank means: inactive = "none"'
        raise TableError(must(f"column of {gene}", rule, ""))
    numbers = {text: number for text in texts if (number := _number(text)) is not None and number == number}
    if len(numbers) == len(texts):
        once = {
            number: text
            for text, number in sorted(numbers.items(), key=lambda item: (len(item[0]), item[0]), reverse=True)
        }
        texts = [once[number] for number in sorted(once)]
    if len(texts) > _MOST_VALUES:
        raise TableError(must(f"values of {gene}", f"be at most {_MOST_VALUES}, is it a gene?", len(texts)))
    return texts


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _columns(fields: Mapping[str, Any], space: SearchSpace) -> tuple[str, ...]:
    names = fields.get("architecture")
    if isinstance(names, str) and names:
        return (names,)
    if isinstance(names, list) and len(names) == space.genes and all(isinstance(column, str) for column in names):
        return tuple(names)
    rule = f"name the column of the architecture's string, or the {space.genes} columns of its genes' codes"
    raise TableError(must("architecture", rule, names))


def _operations(fields: Mapping[str, Any], space: SearchSpace) -> dict[str, str]:
    """Return the name of what the data write for each operation."""
    given = fields.get("operations")
    if given is None:
        return {}
    names = list(dict.fromkeys(name for values in space.choices().values() for name in values))
    if isinstance(given, list):
        given = {str(code): name for code, name in enumerate(given)}
    if not isinstance(given, dict) or not given or not all(isinstance(name, str) for name in given.values()):
        rule = 'list the name of each number, the first that of 0; or say a name for each text: { conv = "…" }'
        raise TableError(must("operations", rule, fields["operations"]))
    if not names:
        raise TableError(
            f"`operations` has no meaning for the space '{space.name}': give its own strings, `architecture`"
        )
    for name in given.values():
        if name not in names:
            raise TableError(unknown(f"operation of the space '{space.name}'", name, names))
    return {str(text): name for text, name in given.items()}


def _edges(fields: Mapping[str, Any], space: SearchSpace) -> tuple[str, ...]:
    """Return the edge that each column is."""
    given = fields.get("edges")
    if given is None:
        return ()
    genes = list(space.choices())
    if not isinstance(given, list) or sorted(map(str, given)) != sorted(genes):
        raise TableError(
            must("edges", f"name each of {', '.join(genes) or 'no gene'} once, in the order of the data", given)
        )
    return tuple(map(str, given))
