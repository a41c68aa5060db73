"""The oracle of a task, for reports, and its description: all that was trained at the full fidelity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.grown import Rows
from benchmarks_data.tasks.kept import SECONDS, Kept, known
from harness.benchmark import Optimum
from harness.checks import Archs, FloatArray, arch_matrix
from harness.errors import HarnessError, TableError, must, typed, unknown
from harness.guard import refuse
from harness.spaces import named

_REASONS = 5
"""Reasons for failures that a description lists."""


class TaskOracle:
    """Knows what was trained of a task; see `harness.benchmark.Oracle` for the protocol.

    `values` and `optimum` speak of every choice that was trained at the full fidelity so far, by any search: the best
    that can be reached is not known.  What was not trained is NaN.

    Parameters
    ----------
    name : str
    kept : Kept

    Attributes
    ----------
    archs : (N, L) unsigned integers
        What was trained, in the order in which it came first; read-only.
    """

    def __init__(self, name: str, kept: Kept) -> None:
        definition = kept.definition
        self.name, self.table_name, self.digest = name, definition.name, kept.digest
        self.space, self.columns = definition.space, kept.columns
        self.validation, self.test = definition.validation, definition.test
        self.has_seconds = definition.has_seconds
        self.seconds = SECONDS if definition.has_seconds else None
        self._kept, self._last, self._runs = kept, len(definition.fidelities) - 1, definition.seeds

    @cached_property
    def _trained(self) -> tuple[Archs, dict[int, int], dict[str, FloatArray]]:
        """What was trained, the row of each code, and each column, (N, seeds)."""
        refuse(self.name)
        table = self._kept.table()
        rows = table.rows(held_out=True)
        rows = None if rows is None else rows.take(np.flatnonzero(rows.fidelities == self._last))
        if rows is None or not len(rows):
            label = self._kept.definition.fidelities[-1].label
            raise TableError(f"nothing of the task '{self.name}' was trained at the full fidelity ({label}) so far")
        place: dict[int, int] = {}
        for key in rows.keys.tolist():
            place.setdefault(key, len(place))
        where = np.array([place[key] for key in rows.keys.tolist()])
        archs = np.zeros((len(place), self.space.genes), dtype=self.space.dtype)
        archs[where] = rows.archs
        archs.flags.writeable = False
        names = [*table.columns, *table.held_out]
        given = np.concatenate([rows.values, rows.held_out], axis=1)
        columns = {}
        for name, values in zip(names, given.T, strict=True):
            columns[name] = np.full((len(place), self._runs), np.nan)
            columns[name][where, rows.seeds] = values
        return archs, place, columns

    @property
    def reference(self) -> str:
        """What values are compared with."""
        return f"the best of {len(self.archs):,} choices that were trained in full, by any search"

    @property
    def archs(self) -> Archs:
        """What was trained, (N, L)."""
        return self._trained[0]

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return every training, NaN where one was not made: (n, L) to (n, seeds)."""
        self._check(column)
        archs = arch_matrix("archs", archs, self.space.genes)
        _, place, columns = self._trained
        rows = np.array([place.get(code, -1) for code in self.space.code(archs).tolist()], dtype=np.int64)
        found: FloatArray = np.where((rows >= 0)[:, None], columns[column][rows], np.nan)
        return found

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the mean over the trainings that exist: (n, L) to (n,)."""
        return mean_over_trainings(self.trainings(archs, column)[:, :, None])[:, 0]

    def values(self, column: str) -> FloatArray:
        """Return the mean of all that was trained: (N,)."""
        self._check(column)
        return mean_over_trainings(self._trained[2][column][:, :, None])[:, 0]

    def optimum(self, column: str) -> Optimum:
        """Return the best that was trained; ties go to the first."""
        values = self.values(column)
        if np.isnan(values).all():
            raise HarnessError(must("column", f"have a value in {self.name}", column))
        row = int(np.nanargmax(values) if self.columns[column].direction == "maximise" else np.nanargmin(values))
        return Optimum(float(values[row]), self.archs[row].copy(), row)

    def _check(self, column: str) -> None:
        refuse(self.name)
        if column not in self.columns:
            raise HarnessError(unknown(f"column of {self.name}", column, self.columns))


def open_oracle(name: str) -> TaskOracle:
    """Open what was trained of a task, held-out columns included; imports nothing.

    Raises
    ------
    TableError
        If the task was never opened on this machine as it is now.
    """
    return TaskOracle(name, known(name))


def describe(name: str) -> dict[str, Any]:
    """Say what a task is and what was trained of it, as plain data; imports nothing."""
    kept = known(name)
    definition = kept.definition
    rows = kept.table().rows()
    libraries = ", ".join(f"{library} {version}" for library, version in kept.identity["libraries"].items())
    return {
        "kind": "benchmark",
        "name": name,
        "title": definition.title,
        "live": True,
        "dataset": "",
        "rows": None,
        **({"simulated_seconds": "what the task says"} if definition.has_seconds else {}),
        "replicates": f"trained when asked for, up to {definition.seeds} times, with the seeds from 0",
        **_trainings(rows),
        "columns": [asdict(column) for column in kept.columns.values()],
        "fidelities": [fidelity.label for fidelity in definition.fidelities],
        "has_seconds": definition.has_seconds,
        "validation": definition.validation,
        "test": definition.test,
        "timeout_seconds": definition.timeout_seconds,
        **({"libraries": libraries} if libraries else {}),
        "imported": True,
        "sha256": kept.digest,
        "path": str(kept.folder),
        "to_forget": f"remove the folder {kept.folder}; `{typed('check', name)}` begins anew",
        "space": named.describe(definition.space),
    }


def _trainings(rows: Rows | None) -> Mapping[str, Any]:
    """Say how much was trained, how long it took, and why some of it failed."""
    if rows is None:
        return {"trainings": "none so far", "trained_here": 0, "real_seconds": 0.0}
    failed = Counter(reason for reason in rows.reasons if reason)
    said = f"{len(rows):,} of {len(set(rows.keys.tolist())):,} choices"
    told: dict[str, Any] = {
        "trainings": f"{said}, {np.median(rows.real_seconds):.3g} s each (median), kept on this machine",
        "trained_here": len(rows),
        "real_seconds": float(rows.real_seconds.sum()),
    }
    if failed:
        listed = [f"{count:,} x {reason}" for reason, count in failed.most_common(_REASONS)]
        told["failed"] = "; ".join([*listed, *(["..."] if len(failed) > _REASONS else [])])
    return told
