"""What `list` and `describe` say about everything that has a name, as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from harness import registry
from harness.errors import HarnessError, TableError, nearest


def rows_of(kind: str) -> list[dict[str, Any]]:
    """Return one row of facts for each registered name of a kind: "benchmark", "strategy" or "surrogate".

    What cannot be loaded here (an extra that is not installed, a table whose source is missing) is listed with the
    reason.
    """
    rows = []
    for name in registry.names(kind):
        try:
            facts = _summary(kind, name)
        except (ImportError, HarnessError) as error:
            facts = {"summary": f"not available: {error}"}
        rows.append({"name": name} | facts)
    return rows


def describe(name: str) -> dict[str, Any]:
    """Return what is known about a name: a strategy, a surrogate, a benchmark or a search space.

    Raises
    ------
    HarnessError
        If nothing has that name; names the nearest match of any kind.
    """
    if registry.is_file(name) or name in registry.names("strategy"):
        return _strategy(name)
    if name in registry.names("surrogate"):
        return _surrogate(name)
    try:
        return _from_providers(name)
    except TableError:
        raise
    except HarnessError as error:
        hint = _hint(str(error))
    known = [candidate for kind in ("benchmark", "strategy", "surrogate") for candidate in registry.names(kind)]
    raise HarnessError(
        f"nothing is called '{name}'.{nearest(name, known) or hint} `nas-harness list benchmarks`, `list strategies` "
        "and `list surrogates` show the names; a strategy of your own is written 'path/to/file.py:Class'."
    )


def _hint(refusal: str) -> str:
    """Return the sentence of a refusal that names the nearest match."""
    start = refusal.find(" Did you mean")
    return refusal[start : refusal.index("?", start) + 1] if start >= 0 else ""


def _summary(kind: str, name: str) -> dict[str, Any]:
    if kind == "benchmark":
        return _benchmark_summary(name)
    loaded = registry.load(kind, name)
    facts: dict[str, Any] = {"summary": _first_sentence(loaded)}
    if kind == "strategy":
        learner = loaded.default_surrogate
        facts["learns_with"] = learner["name"] if learner else None
    return facts


def _benchmark_summary(name: str) -> dict[str, Any]:
    facts = _from_providers(name)
    space = facts.get("space")
    return {
        "summary": facts.get("title"),
        "space": space["name"] if isinstance(space, Mapping) else space,
        "rows": facts.get("rows"),
        "validation": facts.get("validation"),
        "test": facts.get("test"),
        "has_seconds": facts.get("has_seconds"),
    }


def _from_providers(name: str) -> dict[str, Any]:
    """Return the facts of the first provider that knows the name; the refusal of the last one if none does."""
    refusal = HarnessError(f"nothing describes '{name}'")
    for provider in registry.names("description"):
        try:
            found: dict[str, Any] = registry.load("description", provider)(name)
        except TableError:
            raise
        except HarnessError as error:
            refusal = error
        else:
            return found
    raise refusal


def _strategy(name: str) -> dict[str, Any]:
    loaded = registry.strategy(name)
    return {
        "name": name,
        "kind": "strategy",
        "class": f"{loaded.__module__}:{loaded.__qualname__}" if not registry.is_file(name) else name,
        "version": loaded.version,
        "default_surrogate": loaded.default_surrogate,
        "hyperparameters": _hyperparameters(loaded, leave_out={"surrogate"}),
        "description": inspect.getdoc(loaded) or "",
    }


def _surrogate(name: str) -> dict[str, Any]:
    loaded = registry.load("surrogate", name)
    return {
        "name": name,
        "kind": "surrogate",
        "class": f"{loaded.__module__}:{loaded.__qualname__}",
        "version": loaded.version,
        "hyperparameters": _hyperparameters(loaded, leave_out={"device"}),
        "description": inspect.getdoc(loaded) or "",
    }


def _hyperparameters(factory: Any, leave_out: set[str]) -> list[dict[str, Any]]:
    """Return name and default of each keyword that a spec may set."""
    return [
        {"name": name} | ({"required": True} if default is inspect.Parameter.empty else {"default": default})
        for name, default in registry.keywords(factory).items()
        if name not in leave_out
    ]


def _first_sentence(loaded: Any) -> str:
    return (inspect.getdoc(loaded) or "").partition("\n")[0]
