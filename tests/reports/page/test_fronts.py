"""The page of several objectives: figures, tables and words of fronts, drawn again from their files."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from reports.figures.exhibit import Exhibit
from reports.figures.render import FORMATS, draw, rendered
from reports.page import narrative
from reports.study.comparisons import pairwise
from reports.study.study import prepare
from reports.tables.fronts import measure_table
from tests.reports.support import FakeOracle, build_page, make_front_results, opener

ALPHA, CORA = FakeOracle("alpha", test=False), FakeOracle("cora", has_seconds=False)
FIGURES = {
    "validation-gap-evaluations", "validation-gap-seconds", "test-gap-evaluations", "rank", "front-validation",
    "front-test", "final-validation-gap", "final-test-gap", "wins-validation", "wins-test", "targets",
    "profile-validation",
}  # fmt: skip
DRAWN = ("front-test", "validation-gap-evaluations")
TABLES = {
    "final-validation", "final-test", "ranks-validation", "pairwise-validation", "pairwise-test", "fronts-validation",
    "fronts-test", "costs", "best-front", "running-times",
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    results = make_front_results([ALPHA, CORA], replicates=5, evaluations=12)
    return build_page(results, tmp_path_factory.mktemp("results"), opener(ALPHA, CORA), drawn=DRAWN)


@pytest.fixture(scope="module")
def words(page):
    text = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def test_every_figure_and_table_is_there(page):
    assert {path.stem for path in (page.parent / "figures").iterdir()} == FIGURES
    assert {path.stem for path in (page.parent / "tables").iterdir()} == TABLES


def test_the_page_speaks_of_gaps_and_fronts_where_these_are_drawn(words):
    assert not re.search(r"\bregrets?\b|\bincumbents?\b|first alone", words, flags=re.IGNORECASE)
    for sentence in (
        "ends with the lowest median validation hypervolume gap",
        "Validation hypervolume gap of the front against evaluations.",
        "Objectives: valid_accuracy, size; each normalised by the least and the largest value of the whole table,"
        " reference point 1.1 in each.",
        "The test image is that of the front held by validation.",
        "Hollow points: the true validation front as it is on test: apparent against actual.",
        "No test figures for alpha: the table has no test column.",
        "Measures. The front at a budget holds the architectures that no other told so far dominates;",
    ):
        assert sentence in words, sentence


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn_again_from_its_csv_and_json_to_the_byte(page, name):
    exhibit = Exhibit.read(page.parent / "figures", name)
    for file_format in FORMATS:
        assert rendered(draw(exhibit), file_format) == (page.parent / "figures" / f"{name}.{file_format}").read_bytes()


def test_the_front_that_is_drawn_is_the_table_s_own(page):
    exhibit = Exhibit.read(page.parent / "figures", "front-validation")
    frame = exhibit.frame
    true = frame[(frame["benchmark"] == "cora") & (frame["series"] == "true front")]
    accuracy, size = CORA.values("valid_accuracy"), CORA.values("size")
    corners = {(x, y) for x, y in zip(true["x"], true["y"], strict=True)}
    for value, cost in zip(accuracy, size, strict=True):
        better = (accuracy >= value) & (size <= cost) & ((accuracy > value) | (size < cost))
        assert better.any() or any(np.allclose(corner, (cost, value)) for corner in corners)
    table = frame[(frame["benchmark"] == "cora") & (frame["series"] == "architectures of the table")]
    (left, right), (low, high) = [sorted(ends) for ends in exhibit.meta["windows"]["cora"]]
    inside = (size >= left) & (size <= right) & (accuracy >= low) & (accuracy <= high)
    assert table["count"].sum() == inside.sum() < 216, "what lies outside of the panel is not drawn"


def test_members_of_the_best_front_are_listed_with_what_was_told(page):
    members = pd.read_csv(page.parent / "tables" / "best-front.csv")
    assert {"told_valid_accuracy", "told_size", "validation", "test"} <= set(members)
    part = members[(members["benchmark"] == "cora") & (members["label"] == "climber")]
    assert part["told_size"].is_monotonic_increasing
    assert part["told_valid_accuracy"].is_monotonic_increasing, "a front of two objectives"
    measures = pd.read_csv(page.parent / "tables" / "fronts-test.csv")
    assert set(measures["benchmark"]) == {"cora"}
    assert measures["share"].between(0, 1).all()


def test_runs_without_a_front_count_as_an_empty_one():
    results = make_front_results([CORA], replicates=3, evaluations=8)
    for run in results.runs[:2]:
        told = np.array(run.trace.objectives)
        told[:, 1] = np.nan
        object.__setattr__(run.trace, "objectives", told)
    study = prepare(results, opener(CORA))
    said = narrative.warnings(study, pairwise(study))
    assert "no front in 2 of 6 runs (random_search 2 of 3). These runs count as an empty front." in said[-1]
    measured = measure_table(study, "validation").frame
    assert np.isfinite(measured[["igd_plus", "epsilon", "size"]].to_numpy()).all()
    truth = study.aligned[0].truth
    ends = study.aligned[0].at("random_search", "validation", 8)
    assert [ends[replicate] == truth.best("validation") for replicate in range(3)] == [True, True, False]
