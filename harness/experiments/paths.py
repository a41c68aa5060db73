"""Paths in a spec, which are written relative to its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.names import absolute


def resolve(data: dict[str, Any], folder: Path) -> None:
    """Make all paths of a spec absolute, in place: of tables, and of files of strategies and learners, however deep.

    What is not of the form that a spec has is left as it is, and refused later.

    Parameters
    ----------
    data : dict
        As it was read.
    folder : Path
        Of the spec.
    """
    transfer = data["transfer"] if isinstance(data.get("transfer"), dict) else {}
    deployments = data.get("deployments", []) if isinstance(data.get("deployments"), list) else []
    listed = [(item, "benchmarks") for item in deployments if isinstance(item, dict)]
    for table, key in ((data, "benchmarks"), (data, "report_on"), (transfer, "from"), (transfer, "sources"), *listed):
        if isinstance(table.get(key), list):
            table[key] = [_resolved(name, folder) for name in table[key]]
    named = [item for key in ("strategies", "learners") if isinstance(data.get(key), list) for item in data[key]]
    for item in named:
        if isinstance(item, dict) and "name" in item:
            _resolve_learner(item, folder)
            _resolve_learner(item.get("surrogate"), folder)
            _resolve_inner(item.get("hyperparameters"), folder)


def _resolve_inner(hyperparameters: Any, folder: Path) -> None:
    while isinstance(hyperparameters, dict) and "inner" in hyperparameters:
        inner = hyperparameters["inner"]
        if isinstance(inner, str):
            hyperparameters["inner"] = _resolved(inner, folder)
        elif isinstance(inner, dict) and "name" in inner:
            inner["name"] = _resolved(inner["name"], folder)
            _resolve_learner(inner.get("surrogate"), folder)
        hyperparameters = inner


def _resolve_learner(given: Any, folder: Path) -> None:
    """Make the path of what a table names absolute, and those of the learners that it puts together."""
    if isinstance(given, dict) and "name" in given:
        given["name"] = _resolved(given["name"], folder)
        if isinstance(given.get("learners"), list):
            given["learners"] = [_resolved(item, folder) for item in given["learners"]]
            for item in given["learners"]:
                _resolve_learner(item, folder)


def _resolved(name: Any, folder: Path) -> Any:
    return absolute(name, folder) if isinstance(name, str) else name
