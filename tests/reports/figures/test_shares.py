"""Shares of targets and of scores, and the critical-difference diagram: what they draw, and where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from reports.figures import critical, shares
from reports.figures.render import draw
from reports.figures.style import shown_name
from reports.study.naming import OVERALL
from reports.study.study import prepare
from reports.study.targets import targets_of
from tests.reports.support import FakeOracle, make_results, opener

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
LABELS = ("random_search", "climber", "keen")


@pytest.fixture(scope="module")
def study():
    oracles = [FakeOracle(name, test=False, has_seconds=False) for name in NAMES]
    return prepare(make_results(oracles, LABELS, replicates=6, evaluations=12), opener(*oracles))


def test_the_share_of_targets_is_that_of_counting_them_run_by_run(study):
    frame = shares.targets(study).frame
    item = study.aligned[0]
    goals = targets_of(item.truth)
    at = frame[(frame["series"] == "keen") & (frame["x"] == 9.0)].set_index("benchmark")
    found = []
    for steps in item.steps["keen"]:
        regrets = steps.regrets["validation"][steps.x["evaluations"] <= 9]
        found.append(np.mean(goals >= regrets.min()))
    row = at.loc["alpha"]
    assert row["centre"] == pytest.approx(np.mean(found))
    assert row["low"] <= row["centre"] <= row["high"]
    assert at.loc[OVERALL, "centre"] == pytest.approx(at.drop(OVERALL)["centre"].mean())
    assert at.loc[OVERALL, "n"] == 30


def test_profiles_fall_and_say_over_how_many_benchmarks(study):
    exhibit = shares.profiles(study, "validation")
    for _, part in exhibit.frame.groupby("series"):
        assert (np.diff(part["centre"]) <= 0).all()
        assert part["centre"].iloc[-1] == 0.0
    assert "on 5 benchmarks" in exhibit.meta["caption"]


def test_the_diagram_has_a_row_for_each_strategy_and_bars_only_where_the_test_finds_differences(study):
    exhibit = critical.exhibit(study)
    assert set(exhibit.frame["series"]) == set(LABELS)
    assert exhibit.frame["rank"].sum() == pytest.approx(6.0)
    axes = draw(exhibit).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        shown_name(name) for name in exhibit.frame["series"]
    ]
    bars = exhibit.meta["groups"]
    assert (exhibit.meta["difference"] is None) <= (bars == [])


def test_of_few_benchmarks_there_is_no_diagram_and_of_one_no_profile():
    oracle = FakeOracle("alpha", test=False, has_seconds=False)
    one = prepare(make_results([oracle], LABELS, replicates=3, evaluations=5), opener(oracle))
    assert len(critical.exhibit(one).frame) == 0
    assert len(shares.profiles(one, "validation").frame) == 0
    assert set(shares.targets(one).frame["benchmark"]) == {"alpha"}
