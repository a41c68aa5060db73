"""The reproduction of a published table: its searches run, its look-ups made, a verdict for each of its values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Oracle
from harness.checks import FloatArray
from harness.errors import HarnessError, IncompleteError, TableError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.progress import Progress
from harness.experiments.results import Results, read_results
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec
from harness.files.whole import replacing
from reports.reproductions import exact, read_out
from reports.reproductions.recipe import SPLITS, Correlation, LookUp, Optimum, Part, Recipe, Search, Selection
from reports.reproductions.verdict import Here, Verdict, absent, of_cell, of_order
from reports.statistics.ranks import average_ranks

VERDICTS = "verdicts.json"
EVALUATIONS, RANK = "evaluations", "mean rank"
"""Quantities of a search that are no columns of a table."""


@dataclass(frozen=True)
class Reproduction:
    """A published table as it is here.

    Attributes
    ----------
    recipe : Recipe
    tables : mapping of str to str
        The benchmarks that were used, by their short names.
    verdicts : tuple of Verdict
    """

    recipe: Recipe
    tables: Mapping[str, str]
    verdicts: tuple[Verdict, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        recipe = self.recipe
        said = {key: getattr(recipe, key) for key in ("name", "title", "paper", "source", "values")}
        return {
            **said,
            "values_of_parts": {part.name: recipe.values_of(part) for part in recipe.parts},
            "notes": list(recipe.notes),
            "tables": dict(self.tables),
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
        }


def reproduce(
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    replicates: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Reproduction:
    """Run a published table, what is missing of it, and compare.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
        Of results: its searches lie in ``folder/<recipe>-<part>``, as those of `run`, and the verdicts beside them.
    workers : int
    replicates : int, optional
        In place of those of the searches, for a quick look; verdicts allow for it.
    on_progress : callable, optional

    Raises
    ------
    TableError
        If no part can be run, because its tables are not here; says what brings them.
    """
    oracles, used, lacking = _opened(recipe)
    verdicts: list[Verdict] = []
    for part in recipe.parts:
        if missing := [lacking[name] for name in recipe.tables_of(part) if name in lacking]:
            verdicts.append(absent(part, "; ".join(dict.fromkeys(missing))))
        elif isinstance(part, Search):
            spec = spec_of(recipe, part, used, replicates)
            verdicts += _searched(part, _run(spec, folder, workers, on_progress), oracles, used)
        else:
            verdicts += _exact(part, oracles)
    if lacking and len(lacking) == len(recipe.tables):
        raise TableError("\n".join(dict.fromkeys(lacking.values())))
    made = Reproduction(recipe, used, tuple(verdicts))
    with replacing(folder / f"{recipe.name}-{VERDICTS}") as temporary:
        temporary.write_text(json.dumps(made.as_dict(), indent=1), encoding="utf-8")
    return made


def _opened(recipe: Recipe) -> tuple[dict[str, Oracle], dict[str, str], dict[str, str]]:
    """Open the tables of a recipe; return them, what they are, and why others are not here, by short name."""
    oracles, used, lacking = dict[str, Oracle](), dict[str, str](), dict[str, str]()
    for short, listed in recipe.tables.items():
        said = list[str]()
        for name in listed:
            try:
                oracles[short], used[short] = registry.oracle(name), name
            except HarnessError as error:
                said.append(str(error).splitlines()[0])
            else:
                break
        else:
            lacking[short] = said[-1]  # the last is the easiest to get
    return oracles, used, lacking


def spec_of(recipe: Recipe, part: Search, used: Mapping[str, str], replicates: int | None = None) -> Spec:
    """Return the spec of a search on the tables that are used."""
    data = dict(part.spec) | {
        "name": f"{recipe.name}-{part.name}",
        "benchmarks": [used[name] for name in part.searched],
    }
    if part.judged:
        data["report_on"] = [used[name] for name in part.judged]
    if replicates is not None:
        data["replicates"] = replicates
    return from_dict(data, f"{recipe.name}: {part.name}")


def _run(spec: Spec, folder: Path, workers: int, on_progress: Callable[[Progress], None] | None) -> Results:
    outcome = execute(prepare(spec, source=spec.name), folder / spec.name, workers=workers, on_progress=on_progress)
    if outcome.failed:
        first = outcome.failed[0]
        raise IncompleteError(f"{len(outcome.failed)} shards failed, the first ({first.label}): {first.error}")
    return read_results(outcome.folder)


def _exact(part: Part, oracles: exact.Oracles) -> list[Verdict]:
    if isinstance(part, LookUp):
        found = exact.look_up(part, oracles)
    elif isinstance(part, Optimum):
        found = exact.optimum(part, oracles)
    elif isinstance(part, Selection):
        found = exact.selection(part, oracles)
    else:
        assert isinstance(part, Correlation)  # noqa: S101  # the only kind left
        found = exact.correlation(part, oracles)
    verdicts = [of_cell(part, cell, here) for cell, here in found]
    return verdicts + (list(exact.claims(part, oracles)) if isinstance(part, Optimum) else [])


def _searched(part: Search, results: Results, oracles: exact.Oracles, used: Mapping[str, str]) -> list[Verdict]:
    """Compare what searches found."""
    read = {
        (short, label): _read(part, results, used[short], label) for short in part.searched for label in results.labels
    }

    def values(label: str, quantity: str) -> FloatArray:
        short, _, split = quantity.rpartition(" ")
        found = read[(short if short in part.searched else part.searched[0]), label]
        if split == EVALUATIONS:
            return found.evaluations.astype(np.float64)
        return found.values(oracles[short], exact.column_of(oracles[short], split))

    verdicts = []
    for cell in part.cells:
        told = values(cell.row, cell.quantity)
        verdicts.append(of_cell(part, cell, Here(float(told.mean()), float(told.std()), len(told))))
    for order in part.orders:
        quantities = [f"{short} {SPLITS[0]}" for short in part.searched] if order.quantity == RANK else [order.quantity]
        table = np.array(
            [
                [_lower(oracles, quantity) * values(label, quantity).mean() for quantity in quantities]
                for label in order.labels
            ]
        )
        shown = average_ranks(table.T).mean(axis=0) if order.quantity == RANK else table[:, 0]
        verdicts.append(of_order(part, order, dict(zip(order.labels, shown.tolist(), strict=True))))
    return verdicts


def _read(part: Search, results: Results, table: str, label: str) -> read_out.ReadOut:
    runs, full = results.of(table, label), len(results.benchmarks[table].fidelities) - 1
    return read_out.nats(runs, full, part.at) if part.read_out == "nats" else read_out.step(runs, full)


def _lower(oracles: exact.Oracles, quantity: str) -> float:
    """Return by what to multiply a quantity so that lower is better."""
    short, _, split = quantity.rpartition(" ")
    oracle = oracles[short]
    return -1.0 if oracle.columns[exact.column_of(oracle, split)].direction == "maximise" else 1.0
