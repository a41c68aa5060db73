"""A search space that is written down in Python: genes of any plain values, some of which others switch on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError, TableError, must
from harness.spaces.own.conditional import ConditionalSpace

_DIGITS = 6
"""Significant digits to which fractions are rounded, so that a value is what its text says."""
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
    >>> space.configurations(space.parse(["layers=1, first=32, second=none", "layers=2, first=32, second=16"]))
    [{'layers': 1, 'first': 32}, {'layers': 2, 'first': 32, 'second': 16}]
    """

    def __init__(self, values: Iterable[Value], /, **conditions: Any) -> None:
        if not conditions:
            raise HarnessError("`When` must name a gene and its values: When([16, 32], layers=[2, 3])")
        self.values = values
        self.conditions = conditions


class Genes(ConditionalSpace):
    """Every combination of one value for each gene, hyperparameters and parts of an architecture alike.

    A `ConditionalSpace` of values of any plain type.  Values that are numbers in rising order are ordinal: an edit goes
    to the next one.  Others are categorical.  Fractions are rounded to six significant digits.

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
        self.typed_when = {
            gene: {on: _listed(on, allowed) for on, allowed in item.conditions.items()}
            for gene, item in given.items()
            if isinstance(item, When)
        }
        super().__init__(
            "genes",
            {gene: tuple(map(_text, values)) for gene, values in self.typed.items()},
            when={
                gene: {on: tuple(map(_text, values)) for on, values in told.items()}
                for gene, told in self.typed_when.items()
            },
            ordinal=[gene for gene, values in self.typed.items() if _rising(values)],
        )

    def configurations(self, archs: Archs) -> list[dict[str, Value]]:
        """Return the value of each gene that is there, by its name: (n, L) to n mappings."""
        return [
            {
                gene: values[code]
                for (gene, values), code, there in zip(self.typed.items(), codes, present, strict=True)
                if there
            }
            for codes, present in zip(np.asarray(archs).tolist(), self.active(archs).tolist(), strict=True)
        ]

    def definition(self) -> str:
        """Return JSON from which `from_definition` makes the space again."""
        told: dict[str, object] = {"kind": self.kind, "name": self.name, "genes": self.typed}
        if self.typed_when:
            told["when"] = self.typed_when
        return json.dumps(told)


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


def _listed(gene: str, allowed: Any) -> tuple[Value, ...]:
    """Return the values of a condition: one, or several."""
    several = isinstance(allowed, Iterable) and not isinstance(allowed, str)
    return tuple(_plain(gene, value) for value in (allowed if several else [allowed]))


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
