"""The architectures of lines: genes in columns, or texts in all the forms that a space reads.

Numbers for a known space are taken only where the description says what they number: published tables number the same
operations and edges in different ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks_data.importers.own.genes import Architecture
from benchmarks_data.importers.own.reading.lines import Lines, shown
from harness.checks import Archs
from harness.errors import HarnessError, TableError, clipped, must, unknown
from harness.space import SearchSpace
from harness.spaces.categorical import CategoricalSpace

_INTEGER = re.compile(r"[+-]?\d{1,9}(\.0+)?")
_PART = re.compile(r"[\w.+-]+")


def archs_of(told: Architecture, space: SearchSpace, lines: Lines) -> tuple[Archs, list[str]]:
    """Return the architecture of each line, (n, L), and what is to be said of the form.

    Raises
    ------
    TableError
        If a line has none; names the first, counts all, and shows the first few.
    """
    remarks: list[str] = []
    if told.known is None and isinstance(space, CategoricalSpace):
        genes = [_own(told, space, lines, gene) for gene in told.columns]
        archs = np.stack(genes, axis=1)
    elif len(told.columns) == 1:
        archs, remarks = _texts(told, space, lines)
    else:
        archs, remarks = _columns(told, space, lines)
    wrong = np.flatnonzero(~space.is_valid(archs))
    if len(wrong):
        row = int(wrong[0])
        rule = f"{archs[row].tolist()} is no architecture of '{space.name}'"
        raise TableError(f"{lines.place(row)}: {rule}{lines.several(wrong.tolist())}")
    return archs.astype(space.dtype), remarks


def _each(
    lines: Lines, column: str, texts: Sequence[str], read: Callable[[str], object], remedy: str = ""
) -> list[object]:
    """Return what each distinct text is, in the place of every line: n."""
    known: dict[str, object] = {}
    errors: dict[str, Exception] = {}
    for text in texts:
        if text not in known and text not in errors:
            try:
                known[text] = read(text)
            except (HarnessError, ValueError) as error:
                errors[text] = error
    if errors:
        wrong = [row for row, text in enumerate(texts) if text in errors]
        first = errors[texts[wrong[0]]]
        told = f"{lines.place(wrong[0], column)}: {shown(str(first), 600)}"
        raise TableError(told + lines.several(wrong, remedy)) from first
    return [known[text] for text in texts]


def _own(
    told: Architecture, space: CategoricalSpace, lines: Lines, gene: str
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the codes of a gene of one's own: (n,)."""
    inactive, flags = told.genes[gene].inactive, {"True", "False"}.difference(space.values[gene])

    def read(text: str) -> int:
        if not text and inactive is not None:
            return space.code_of(gene, inactive)
        # true and false as the description writes them, where a program wrote True and False
        return space.code_of(gene, text.lower() if text in flags else text)

    remedy = "" if inactive is not None else 'A blank can mean that the gene is inactive: inactive = "none"'
    blank = "" in lines.columns[gene]
    return np.array(_each(lines, gene, lines.columns[gene], read, remedy if blank else ""), dtype=np.int64)


def _texts(told: Architecture, space: SearchSpace, lines: Lines) -> tuple[Archs, list[str]]:
    """Return the architectures of one column of texts: the field's forms, or parts that the description explains."""
    (column,) = told.columns
    texts = _configurations(column.removesuffix("*"), lines) if told.pattern else lines.columns[column]
    if told.operations or told.edges:
        return _parts(told, space, lines, column, texts)
    archs = _each(lines, column, texts, lambda text: space.parse([text])[0].tolist())
    forms = [space.notation(text) for text in dict.fromkeys(texts)]
    return np.array(archs, dtype=np.int64), [f"{column}: {form}" for form in dict.fromkeys(filter(None, forms))]


def _configurations(begin: str, lines: Lines) -> list[str]:
    """Put the columns whose names have a beginning together, as a configuration for each line."""
    names = [name for name in lines.columns if name.startswith(begin)]
    if not names:
        raise TableError(f"{lines.source} has no column whose name begins with '{clipped(begin)}'")
    columns = [lines.columns[name] for name in names]
    return [
        "{" + ", ".join(f"'{name}': '{text}'" for name, text in zip(names, row, strict=True) if text) + "}"
        for row in zip(*columns, strict=True)
    ]


def _parts(
    told: Architecture, space: SearchSpace, lines: Lines, column: str, texts: Sequence[str]
) -> tuple[Archs, list[str]]:
    order, codes = _numbering(told, space)

    def read(text: str) -> list[int]:
        parts = _PART.findall(text)
        if len(parts) == 1 and len(parts[0]) == space.genes:
            parts = list(parts[0])
        if len(parts) != space.genes:
            raise TableError(must("architecture", f"have {space.genes} parts, one for each gene", text))
        return [codes[place](part) for place, part in enumerate(parts)]

    archs = np.array(_each(lines, column, texts, read), dtype=np.int64)
    return archs[:, order], []


def _columns(told: Architecture, space: SearchSpace, lines: Lines) -> tuple[Archs, list[str]]:
    """Return architectures of which each gene has a column."""
    if not space.choices():
        raise TableError(
            f"{lines.source}: genes of the space '{space.name}' have no names of their own: give its string, "
            'architecture = "COLUMN"'
        )
    order, codes = _numbering(told, space)
    genes = [_each(lines, column, lines.columns[column], codes[place]) for place, column in enumerate(told.columns)]
    archs = np.array(genes, dtype=np.int64).T
    names = told.edges or tuple(space.choices())
    order_told = "as `edges` says" if told.edges else f"in the order of the space '{space.name}'"
    told_as = ", ".join(f"{column} = {name}" for column, name in zip(told.columns, names, strict=True))
    return archs[:, order], [f"genes {order_told}: {told_as}"]


def _numbering(told: Architecture, space: SearchSpace) -> tuple[list[int], list[Callable[[str], int]]]:
    """Return the place in the data of each gene of the space, and what reads each place of the data."""
    choices = space.choices()
    places = told.edges or tuple(choices)
    order = [places.index(gene) for gene in choices]
    return order, [_reader(told, space, gene, choices[gene]) for gene in places]


def _reader(told: Architecture, space: SearchSpace, gene: str, values: Sequence[str]) -> Callable[[str], int]:
    if isinstance(space, CategoricalSpace) and not told.operations:  # one of one's own, in a file
        inactive = space.inactive.get(gene, "")
        return lambda text: space.code_of(gene, text or inactive)
    edged = all(re.fullmatch(r"\d+-\d+", name) for name in space.choices())

    def read(text: str) -> int:
        written = str(int(float(text))) if _INTEGER.fullmatch(text) else text
        if told.operations:
            if written not in told.operations and text not in told.operations:
                raise TableError(unknown("operation in `operations`", text[:60], told.operations))
            name = told.operations.get(text) or told.operations[written]
            if edged and not told.edges and _INTEGER.fullmatch(text):
                raise TableError(f"`edges` is missing beside `operations`: {_unsaid(space, values)}")
        else:
            name = text if text in values else written
        if name in values:
            return list(values).index(name)
        if _INTEGER.fullmatch(text):
            raise TableError(_unsaid(space, values))
        raise TableError(unknown(f"value of {gene}", text[:60], values))

    return read


def _unsaid(space: SearchSpace, values: Sequence[str]) -> str:
    """Say that numbers are not taken by a numbering that nobody stated."""
    names = ", ".join(f'"{name}"' for name in values)
    genes = list(space.choices())
    edges = ", ".join(f'"{name}"' for name in genes)
    ordered = f" and edges = [{edges}] (that of each column)" if re.fullmatch(r"\d+-\d+", genes[0]) else ""
    return (
        f"a number is no value of the space '{space.name}', for tables number in different ways. Give names, or say "
        f"what numbers mean: operations = [{names}] (those of 0, 1, …){ordered}, both in the order of your data"
    )
