"""Digests of records, and the rule that a later field moves none: it enters only where it differs from its default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

_LATER = "default when it was added"


def later(default: Any) -> Any:
    """Return a dataclass field that was added after digests of its record were stored.

    Parameters
    ----------
    default : immutable
        What records without the field meant; a record that has it keeps the digest that it had before.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Budget:
    ...     evaluations: int
    ...     epochs: int | None = later(None)
    >>> identity(Budget(10)), identity(Budget(10, 5))
    ({'evaluations': 10}, {'evaluations': 10, 'epochs': 5})
    """
    return field(default=default, metadata={_LATER: default})


def identity(record: Any) -> dict[str, Any]:
    """Return what a dataclass adds to a digest: all fields, those of records in it too, without later ones at rest."""
    return {
        item.name: _plain(getattr(record, item.name))
        for item in fields(record)
        if _LATER not in item.metadata or getattr(record, item.name) != item.metadata[_LATER]
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return identity(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the default they had when they were added; those without one stay.

    >>> without({"population": 100, "crossover": 0.0}, {"crossover": 0.0})
    {'population': 100}
    """
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def sha256_of(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain JSON data, hexadecimal; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
