"""Parts of converters: counts of records, and columns that trainings repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.importers import parts
from harness.errors import TableError


@pytest.mark.parametrize(
    ("records", "words"), [({1: 1}, "2 networks, got 1 networks"), ([1, 2], "2 networks, got a list")]
)
def test_files_of_another_number_of_records_are_refused(records: object, words: str) -> None:
    parts.check_count(Path("file.json"), {1: 1, 2: 2}, 2, "networks")
    with pytest.raises(TableError, match=f"file.json must hold {words}"):
        parts.check_count(Path("file.json"), records, 2, "networks")


def test_what_all_trainings_repeat_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)  # several blocks
    values = np.repeat(np.arange(6.0).reshape(6, 1, 1), 2, axis=1)
    values[3, 1] = np.nan  # absent, not different
    np.testing.assert_array_equal(parts.once(values), np.arange(6.0).reshape(6, 1, 1))
    values[5, 1] = 0.0
    assert parts.once(values) is values


def test_counts_in_closed_form_are_told_in_millions() -> None:
    columns = parts.closed_form(np.array([2e6, 5e5]), np.array([1e6, 3e6]))
    assert {name: values[:, 0, 0].tolist() for name, (_, values) in columns.items()} == {
        "params_m": [2.0, 0.5],
        "macs_m": [1.0, 3.0],
    }
    assert all(column.unit == "M" and not column.split for column, _ in columns.values())
