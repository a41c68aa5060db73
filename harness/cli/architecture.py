"""Descriptions of one architecture: what `describe --arch` says of it, as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import trains
from harness.checks import Archs
from harness.errors import HarnessError, unknown
from harness.names import read
from harness.printable import counted
from harness.records import Proposals
from harness.space import IDENTITIES, SearchSpace
from harness.spaces import named
from harness.spaces.rows import RowsSpace

MOST_CODINGS = 2**16
"""Codings of a space whose classes are counted: all of them are looked at."""
_SHOWN = 8
"""Neighbours that people are shown; JSON has them all."""


def describe(text: str, where: str) -> dict[str, Any]:
    """Say what is known of an architecture: validity, classes, costs, neighbours, what tables tell strategies of it.

    Parameters
    ----------
    text : str
        In one of the forms that the space reads.
    where : str
        A search space, or a benchmark (by name or path), which then is the only one asked.

    Returns
    -------
    dict
        kind ("architecture"), space, architecture (the space's own string), genes (name to value), coding (gene
        codes), valid; where it is valid: classes (identity to how many codings are the same, and the first of them;
        counted in spaces of at most `MOST_CODINGS` codings), costs, neighbours (count and strings; in a table that
        lacks rows of its space, the rows within so many genes), tables (a row for each benchmark and column that a
        strategy may be told: mean over the trainings at the full fidelity), without (benchmarks that have no row for
        it) and to_get (those that nobody fetched yet).

    Raises
    ------
    HarnessError
        If the text is no architecture of the space, or the space is unknown.
    """
    space, benchmarks = _place(where)
    archs = space.parse([text])
    facts: dict[str, Any] = {
        "kind": "architecture",
        "space": space.name,
        "architecture": space.format(archs)[0],
        "genes": {name: values[code] for (name, values), code in zip(space.legend().items(), archs[0], strict=True)},
        "coding": archs[0].tolist(),
        "valid": bool(space.is_valid(archs)[0]),
    }
    if not facts["valid"]:
        return facts
    around = space.neighbours(archs[0])
    return (
        facts
        | {
            "classes": _classes(space, archs),
            "costs": {name: float(cost[0]) for name, cost in space.costs(archs).items()},
            "neighbours": {"count": len(around), "architectures": space.format(around)}
            | ({"rows_within_genes": space.radius} if isinstance(space, RowsSpace) else {}),
        }
        | _tables(benchmarks, archs)
    )


def _place(where: str) -> tuple[SearchSpace, list[str]]:
    """Return the space of a name, and the benchmarks to ask."""
    if named.is_space(where):
        space = named.space(where)
        return space, _searching(space.name)
    if registry.kind_of(where) == "benchmark":
        facts = {} if read(where).is_python else registry.describe_benchmark(where)
        if not facts.get("imported", True):
            space = facts["space"]
            return named.space(space["name"] if isinstance(space, Mapping) else space), [where]
        return registry.benchmark(where).space, [where]
    raise HarnessError(unknown("search space", where, named.SPACES))


def _searching(space: str) -> list[str]:
    return [name for provider in registry.providers("benchmark").values() for name in provider.searching(space)]


def _classes(space: SearchSpace, archs: Archs) -> dict[str, Any]:
    """Say of each notion of sameness how many codings it calls the same as this one, and the first of them."""
    codings = math.prod(space.cardinalities.tolist())
    if codings > MOST_CODINGS:
        return {}
    every = space.decode(np.arange(codings, dtype=np.uint64))
    every = every[space.is_valid(every)]
    classes = {}
    for identity in IDENTITIES:
        same = every[space.key(every, identity) == space.key(archs, identity)]
        classes[identity] = {"codings": len(same), "first": space.format(same[:1])[0]}
    return classes


def _tables(benchmarks: list[str], archs: Archs) -> dict[str, Any]:
    rows, held_out = list[dict[str, Any]](), list[str]()
    without, to_get = list[str](), list[str]()
    for name in benchmarks:
        try:
            facts = registry.describe_benchmark(name)
            if not facts.get("imported", True):
                to_get.append(name)
                continue
            answers = list(_answers(name, facts, archs))
        except (ImportError, HarnessError) as error:
            without.append(f"{name} ({error})")
            continue
        rows += answers
        if not answers:
            without.append(name)
        elif any(column["held_out"] for column in facts.get("columns", ())):
            held_out.append(name)
    return {"tables": rows, "held_out": held_out, "without": without, "to_get": to_get}


def _answers(name: str, facts: Mapping[str, Any], archs: Archs) -> Iterator[dict[str, Any]]:
    """Yield what each column of a benchmark says that a strategy may be told, in its own unit and direction."""
    told = [column["name"] for column in facts.get("columns", ()) if not column["held_out"]]
    for column in told or [None]:
        benchmark = registry.benchmark(name, objectives=None if column is None else [column])
        if trains(benchmark) or not benchmark.space.is_valid(archs)[0]:
            return
        full = len(benchmark.fidelities) - 1
        proposals = Proposals(archs, np.array([full]), np.zeros(1, dtype=np.int64))
        value = benchmark.query(proposals, noise_seed=None).objectives[0, 0]
        objective = benchmark.objectives[0]
        yield {
            "benchmark": name,
            "column": objective.name,
            "value": float(objective.to_published(value)),
            "unit": objective.unit,
            "at": benchmark.fidelities[full].label,
        }


def readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as people read them: the first neighbours, classes in a line each."""
    told = dict(facts)
    if not facts["valid"]:
        told["valid"] = "no: the table has no row for it"
        return told
    told["classes"] = {
        identity: f"{item['codings']:,} coding{'s' * (item['codings'] != 1)}, the first is {item['first']}"
        for identity, item in facts["classes"].items()
    }
    around = facts["neighbours"]
    shown = around["architectures"][:_SHOWN]
    more = ["... (all of them: --json)"] if around["count"] > _SHOWN else []
    within = around.get("rows_within_genes")
    count = f"{around['count']:,} in all"
    if within is not None:
        count = f"{counted(around['count'], 'row')} of the table that differ in at most {counted(within, 'gene')}"
    told["neighbours"] = "\n".join([count, *shown, *more])
    if held_out := told.pop("held_out"):
        told["held out"] = (
            f"test results of {', '.join(held_out)}, which strategies are never told: `nas-harness data export"
            f" {held_out[0]}` has them"
        )
    told["no row in"] = told.pop("without")
    told["to get"] = told.pop("to_get")
    return told
