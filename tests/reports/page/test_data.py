"""Numbers for the page's script: those of the figures and tables, within the room that they may take."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reports.page.codes import LETTERS, Digits
from reports.page.comparison import figures
from reports.page.data import page_data, thinned
from reports.statistics.centres import centre_of
from reports.study.comparisons import pairwise
from reports.study.study import prepare
from tests.reports.page.test_codes import curve_of, numbers_of
from tests.reports.support import FakeOracle, make_front_results, make_results, opener

ORACLES = [FakeOracle("alpha"), FakeOracle("beta", test=False, has_seconds=False)]
LABELS = ("random_search", "</script><b>", "keen")


def data_of(results, *oracles):
    study = prepare(results, opener(*oracles), allow_missing=True)
    compared = pairwise(study)
    frames = {exhibit.name: exhibit.frame for exhibit in figures(study, compared)}
    text = page_data(study, compared, frames)
    return study, compared, frames, text, json.loads(text)


@pytest.fixture(scope="module")
def made():
    return data_of(make_results(ORACLES, LABELS, replicates=12, evaluations=25), *ORACLES)


def test_text_stands_in_a_script_element(made):
    _, _, _, text, data = made
    assert "<" not in text
    assert data["labels"][1] == "</script><b>"


def test_the_study_s_centre_is_that_of_the_figures_and_others_are_computed(made):
    study, _, frames, _, data = made
    item, split = study.aligned[0], data["benchmarks"][0]["splits"]["validation"]
    grid, digits = np.array(data["benchmarks"][0]["grids"]["evaluations"]), Digits(split["exponent"])
    frame = frames["validation-regret-evaluations"]
    part = frame[(frame["benchmark"] == "alpha") & (frame["series"] == "keen")].set_index("x").reindex(grid)
    found = curve_of(split["curves"]["evaluations"]["median"][2], digits, 3, len(grid))
    np.testing.assert_allclose(found, part[["centre", "low", "high"]], rtol=5.1e-3)
    runs = item.counted("keen", "evaluations", "validation", grid)
    for centre in ("mean", "iqm"):
        found = curve_of(split["curves"]["evaluations"][centre][2], digits, 3, len(grid))
        np.testing.assert_allclose(found[:, 0], centre_of(runs, centre), rtol=5.1e-3)
        assert (found[:, 1] <= found[:, 0]).all()
        assert (found[:, 0] <= found[:, 2]).all()
    assert set(split["curves"]) == {"evaluations", "seconds"}
    assert set(data["benchmarks"][1]["splits"]) == {"validation"}
    assert data["benchmarks"][1]["unit_seconds"] is None
    assert data["benchmarks"][0]["overhead"] == pytest.approx([0.01 / 25, 0.02 / 25, 0.03 / 25])


def test_pairs_at_the_end_are_those_of_the_table(made):
    _, compared, _, _, data = made
    rows = compared[(compared["split"] == "validation") & (compared["benchmark"] == "alpha")]
    end = data["ends"]["validation"][0]
    assert len(end["pairs"]) == 20 * 3
    for place, row in enumerate(rows.to_dict("records")):
        text = end["pairs"][20 * place : 20 * place + 20]
        counts = [90 * LETTERS.index(text[at]) + LETTERS.index(text[at + 1]) for at in (0, 2, 4)]
        assert counts == [row["wins"], row["ties"], row["losses"]]
        assert numbers_of(text[8:12], Digits(-7)) == pytest.approx([row["poi"], row["p_holm"]], rel=5.1e-3)
        wanted = [row["difference"], row["low"], row["high"]]
        assert numbers_of(text[12:18], Digits(end["exponent"], True)) == pytest.approx(wanted, rel=5.1e-3, abs=1e-4)
        better = {row["a"]: 1, row["b"]: 2}
        verdict = 3 if row["verdict"] == "no difference shown" else better[row["verdict"].removesuffix(" better")]
        assert LETTERS.index(text[18]) == verdict


def test_differences_over_the_budget_end_at_the_mean_difference_of_final_regrets(made):
    study, _, _, _, data = made
    paired, item = data["paired"]["validation"][0], study.aligned[0]
    ends = [np.array([*item.at(label, "validation", 25.0).values()]) for label in LABELS[:2]]
    found = curve_of(paired["lines"][0], Digits(paired["exponent"], True), 3, len(paired["grid"]))
    assert found[-1, 0] == pytest.approx(np.mean(ends[1] - ends[0]), rel=5.1e-3)
    assert (found[:, 1] <= found[:, 0]).all()


def test_shares_of_targets_rise_and_end_at_the_successes(made):
    _, _, _, _, data = made
    overall, alpha, _ = data["reached"]
    assert overall["targets"] == alpha["targets"]
    assert (alpha["targets"][0], alpha["targets"][-1]) == (10.0, 0.01)
    assert len(alpha["targets"]) == 11
    for target in range(11):
        share = curve_of(alpha["lines"][target + 1][2], Digits(-7), 1, len(alpha["grid"]))[:, 0]
        assert (np.diff(share) >= 0).all()
        success = numbers_of(alpha["successes"][2], Digits(-7))[target]
        assert share[-1] == pytest.approx(success)
        ert, low, high = numbers_of(alpha["times"][2], Digits(alpha["exponent"]))[3 * target : 3 * target + 3]
        assert np.isinf(ert) == (success == 0)
        assert low <= ert <= high
        if success == 1:
            assert ert <= 25


def test_few_benchmarks_have_no_critical_difference_and_say_why(made):
    assert made[4]["critical"]["ranks"] == []
    assert "needs at least 5" in made[4]["critical"]["sentence"]
    five = [FakeOracle(name, test=False, has_seconds=False) for name in "abcde"]
    _, _, _, _, data = data_of(make_results(five, LABELS[::2], replicates=6, evaluations=8), *five)
    assert len(data["critical"]["ranks"]) == 2
    assert sum(data["critical"]["ranks"]) == pytest.approx(3.0)


def test_pages_of_few_runs_of_one_strategy_and_of_several_objectives_have_what_they_can():
    few = make_results(ORACLES[:1], LABELS[:2], replicates=3, evaluations=6, missing=[("alpha", "</script><b>", 2, 3)])
    data = data_of(few, ORACLES[0])[4]
    assert (
        data["paired"]["validation"][0]["refused"] == "no band over time: 6 pairs of runs are needed, and there are 2"
    )
    assert data["untested"].startswith("not tested: ")
    assert data["profiles"] == {}
    one = data_of(make_results(ORACLES[:1], LABELS[:1], replicates=2, evaluations=6), ORACLES[0])[4]
    assert one["paired"] == {}
    assert one["ranks"] == []
    several = data_of(make_front_results(ORACLES[:1], LABELS[:2], replicates=6, evaluations=9), ORACLES[0])[4]
    assert several["measure"] == "hypervolume gap"
    assert several["reached"][0]["targets"][0] < 1.2


def test_a_thinned_grid_keeps_its_ends_and_what_it_must():
    grid = np.arange(1.0, 301)
    found = thinned(grid, 24, [100.0])
    assert len(found) <= 25
    assert {1.0, 100.0, 300.0} <= set(found.tolist())
    np.testing.assert_array_equal(thinned(grid[:10], 24), grid[:10])
