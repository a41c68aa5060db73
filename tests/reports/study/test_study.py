"""Studies of many strategies: which of them figures draw in colour, and what becomes of the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments.spec import ReportSpec
from reports.figures import curves, ranks, strips, wins
from reports.figures.render import draw
from reports.figures.style import shown_name
from reports.page import narrative
from reports.study.comparisons import pairwise
from reports.study.finals import summary
from reports.study.naming import WHOLE
from reports.study.study import DRAWN, MOST_DRAWN, prepare
from reports.tables.comparisons import pair_table
from reports.tables.final import final_table
from tests.reports.support import FakeOracle, make_results, opener

MANY = ("random_search", *(f"s{number}" for number in range(14)))


def study_of(labels=MANY, **more):
    oracles = FakeOracle("alpha"), FakeOracle("beta")
    return prepare(make_results(oracles, labels, **{"replicates": 4, "evaluations": 15} | more), opener(*oracles))


@pytest.fixture(scope="module")
def many():
    return study_of(highlight=("s0",))


@pytest.fixture(scope="module")
def comparisons(many):
    return pairwise(many)


def test_all_are_drawn_where_they_are_few():
    study = study_of(MANY[:MOST_DRAWN])
    assert study.drawn == study.labels
    assert study.background == ()


def test_the_best_random_search_and_what_the_spec_highlights_are_drawn(many):
    assert len(many.drawn) == DRAWN
    assert {"random_search", "s0"} <= set(many.drawn)
    assert set(many.drawn) | set(many.background) == set(MANY)
    best = [
        min(MANY[2:], key=lambda label: np.mean([*item.at(label, "validation", 15).values()])) for item in many.aligned
    ]
    assert set(many.drawn) & set(best)
    assert study_of(highlight=MANY[1:13]).drawn == MANY[1:13]  # as many as are wished


def test_figures_have_the_others_in_grey_and_without_names(many, comparisons):
    for exhibit in (curves.exhibit(many, "validation", "evaluations"), ranks.exhibit(many)):
        assert set(exhibit.meta["background"]) == set(many.background)
        assert "8 of 15" in exhibit.meta["caption"]
        words = {text.get_text() for axes in draw(exhibit).axes for text in axes.texts}
        assert words == {shown_name(label) for label in many.drawn}
    assert "8 of 15" in strips.exhibit(many, "test").meta["caption"]
    shown = wins.exhibit(many, "validation", comparisons)
    assert set(shown.frame["row"]) == set(many.drawn)
    assert len({style["color"] for label, style in shown.meta["styles"].items() if label in many.background}) == 1
    colours = [style["color"] for label, style in shown.meta["styles"].items() if label in many.drawn]
    assert len(set(colours)) == DRAWN


def test_tables_have_all_and_sentences_a_few(many, comparisons):
    table = pair_table(many, "validation", comparisons)
    assert len(table.frame) == 2 * 15 * 14 // 2
    pairs = DRAWN * (DRAWN - 1) // 2
    assert [row[:3] for row in table.cells] == [(name, f"{pairs} pairs", "not tested") for name in ("alpha", "beta")]
    tested = comparisons.assign(
        verdict=comparisons["verdict"].where(comparisons["benchmark"] == "alpha", "no difference")
    )
    shown = pair_table(many, "validation", tested).cells
    assert [row[0] for row in shown] == ["alpha"] + ["beta"] * pairs, "what is tested has a line for each pair"
    assert "the CSV file has all" in table.caption
    assert {row[1] for row in final_table(many, "validation", comparisons).cells} >= set(MANY)
    sentences = narrative.headline(many, comparisons)
    assert all("others" in sentence for sentence in sentences)
    assert max(map(len, sentences)) < 900


def test_the_noise_floor_and_the_optimum_are_told(many, comparisons):
    table = final_table(many, "validation", comparisons)
    column = table.headers.index("At optimum")
    rows = summary(many, "validation")
    told = [row[column] for row in table.cells if row[1] in MANY]
    assert told == [f"{100 * part:.0f} %" for part in rows["reached"]]
    exact = [
        np.mean(np.array([*item.at(label, "validation", 15).values()]) == 0) for item in many.aligned for label in MANY
    ]
    assert rows["reached"].tolist() == exact
    assert [row[0] for row in table.cells if row[1] == WHOLE] == ["alpha", "beta"]
    assert "noise floor" in table.caption
    frame = curves.exhibit(many, "validation", "evaluations").frame
    floor = frame[frame["series"] == WHOLE].groupby("benchmark")["centre"].first()
    for item in many.aligned:
        law = many.references[item.name]
        if floor.get(item.name, 0.0):
            assert floor[item.name] == law.whole("validation", "median")


def test_a_highlight_must_be_a_label():
    spec = make_results([FakeOracle("alpha")]).spec
    with pytest.raises(HarnessError, match="Did you mean 'climber'"):
        dataclasses.replace(spec, report=ReportSpec(highlight=("climbr",)))


def test_a_spec_without_highlights_keeps_its_digest():
    assert "highlight" not in make_results([FakeOracle("alpha")]).spec.as_dict()["report"]
