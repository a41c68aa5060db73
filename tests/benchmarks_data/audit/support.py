"""Audits of made-up tables, and what to look for in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.audit.audit import audit
from benchmarks_data.audit.findings import Audit, Finding
from benchmarks_data.file import layout
from harness.benchmark import Column
from tests.benchmarks_data.made_up import accuracy


def quiet(what: str, fraction: float) -> None:
    assert what
    assert 0 <= fraction <= 1


def audited(table: layout.Table, folder: Path) -> Audit:
    path = folder / "made-up.h5"
    layout.write(path, table)
    return audit(path, progress=quiet)


def about(found: Audit, topic: str, words: str = "") -> Finding:
    """Return the one finding of a topic that has the words."""
    matching = [item for item in found.findings if item.topic == topic and words in item.sentence]
    assert len(matching) == 1, [item.sentence for item in found.findings if item.topic == topic]
    return matching[0]


def column(name: str, values: Any, **changes: Any) -> dict[str, tuple[Column, np.ndarray]]:
    told = np.asarray(values, dtype=float)
    return {name: (Column(name, "M", "minimise", **changes), told.reshape(len(told), 1, -1))}


def results(valid: Any, test: Any) -> dict[str, tuple[Column, np.ndarray]]:
    return {
        "valid_accuracy": (accuracy(), np.asarray(valid, dtype=float)),
        "test_accuracy": (accuracy("test_accuracy"), np.asarray(test, dtype=float)),
    }
