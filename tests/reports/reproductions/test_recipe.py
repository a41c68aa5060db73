"""Recipes of published tables: those that ship can be run as far as their tables are here; broken ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import registry
from harness.errors import HarnessError
from reports.reproductions.recipe import Cell, Part, Search, load, names
from reports.reproductions.reproduce import EVALUATIONS, RANK, spec_of

GOOD = """
title = "A table"
paper = "nobody"
source = "nowhere"
values = "read"
tables = { micro = ["micro-mnist1d"] }
[[look_ups]]
name = "one"
archs = { cell = ["333333"] }
expected = { cell = { "micro validation" = [90, 1] } }
"""


@pytest.mark.parametrize("name", names())
def test_what_ships_names_what_exists(name: str) -> None:
    recipe = load(name)
    assert recipe.title
    known = set(registry.names("benchmark"))
    assert {table for listed in recipe.tables.values() for table in listed} <= known
    for part in recipe.parts:
        assert list(part.cells) or getattr(part, "orders", ()), part.name
        if isinstance(part, Search):
            spec = spec_of(recipe, part, {short: listed[0] for short, listed in recipe.tables.items()})
            labels = {strategy.label for strategy in spec.strategies}
            assert {cell.row for cell in part.cells} <= labels
            assert {label for order in part.orders for label in order.labels} <= labels
            assert all(strategy.name in registry.names("strategy") for strategy in spec.strategies)
            assert all(cell.quantity.rpartition(" ")[2] in ("validation", "test", EVALUATIONS) for cell in part.cells)
            assert all(order.quantity == RANK or " " in order.quantity for order in part.orders)
            assert spec.replicates >= 20
            if part.at:
                assert spec.budget.seconds is not None
                assert part.at < spec.budget.seconds


def test_what_was_computed_is_not_called_published() -> None:
    recipe = load("zero-cost-correlations")
    known = {part.name: recipe.values_of(part) for part in recipe.parts}
    assert known == {
        "as published": "read",
        "on the scores that are here": "computed",
        "parameters alone, all cells": "computed",
    }
    optima = [(recipe, part) for recipe in map(load, names()) for part in recipe.optima]
    assert len(optima) == 4
    assert {recipe.values_of(part) for recipe, part in optima} == {"computed"}
    assert {load(name).values for name in ("nats-tss-multitrial", "nb201-iclr")} == {"recalled"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('values = "read"', 'values = "guessed"', "`values` must be one of"),
        ('name = "one"', 'name = "one"\nvalues = "guessed"', "`values` must be one of"),
        ("[90, 1]", "[90, 1, 2]", r"must be a number or \[mean, sd\]"),
        ("[90, 1]", '"high"', r"must be a number or \[mean, sd\]"),
        ('"micro validation"', '"mikro validation"', "unknown table of 'one' 'mikro'"),
        ("[[look_ups]]", "[[lookups]]", "unknown key of `table.toml` 'lookups'"),
        ('name = "one"', "", r"must have the key 'name'"),
        ("archs =", "reasons = { cell = 3 }\narchs =", "reason of 'cell'` must be text"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert [cell.value for part in load(str(path)).parts for cell in part.cells] == [90.0]
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(HarnessError, match=rf"table\.toml: .*{message}"):
        load(str(path))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(HarnessError, match="Did you mean 'darts-family'"):
        load("dart-family")
    with pytest.raises(HarnessError, match="no such recipe"):
        load("nowhere.toml")


def test_the_most_particular_reason_is_given() -> None:
    part = Part("x", {}, reasons={"a test": "cell", "a": "row", "test": "quantity", "": "all"})
    assert [part.reason(Cell(*key, 0.0)) for key in (("a", "test"), ("a", "b"), ("b", "test"), ("b", "b"))] == [
        "cell",
        "row",
        "quantity",
        "all",
    ]
    assert Part("x", {}).reason(Cell("a", "b", 0.0)) == ""


def test_what_a_mean_may_differ_by() -> None:
    """Three standard errors of the larger spread over the fewer runs, and the tolerance."""
    part, cell = Part("x", {}, tolerance=0.05, runs=500), Cell("a", "b", 90.0, 0.5)
    assert part.allowed(cell, 0.4, 500) == pytest.approx(0.05 + 3 * 0.5 / 500**0.5)
    assert part.allowed(cell, 1.0, 500) == pytest.approx(0.05 + 3 * 1.0 / 500**0.5)
    assert part.allowed(cell, 0.5, 20) == pytest.approx(0.05 + 3 * 0.5 / 20**0.5)
    assert Part("x", {}, tolerance=0.05).allowed(cell, 9.0, 500) == 0.05
