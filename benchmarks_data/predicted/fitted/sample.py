"""The sample that a surrogate benchmark is fitted to: rows of a table, all their trainings, nothing held out."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks_data.file import recorded
from benchmarks_data.file.layout import Header, read_about
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.predicted.fitted.costs import Costs
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, integer
from harness.errors import HarnessError, TableError, must
from harness.files.reading import parse_json
from harness.problem import Fidelity, Objective
from harness.records import Proposals
from harness.seeding import generator
from harness.space import SearchSpace

FEWEST = 20
"""Rows that anything is fitted to."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a surrogate benchmark is fitted to: n architectures, R trainings, F fidelities.

    Attributes
    ----------
    space : SearchSpace
        All of it, whatever the table has rows for.
    objective : Objective
        Of the validation column.
    column : Column
    fidelities : tuple of Fidelity
        At which results and, where there are any, seconds were measured; the last is the full one.
    archs : (n, L) unsigned integers
    results : (n, R, F) float64
        Published values by training, NaN where there is none.
    seconds : (n, F) float64 or None
        What an evaluation takes from scratch, the mean over trainings.
    origins : (n,) int64
        Where each row comes from, an index into `origin_names`; all 0 where nobody says.
    origin_names : tuple of str
    canonical : bool
        Whether no two rows of the table compute the same function, and the space knows a representative of each: then
        architectures of equal function are one, `archs` are representatives, and all of a class have one answer.
    costs : Costs
        Closed forms that give what the table says these architectures cost.
    about : mapping
        ``table``, ``table_digest``, ``rows_of_table``, ``left_out`` (rows without a whole curve), and the texts of the
        table for people.
    """

    space: SearchSpace
    objective: Objective
    column: Column
    fidelities: tuple[Fidelity, ...]
    archs: Archs
    results: FloatArray
    seconds: FloatArray | None
    origins: IntArray
    origin_names: tuple[str, ...]
    canonical: bool
    costs: Costs
    about: dict[str, Any]

    @property
    def means(self) -> FloatArray:
        """Mean over the trainings, (n, F) float64, all finite."""
        return mean_over_trainings(self.results)


def sample_of(header: Header, rows: int | None, seed: int) -> Sample:
    """Return rows of a table, drawn at random without replacement.

    Parameters
    ----------
    header : Header
        Opened without its held-out columns: nothing of them can be read.
    rows : int or None
        How many; None for all.
    seed : int
        Draws them: with another number of rows the smaller sample is part of the larger.

    Raises
    ------
    HarnessError
        If the table has no validation column, or too few rows have results.
    """
    name = header.meaning.name
    if not header.meaning.validation:
        raise HarnessError(f"the table {name} has no validation column, and nothing else may be told to a search")
    space = recorded.whole_space_of(header)
    table = TableBenchmark(header, space)
    archs = np.asarray(header.array("archs"))
    column = header.columns[header.meaning.validation]
    places = header.meaning.places(column, header.values(column.name).shape[2])
    at = {fidelity.label: place for place, fidelity in enumerate(header.meaning.fidelities)}
    results = np.asarray(header.values(column.name))[:, :, [places[at[item.label]] for item in table.fidelities]]
    whole = np.flatnonzero(np.isfinite(mean_over_trainings(results)).all(axis=1))
    seconds = _seconds(table, archs[whole]) if table.has_seconds else None
    if seconds is not None:
        timed = np.isfinite(seconds).all(axis=1)
        whole, seconds = whole[timed], seconds[timed]
    count = len(whole) if rows is None else integer("rows", rows, low=FEWEST, high=len(whole))
    if count < FEWEST:
        raise HarnessError(must("rows", f"be at least {FEWEST} with results in {name}", count))
    if len(whole) < len(archs):
        said = f"{len(archs) - len(whole)} of {len(archs)} rows of {name} have no whole curve and are left out"
        warnings.warn(said, stacklevel=2)
    chosen = np.sort(generator(seed, "table fit", "rows").permutation(len(whole))[:count])
    origins, names = _origins(header, whole[chosen])
    canonical = _has_representatives(space, archs)
    kept = archs[whole[chosen]]
    texts = read_about(header.path)
    training = parse_json(texts["training"], str(header.path), TableError) if texts.get("training") else None
    return Sample(
        space,
        table.objectives[0],
        column,
        table.fidelities,
        np.ascontiguousarray(space.decode(space.key(kept)) if canonical else kept),
        np.ascontiguousarray(results[whole[chosen]], dtype=np.float64),
        None if seconds is None else seconds[chosen],
        origins,
        names,
        canonical,
        Costs.of(header, space, kept, whole[chosen], training),
        {
            "table": name,
            "table_digest": header.digest,
            "rows_of_table": len(archs),
            "left_out": len(archs) - len(whole),
            **{key: text for key, text in texts.items() if key in (*recorded.ABOUT, "training")},
        },
    )


def _seconds(table: TableBenchmark, archs: Archs) -> FloatArray:
    """Return what an evaluation takes at every fidelity, (n, F), as the table tells it."""
    levels = [table.query(Proposals.of(archs, level), noise_seed=None) for level in range(len(table.fidelities))]
    return np.stack([told.seconds for told in levels], axis=1)


def _origins(header: Header, rows: IntArray) -> tuple[IntArray, tuple[str, ...]]:
    """Return where rows come from, and what these places are called; ("",) where the table does not say.

    A sample that this project trained says so in its provenance: ``origins`` are names, ``origin`` has the place among
    them of each row.
    """
    about = read_about(header.path)
    told = parse_json(about["provenance"], str(header.path), TableError) if "provenance" in about else {}
    names = tuple(map(str, told.get("origins", ())))
    numbers = np.asarray(told.get("origin", ()), dtype=np.int64)
    if not names or len(numbers) != len(header.array("archs")):
        return np.zeros(len(rows), dtype=np.int64), ("",)
    if not np.isin(numbers, np.arange(len(names))).all():
        raise TableError(must("origin", f"number {len(names)} origins", np.unique(numbers).tolist()))
    return numbers[rows], names


def _has_representatives(space: SearchSpace, archs: Archs) -> bool:
    """Say whether keys of the space decode to an architecture of the same function, one for each row."""
    keys = space.key(archs)
    listed = space.is_numbered and int(keys.max()) < math.prod(space.cardinalities.tolist())
    if len(np.unique(keys)) < len(keys) or not listed:
        return False
    found = space.decode(keys)
    return bool(space.is_valid(found).all()) and bool((space.key(found) == keys).all())
