"""Parts of converters: checks of what files hold, groups of trainings, and columns that trainings repeat."""

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


def test_a_table_of_one_file_refuses_others() -> None:
    assert parts.single([Path("a/one.json")], "it is one file") == Path("a/one.json")
    with pytest.raises(TableError, match=r"it is one file, got \['one\.json', 'two\.json'\]"):
        parts.single([Path("a/one.json"), Path("two.json")], "it is one file")


def test_content_of_another_layout_is_told_with_what_was_raised_and_an_error_of_a_table_as_it_is() -> None:
    with pytest.raises(TableError, match="the file is another: KeyError: 'a'"), parts.layout("the file is another"):
        {}["a"]
    with pytest.raises(TableError, match=r"^it is cut$"), parts.layout("the file is another"):
        raise TableError("it is cut")
    with pytest.raises(ZeroDivisionError), parts.layout("the file is another"):
        _ = 1 / 0


def test_what_is_the_same_is_grouped_in_order_of_first_appearance() -> None:
    for keys in (np.array([7, 3, 7, 1, 3, 7]), np.array([[7, 0], [3, 1], [7, 0], [1, 0], [3, 1], [7, 0]])):
        first, group, place = parts.grouped(keys)
        assert first.tolist() == [0, 1, 3]
        assert group.tolist() == [0, 1, 0, 2, 1, 0]
        assert place.tolist() == [0, 0, 1, 0, 1, 2]


def test_scores_on_test_images_are_held_out() -> None:
    columns = [parts.score("a", split, "full", "Told.") for split in ("train", "x-valid", "x-test", "ori-test")]
    assert [column.held_out for column in columns] == [False, False, True, True]


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
