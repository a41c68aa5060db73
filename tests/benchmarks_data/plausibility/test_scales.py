"""Scales and directions that contradict the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.plausibility import scales
from harness.benchmark import Column


def column(name: str = "quality", unit: str = "percent", direction: str = "maximise", split: str = "x-valid") -> Column:
    return Column(name, unit, direction, split)


@pytest.mark.parametrize(
    ("unit", "values", "words"),
    [
        ("percent", [0.57, 0.61], "as fractions do"),
        ("%", [0.57, np.nan], "as fractions do"),
        ("fraction", [57.0, 61.0], "as percent do"),
        ("percent", [57.0, -1.0], "1 of its values lie outside 0 to 100"),
        ("percent", [57.0, 100.5], "highest 100.5"),
        ("fraction", [0.5, 1.2], "outside 0 to 1"),
        ("percent", [0.5, 57.0], ""),
        ("percent", [0.0, 1.0], ""),
        ("percent", [np.nan, np.nan], ""),
        ("fraction", [0.5, 1.0], ""),
        ("perplexity", [0.5, 1e5], ""),
    ],
)
def test_units_against_values(unit: str, values: list[float], words: str) -> None:
    question = scales.of_unit(column(unit=unit), np.array(values))
    assert (question is not None) == bool(words)
    assert words in (question.text if question else "")


def test_a_cost_may_be_any_share() -> None:
    assert scales.of_unit(column(split=""), np.array([0.5, 120.0])) is None


@pytest.mark.parametrize(
    ("name", "direction", "asked"),
    [
        ("valid_error", "maximise", True),
        ("err", "maximise", True),
        ("val-loss", "maximise", True),
        ("acc", "minimise", True),
        ("Top1", "minimise", True),
        ("valid_accuracy", "maximise", False),
        ("error", "minimise", False),
        ("neg_loss", "maximise", False),
        ("accuracy_error", "maximise", False),
        ("terror", "maximise", False),
        ("score", "minimise", False),
    ],
)
def test_names_against_directions(name: str, direction: str, asked: bool) -> None:
    assert (scales.of_name(column(name, direction=direction)) is not None) is asked


def test_curves_that_get_worse() -> None:
    rising = np.linspace(10, 80, 5) + np.random.default_rng(0).normal(0, 1, (20, 2, 5))
    rising[3, 1, 4] = np.nan
    assert scales.of_curve(column(), rising) is None
    question = scales.of_curve(column(direction="minimise"), rising)
    assert question is not None
    assert "in the course of 40 of 40 trainings" in question.text
    assert scales.of_curve(column(direction="minimise", unit="nats"), rising) is None  # a loss may rise again


def test_results_that_oppose_each_other() -> None:
    quality = np.linspace(50, 90, 40)
    columns = {"a": (column("a"), quality), "b": (column("b"), 100 - quality), "c": (column("c"), quality + 1)}
    questions = scales.of_pairs(columns)
    assert [question.column for question in questions] == ["a", "b"]
    columns["b"] = (column("b", direction="minimise"), 100 - quality)
    assert scales.of_pairs(columns) == []
