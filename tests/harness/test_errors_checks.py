from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.audit.audit import audit
from benchmarks_data.commands import inventory
from harness import checks, errors, registry
from harness.errors import HarnessError, must, reason, shown
from harness.testing import conformance


def test_a_broken_rule_says_name_rule_and_value():
    assert errors.must("population", "be at least 1", 0) == "`population` must be at least 1, got 0"


def test_long_values_are_cut():
    text = errors.must("x", "be short", "a" * 500)
    assert len(text) < 120
    assert text.endswith("...")


@given(st.text(alphabet="abcdef_", min_size=4, max_size=12), st.integers(0, 10))
def test_a_name_with_one_letter_dropped_is_recognised(name, index):
    typo = name[: index % len(name)] + name[index % len(name) + 1 :]
    assert f"'{name}'" in errors.nearest(typo, [name])


def test_nearest_ignores_case_and_gives_nothing_for_nonsense():
    assert errors.nearest("BANANAS", ["bananas", "random_search"]) == " Did you mean 'bananas'?"
    assert errors.nearest("zzzzzz", ["bananas"]) == ""
    assert errors.nearest("x", []) == ""


def test_unknown_lists_what_is_known_in_order():
    text = errors.unknown("strategy", "banana", ["random_search", "bananas"])
    assert text == "unknown strategy 'banana'. Did you mean 'bananas'? Known: bananas, random_search."


@pytest.mark.parametrize("name", [1.5, True, ["level"], {"a": 1}])
def test_what_is_no_text_is_an_unknown_name_too(name):
    assert errors.unknown("cost", name, ["level"]) == f"unknown cost {name!r}. Known: level."


def test_of_many_names_only_the_nearest_is_told_or_what_lists_them():
    many = [f"table-{number}" for number in range(60)]
    labels = ["epoch 10 of 10", "epoch 10 of 10, a quarter of the data"]
    assert errors.unknown("fidelity", "zzz", labels) == (
        "unknown fidelity 'zzz'. Known: 'epoch 10 of 10', 'epoch 10 of 10, a quarter of the data'."
    ), "what has a comma is told apart"
    assert errors.unknown("table", "tabel-7", many) == (
        "unknown table 'tabel-7'. Did you mean 'table-7'? `nas-harness data list` shows the names."
    )
    assert errors.unknown("table", "zzz", many) == "unknown table 'zzz'. `nas-harness data list` shows the names."
    assert errors.unknown("column", "tabel-7", many) == "unknown column 'tabel-7'. Did you mean 'table-7'?"
    assert "table-0, table-1" in errors.unknown("column", "zzz", many)
    assert len(errors.unknown("value", "2", ["1", "a" * 10_000])) < 300
    assert len(errors.unknown("value", "aa b", ["1", "aa b " * 10_000])) < 500
    assert errors.unknown("value", "x", map(str, range(10_000))).endswith(" and others.")


@pytest.mark.parametrize("asked", [registry.benchmark, inventory.known, conformance.check, audit])
def test_data_given_where_a_table_belongs_says_how_one_is_made(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.parquet").write_text("data")
    with pytest.raises(HarnessError, match=r"`nas-harness data import NAME mine.parquet --describe TOML`"):
        asked("mine.parquet")


def test_mistakes_are_value_errors():
    kinds = (errors.SpecError, errors.StrategyError, errors.TableError, errors.ResultError)
    assert all(issubclass(kind, HarnessError) and issubclass(kind, ValueError) for kind in kinds)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 50))
def test_integer_accepts_exactly_the_interval(value, low, width):
    if low <= value <= low + width:
        assert checks.integer("x", value, low=low, high=low + width) == value
    else:
        with pytest.raises(HarnessError, match=r"must be at (least|most)"):
            checks.integer("x", value, low=low, high=low + width)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, np.float64(1)])
def test_integer_refuses_what_is_none(value):
    with pytest.raises(HarnessError, match="`x` must be an integer"):
        checks.integer("x", value)


def test_numpy_integers_become_plain_ones():
    assert type(checks.integer("x", np.uint8(3))) is int


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 10**400])
def test_real_refuses_what_is_not_finite(value):
    with pytest.raises(HarnessError, match="must be finite"):
        checks.real("x", value)


@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_real_refuses_what_is_no_number(value):
    with pytest.raises(HarnessError, match="must be a number"):
        checks.real("x", value)


def test_real_can_leave_out_its_lower_end():
    assert checks.real("x", 0, low=0.0) == 0.0
    with pytest.raises(HarnessError, match="must be greater than 0"):
        checks.real("x", 0, low=0.0, open_low=True)
    with pytest.raises(HarnessError, match="must be at most 1"):
        checks.real("x", 1.5, high=1.0)


def test_choice_shows_the_choices():
    assert checks.choice("loss", "mae", ("mae", "mse")) == "mae"
    with pytest.raises(HarnessError, match=re.escape("`loss` must be one of 'mae', 'mse', got 'rmse'")):
        checks.choice("loss", "rmse", ("mae", "mse"))


def test_arch_matrix_states_shape_and_dtype():
    assert checks.arch_matrix("archs", [[1, 2]], 2).shape == (1, 2)
    with pytest.raises(HarnessError, match=re.escape("have shape (n, 6), got (2, 3)")):
        checks.arch_matrix("archs", np.zeros((2, 3), dtype=int), 6)
    with pytest.raises(HarnessError, match="array of integers"):
        checks.arch_matrix("archs", np.zeros((2, 6)), 6)


def test_read_only_leaves_the_original_writable():
    original = np.zeros(3)
    view = checks.read_only(original)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    original[0] = 1
    assert view[0] == 1


def test_of_a_large_value_only_the_beginning_becomes_text():
    shared = [1]
    for _ in range(60):
        shared = [shared, shared]
    large = (shared, tuple(shared), {"a": shared}, "a" * 10**8, b"a" * 10**8, 1 << 10**7, [0] * 10**6, {1: "a" * 10**8})
    for value in (*large, {frozenset([(n,) for n in range(3000)])}):
        assert len(must("value", "be small", value)) < 120
        assert len(reason(KeyError(value))) <= 1000
    assert shown([1, "a", {2: (3.5, None)}]) == repr([1, "a", {2: (3.5, None)}])
    assert shown("a" * 90) == "'" + "a" * 76 + "..."
    assert reason(ValueError("a" * 10**6)).endswith("...")
    assert len(reason(ValueError("a" * 10**6))) == 1000
