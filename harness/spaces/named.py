"""Search spaces by name, or in files of one's own; each is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

from harness import registry
from harness.errors import HarnessError, TableError, must, unknown
from harness.files.reading import parse_json
from harness.names import read
from harness.own.classes import PACKAGE
from harness.space import SearchSpace

SPACES: Mapping[str, tuple[Any, ...]] = {
    "nb201": ("harness.spaces.nb201.space:NB201Space",),
    "graph": ("harness.spaces.graph.space:GraphSpace",),
    "graph-proteins": (
        "harness.spaces.graph.space:GraphSpace",
        "graph-proteins",
        ("gcn", "sage", "arma", "fc", "skip"),
    ),
    "nb101": ("harness.spaces.nb101.space:NB101Space",),
    "nats-size": ("harness.spaces.nats_size.space:SizeSpace",),
    "darts": ("harness.spaces.darts.space:DARTSSpace",),
    "darts-none": ("harness.spaces.darts.space:with_none",),
    "macro": ("harness.spaces.macro.space:MacroSpace",),
    "transnas-micro": ("harness.spaces.transnas.micro:TransNASMicroSpace",),
    "transnas-macro": ("harness.spaces.transnas.macro:TransNASMacroSpace",),
    "asr": ("harness.spaces.asr.space:ASRSpace",),
    "elastic": ("harness.spaces.elastic.space:ElasticSpace",),
    "mnasnet": ("harness.spaces.mnasnet.space:MnasNetSpace",),
    "hw-gpt-s": ("harness.spaces.hw_gpt.space:HWGPTSpace", "s"),
    "hw-gpt-m": ("harness.spaces.hw_gpt.space:HWGPTSpace", "m"),
    "hw-gpt-l": ("harness.spaces.hw_gpt.space:HWGPTSpace", "l"),
}
"""Import string of what makes each space, and what it is given."""

NETWORKS: Mapping[str, str] = {"nb201": "nb201", "nats-size": "nats_size", "darts": "darts", "elastic": "elastic"}
"""Name of the networks of a space, where it has any: so they are written in records of training, and name its random
streams."""

_OF_EVERY_CLASS = {
    "__module__", "__doc__", "__init__", "__abstractmethods__", "_abc_impl", "__firstlineno__", "__static_attributes__"
}  # fmt: skip
"""What a class of one's own may have and still be told by its definition."""

DEFINED: Mapping[str, str] = {
    "categorical": "harness.spaces.categorical:from_definition",
    "genes": "harness.spaces.own.genes:from_definition",
    "recipes": "harness.spaces.nlp.space:from_definition",
    "conditional": "harness.spaces.own.conditional:from_definition",
    "cells": "harness.spaces.own.cells:from_definition",
}
"""Import string, by ``kind``, of what makes a space from the definition that a table carries (a mapping)."""


def space(name: str) -> SearchSpace:
    """Return the search space of a name.

    Parameters
    ----------
    name : str
        Of `SPACES`; of a file of one's own, ``FILE.toml`` or ``FILE.py:Class``; or a definition, as `content_of` gives.

    Raises
    ------
    HarnessError
        If there is none; names the nearest match.
    """
    if name in SPACES:
        return _named(name)
    if name.startswith("{"):
        return defined(name)
    if read(name).path is None:
        raise HarnessError(
            f"{unknown('search space', name, SPACES)} One of your own is written 'FILE.toml' or 'FILE.py:Class'."
        )
    own: SearchSpace = resolve_name("harness.spaces.own.files:read_space")(name)
    if own.name in SPACES:
        raise HarnessError(must(f"name of the space of {name}", "not be that of a space of this program", own.name))
    return own


def is_space(name: str) -> bool:
    """Say whether a name is that of a space, or the path of a file that is one: its content says so."""
    if name in SPACES:
        return True
    path = read(name).path
    if path is None or read(name).is_python:
        return path is not None and registry.kind_of(name) == "space"
    found: bool = path.suffix == ".toml" and resolve_name("harness.spaces.own.files:is_space")(path)
    return found


@cache
def _named(name: str) -> SearchSpace:
    where, *arguments = SPACES[name]
    result: SearchSpace = resolve_name(where)(*arguments)
    return result


@cache
def defined(definition: str) -> SearchSpace:
    """Return the search space that a table defines itself.

    Parameters
    ----------
    definition : str
        JSON of an object with a ``kind`` of `DEFINED`; the rest is that kind's.

    Raises
    ------
    TableError
        If the kind is unknown or the text is no such JSON.
    """
    try:
        fields = parse_json(definition, "the definition")
        kind = fields["kind"]
    except (ValueError, TypeError, KeyError) as error:
        raise TableError(f"the definition of a space must be JSON with a `kind`, got {definition[:80]!r}") from error
    if kind not in DEFINED:
        raise TableError(unknown("kind of search space", str(kind), DEFINED))
    result: SearchSpace = resolve_name(DEFINED[kind])(fields)
    return result


def content_of(known: SearchSpace) -> str:
    """Return what digests and tables see of a space: its name, or the definition of one that has one.

    Raises
    ------
    HarnessError
        If it has neither, and so could not be found again.
    """
    if known.name in SPACES:
        return known.name
    definition = getattr(known, "definition", None)
    own = type(known).__module__.startswith(PACKAGE)
    if definition is None or (own and set(vars(type(known))) - _OF_EVERY_CLASS):
        raise HarnessError(
            f"the space '{known.name}' cannot be kept in a table: its class says more than a definition could. "
            "Describe it in a TOML file, or derive from CellSpace, ConditionalSpace or CategoricalSpace and define "
            "`__init__` alone"
        )
    return str(definition())


def network_of(known: SearchSpace) -> str:
    """Return the name of the networks of a space, as `harness.training.networks` knows it.

    Raises
    ------
    HarnessError
        If it has none; says why.
    """
    if known.name in NETWORKS:
        return NETWORKS[known.name]
    if isinstance(network := getattr(known, "network", None), str):
        return network
    raise HarnessError(
        f"the space '{known.name}' has no networks that could be trained: {', '.join(sorted(NETWORKS))} have, and "
        "cells of one's own"
    )


def describe(described: SearchSpace) -> dict[str, Any]:
    """Say what a search space is, as plain data: kind, name, description and its facts."""
    return {"kind": "space", "name": described.name, "description": described.description, **described.facts()}
