"""Metamorphic tests of a whole study: another unit, or a column turned round, changes labels and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from harness.benchmark import Column
from harness.problem import Objective
from reports.figures import curves as curve_figure
from reports.figures import strips
from reports.figures.render import draw
from reports.page import narrative
from reports.page.comparison import tables
from reports.study.comparisons import pairwise, scores
from reports.study.curves import ranks
from reports.study.finals import summary
from reports.study.study import prepare
from tests.reports.support import ACCURACY, FakeOracle, make_results, opener

LABELS = ("random_search", "climber", "keen")


class Recorded(FakeOracle):
    """Values of one decimal, so that many are equal; a metric to be read otherwise."""

    def __init__(self, factor: float = 1.0, shift: float = 0.0) -> None:
        super().__init__("alpha")
        self.factor, self.shift = factor, shift
        direction = "maximise" if factor > 0 else "minimise"
        # Errors of a few points, as a small loss has them: 0.1 to 20.
        self.runs = self.turned(np.round(self.runs, 1) - 70)
        self._values = {
            "valid_accuracy": np.nanmean(self.runs, axis=1),
            "test_accuracy": self.turned(np.round(self._values["test_accuracy"], 1) - 70),
        }
        self.columns = {
            "valid_accuracy": Column("valid_accuracy", "", direction, "x-valid"),
            "test_accuracy": Column("test_accuracy", "", direction, "x-test", held_out=True),
        }
        self.objective = Objective("valid_accuracy", direction)

    def turned(self, values):
        return values * self.factor + self.shift


@cache
def study_of(factor: float = 1.0, shift: float = 0.0):
    plain, oracle = Recorded(), Recorded(factor, shift)
    results = make_results([plain], LABELS, replicates=14, evaluations=40)
    runs = []
    for run in results.runs:
        told = oracle.objective.to_minimised(oracle.turned(ACCURACY.to_published(run.trace.objectives)))
        runs.append(replace(run, trace=replace(run.trace, objectives=told)))
    facts = {"alpha": replace(results.benchmarks["alpha"], objectives=(oracle.objective,))}
    return prepare(replace(results, runs=tuple(runs), benchmarks=facts), opener(oracle))


_COMPARED: dict[int, pd.DataFrame] = {}


def compared(study):
    """Return the comparisons of a study of `study_of`, made once."""
    if id(study) not in _COMPARED:
        _COMPARED[id(study)] = pairwise(study)
    return _COMPARED[id(study)]


@pytest.fixture(scope="module")
def plain():
    return study_of()


READINGS = [(1e-6, 0.0), (1e6, 0.0), (1e-11, 0.0), (-1.0, 100.0), (-1e-5, 100.0)]


@pytest.mark.parametrize(("factor", "shift"), READINGS)
def test_another_reading_of_a_metric_changes_no_rank_no_test_and_no_tie(plain, factor, shift):
    other = study_of(factor, shift)
    expected, found = compared(plain), compared(other)
    assert expected["ties"].sum() > 0
    for column in ("a", "b", "n", "wins", "ties", "losses", "p", "p_holm", "effect", "poi", "verdict"):
        assert found[column].tolist() == expected[column].tolist(), column
    for column in ("difference", "low", "high"):
        np.testing.assert_allclose(found[column], expected[column] * abs(factor), rtol=1e-6, atol=1e-9 * abs(factor))
    for made in (ranks, lambda study: scores(study, "validation")):
        wanted, got = made(plain), made(other)
        for column in wanted.columns:
            if not pd.api.types.is_numeric_dtype(wanted[column]):
                assert got[column].tolist() == wanted[column].tolist()
            else:
                np.testing.assert_allclose(got[column], wanted[column], rtol=1e-7)
    for split in plain.splits:
        regrets = [summary(study, split).set_index("label")["regret"] for study in (plain, other)]
        assert [regrets[1].rank().tolist()] == [regrets[0].rank().tolist()]


NUMBER = r"[<\N{MINUS SIGN}]*(?:\d[\d,]*(?<!,))(?:\.\d+)?(?:e-?\d+)?"


@pytest.mark.parametrize(("factor", "shift"), READINGS[1:3])
def test_another_unit_changes_figures_and_tables_only_in_the_power_of_ten(plain, factor, shift):
    other = study_of(factor, shift)
    for make in (lambda study: curve_figure.exhibit(study, "validation", "evaluations"),
                 lambda study: strips.exhibit(study, "test")):  # fmt: skip
        places = []
        for study in (plain, other):
            (axes,) = draw(make(study)).axes
            lines = [line.get_transform().transform(line.get_xydata()) for line in axes.lines]
            places.append(np.concatenate([xy[np.isfinite(xy).all(axis=1)] for xy in lines]))
        np.testing.assert_allclose(places[1], places[0], atol=1e-3)
    for wanted, found in zip(*(tables(study, compared(study)) for study in (plain, other)), strict=True):
        assert found.marks == wanted.marks
        if wanted.name == "costs":
            continue
        for row, other_row in zip(wanted.cells, found.cells, strict=True):
            assert [re.sub(NUMBER, "0", text) for text in other_row] == [re.sub(NUMBER, "0", text) for text in row]
    said = [[re.sub(NUMBER, "0", text) for text in narrative.headline(study, compared(study))]
            for study in (plain, other)]  # fmt: skip
    assert said[0] == said[1]


def test_a_small_loss_fills_its_panel_and_differs_in_print():
    other = study_of(1e-11, 0.0)
    (axes,) = draw(curve_figure.exhibit(other, "validation", "evaluations")).axes
    low, high = axes.get_ylim()
    assert high / low < 1e4
    made = {table.name: table for table in tables(other, compared(other))}["final-validation"]
    assert len({row[4] for row in made.cells}) > 2, "medians"
    assert all("e-1" in row[4] for row in made.cells if row[4])


def test_a_loss_near_a_hundred_is_printed_with_the_digits_that_differ():
    other = study_of(-1e-5, 100.0)
    made = {table.name: table for table in tables(other, compared(other))}["final-validation"]
    assert len({row[4] for row in made.cells if row[4]}) > 2
    assert all(re.fullmatch(r"99\.999\d{3,4}", row[4]) for row in made.cells if row[4])
