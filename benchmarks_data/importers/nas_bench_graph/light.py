"""NAS-Bench-Graph from the light files of `nas-bench-graph`: validation, test, latency and size of each network.

A file is a pickle ``{hash: {"valid_perf": fraction, "perf": fraction, "latency": s, "para": M}}``; the hash is that of
`spaces.graph`, and ``perf`` is the test metric.  Fractions become percent here, once, rounded to 10 decimals: means of
three trainings that are equal differ in their last bits in the source, and equal networks must tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import check_count, cost, layout, named, score
from benchmarks_data.importers.safe import unpickle
from harness.benchmark import Column
from harness.checks import FloatArray, UInt64Array
from harness.errors import TableError
from harness.problem import Fidelity
from harness.spaces.graph.space import GraphSpace


def convert(entry: Entry, paths: Sequence[Path], space: GraphSpace, progress: Progress) -> Table:
    """Read the table of one dataset; rows are sorted by hash.

    Raises
    ------
    TableError
        If the file is not what this version knows, or its networks are not those of the space.
    """
    (path,) = paths
    progress(f"reading {path.name}", 0.1)
    keys, values = _values(path, unpickle.load(path, unpickle.NUMPY_SCALARS), entry)
    progress(f"checking {path.name}", 0.4)
    if not np.array_equal(keys, networks(space)):
        raise TableError(f"{path} must hold exactly the networks of the space '{space.name}'")
    return assemble(
        name=entry.name,
        space=space,
        archs=space.parse([str(key) for key in keys]),
        fidelities=[Fidelity("full training", 1, 1)],
        columns=_columns(values, entry.facts["metric"]),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds=None,
    )


def networks(space: GraphSpace) -> UInt64Array:
    """Return the hash of every network of the space, rising: (N,)."""
    return np.unique(space.key(space.all_codings[space.is_valid(space.all_codings)]))


def percent(fractions: AnyArray) -> FloatArray:
    """Return fractions as percent, rounded so that equal ones tie."""
    rounded: FloatArray = np.round(fractions * 100.0, 10)
    return rounded


def _values(path: Path, records: Any, entry: Entry) -> tuple[UInt64Array, Mapping[str, FloatArray]]:
    check_count(path, records, entry.rows)
    with layout(f"{path} has rows of another layout"):
        hashes = np.array(list(records), dtype=np.uint64)
        order = np.argsort(hashes)
        fields = ("valid_perf", "perf", "latency", "para")
        table = np.array([[record[field] for field in fields] for record in records.values()], dtype=np.float64)
    return hashes[order], dict(zip(fields, table[order].T, strict=True))


def _columns(values: Mapping[str, FloatArray], metric: str) -> dict[str, tuple[Column, AnyArray]]:
    columns = {
        score("valid_accuracy", "x-valid", "full", f"Validation {metric}."): percent(values["valid_perf"]),
        score("test_accuracy", "x-test", "full", f"Test {metric}."): percent(values["perf"]),
        cost("latency_seconds", "s", "Inference of the whole graph, as reported."): values["latency"],
        cost("params_m", "M", "Trainable parameters, as reported."): values["para"],
    }
    return named(*((column, published[:, None, None]) for column, published in columns.items()))
