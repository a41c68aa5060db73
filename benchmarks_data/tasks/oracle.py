"""The oracle of a task, for reports, and its description: all that was trained at the full fidelity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from math import isnan
from typing import Any

import numpy as np

from benchmarks_data.grown import Rows
from benchmarks_data.grown.oracle import Finished, GrownOracle
from benchmarks_data.tasks.kept import SECONDS, Kept, known
from harness.checks import Archs, UInt64Array
from harness.errors import TableError, typed
from harness.spaces import named

_REASONS = 5
"""Reasons for failures that a description lists."""


class TaskOracle(GrownOracle):
    """Knows what was trained of a task; see `GrownOracle`.

    Parameters
    ----------
    name : str
    kept : Kept
    """

    def __init__(self, name: str, kept: Kept) -> None:
        definition = kept.definition
        self.name, self.table_name, self.digest = name, definition.name, kept.digest
        self.space, self.columns = definition.space, kept.columns
        self.validation, self.test = definition.validation, definition.test
        self.has_seconds = definition.has_seconds
        self.seconds = SECONDS if definition.has_seconds else None
        self.unit_seconds = None if isnan(kept.unit_seconds) else kept.unit_seconds
        self._kept = kept

    def _keys(self, archs: Archs) -> UInt64Array:
        return self.space.code(archs)

    def _load(self) -> Finished:
        table, fidelities = self._kept.table(), self._kept.definition.fidelities
        rows = table.rows(held_out=True)
        rows = None if rows is None else rows.take(np.flatnonzero(rows.fidelities == len(fidelities) - 1))
        if rows is None or not len(rows):
            label = fidelities[-1].label
            raise TableError(f"nothing of the task '{self.name}' was trained at the full fidelity ({label}) so far")
        told = np.concatenate([rows.values, rows.held_out], axis=1)
        return Finished.of(rows, dict(zip((*table.columns, *table.held_out), told.T, strict=True)))

    @property
    def reference(self) -> str:
        """What values are compared with."""
        return f"the best of {len(self.archs):,} choices that were trained in full, by any search"


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
