"""Search spaces in files of one's own: ``FILE.toml``, which lists genes or describes cells, or ``FILE.py:Class``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, must, unknown
from harness.files.reading import read_toml
from harness.names import read
from harness.own.classes import class_of
from harness.space import SearchSpace
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.own import cells
from harness.spaces.own.conditional import ConditionalSpace

_TOP = ("name", "genes", "cells")
_GENE = ("values", "from", "to", "step", "ordinal", "when")
_CELLS = ("nodes", "operations", "edges")
MOST_VALUES = 1000
_EXAMPLE = "list [genes], for example `width = [16, 32]`, or describe [cells] by `nodes` and `operations`"


def is_space(path: Path) -> bool:
    """Say whether a TOML file is there and is one of a space: its content says so, not its name."""
    try:
        fields = read_toml(path)
    except (FileNotFoundError, HarnessError):
        return False
    return "genes" in fields or "cells" in fields


def read_space(name: str) -> SearchSpace:
    """Return the space of a file.

    Parameters
    ----------
    name : str
        ``FILE.toml`` or ``FILE.py:Class``; the class is a `SearchSpace` that is made without arguments.

    Raises
    ------
    HarnessError
        If there is no such file, or it holds no space; names the key, the rule and the value.
    """
    path = read(name).path
    if path is None or (read(name).is_python and read(name).key == name):
        raise HarnessError(must("space", "be a name, 'FILE.toml' or 'FILE.py:Class'", name))
    if read(name).is_python:
        return _of_class(name)
    if path.suffix != ".toml":
        raise HarnessError(must("space", "be a name, 'FILE.toml' or 'FILE.py:Class'", name))
    try:
        fields = read_toml(path)
    except FileNotFoundError:
        raise HarnessError(f"there is no file of a search space {path}; it must {_EXAMPLE}") from None
    try:
        return of_fields(fields, path.stem)
    except HarnessError as error:
        raise type(error)(f"{path}: {error}") from error


def _of_class(name: str) -> SearchSpace:
    found = class_of(name)
    if not (isinstance(found, type) and issubclass(found, SearchSpace)):
        raise HarnessError(f"'{name}' must be a subclass of harness.SearchSpace, got {found!r}")
    try:
        made = found()  # type: ignore[call-arg]  # one of the user's takes none
    except TypeError as error:
        raise HarnessError(f"'{name}' must be made without arguments, `{found.__name__}()`: {error}") from error
    return made


def of_fields(fields: Mapping[str, Any], stem: str) -> SearchSpace:
    """Return the space that a file describes; without `name` it is called as the file.

    Raises
    ------
    HarnessError
        Names the key, the rule and the value.
    """
    for key in fields:
        if key not in _TOP:
            raise HarnessError(unknown("key of a space", key, _TOP))
    name = fields.get("name", stem)
    if not isinstance(name, str) or not name or not name.isprintable():
        raise HarnessError(must("name", "be a text of one line", name))
    if ("genes" in fields) == ("cells" in fields):
        raise HarnessError(f"a file of a search space must {_EXAMPLE}, and not both")
    known, allowed = ("cells", _CELLS) if "cells" in fields else ("genes", ())
    described = fields[known]
    if not isinstance(described, Mapping) or not described:
        raise HarnessError(must(known, "be a table of keys and values", described))
    if known == "genes":
        return _of_genes(name, described)
    for key in described:
        if key not in allowed:
            raise HarnessError(unknown("key of [cells]", key, allowed))
    return cells.from_definition({**described, "name": name})


def _of_genes(name: str, genes: Mapping[str, Any]) -> SearchSpace:
    values, when, ordinal = dict[str, list[str]](), dict[str, dict[str, list[str]]](), []
    for gene, given in genes.items():
        told = given if isinstance(given, Mapping) else {"values": given}
        for key in told:
            if key not in _GENE:
                raise HarnessError(unknown(f"key of the gene {gene}", key, _GENE))
        values[gene] = _range(gene, told) if "from" in told or "to" in told else _texts(f"values of {gene}", told)
        ordered = told.get("ordinal", "from" in told)
        if not isinstance(ordered, bool):
            raise HarnessError(must(f"ordinal of {gene}", "be true or false", ordered))
        if ordered:
            ordinal.append(gene)
        if "when" in told:
            when[gene] = _conditions(gene, told["when"])
    if when:
        return ConditionalSpace(name, values, when=when, ordinal=ordinal)
    return CategoricalSpace(name, values, ordinal=ordinal)


def _range(gene: str, told: Mapping[str, Any]) -> list[str]:
    """Return the whole numbers of a range, its ends included."""
    first, last, step = (told.get(key, default) for key, default in (("from", None), ("to", None), ("step", 1)))
    for key, value in (("from", first), ("to", last), ("step", step)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise HarnessError(must(f"{key} of {gene}", "be an integer", value))
    if "values" in told:
        raise HarnessError(f"the gene {gene} has `values` beside `from` and `to`; leave one of them out")
    if step < 1 or last < first or (last - first) // step >= MOST_VALUES:
        rule = f"go up, by a step of at least 1, to at most {MOST_VALUES} values"
        raise HarnessError(must(f"range of {gene}", rule, [first, last, step]))
    return [str(value) for value in range(first, last + 1, step)]


def _texts(what: str, told: Mapping[str, Any]) -> list[str]:
    values = told.get("values")
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in values):
        raise HarnessError(must(what, "be a list of texts, numbers, true or false", values))
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def _conditions(gene: str, given: Any) -> dict[str, list[str]]:
    """Return the values under which a gene exists, of each gene that the condition names."""
    if not isinstance(given, Mapping):
        raise HarnessError(must(f"when of {gene}", "be a table, { other = [values] }", given))
    return {
        on: _texts(f"{on} in when of {gene}", {"values": values if isinstance(values, list) else [values]})
        for on, values in given.items()
    }
