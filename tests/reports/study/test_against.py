"""Two sets of results against each other: what is the same, what is better, what is equivalent, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from harness.errors import ResultError
from harness.experiments.results import Results
from reports.statistics.pairs import equivalence, refusal, unpaired
from reports.study.against import _judged, against
from reports.study.finals import finals
from reports.study.study import prepare
from tests.reports.support import FakeOracle, make_results, opener

HILLS, PLAIN = FakeOracle("hills"), FakeOracle("plain")


def called(results: Results, name: str) -> Results:
    return replace(results, spec=replace(results.spec, name=name))


def test_the_same_runs_are_told_as_such() -> None:
    results = make_results([HILLS])
    found = against(results, called(results, "again"), open_oracle=opener(HILLS))
    assert found["verdict"].tolist() == ["the same runs"] * 4
    assert found["same"].tolist() == [12] * 4
    assert (found["difference"] == 0).all()


def test_a_later_version_is_compared_replicate_by_replicate() -> None:
    """The numbers are those of scipy on the regrets of the two."""
    first, second = make_results([HILLS, PLAIN], replicates=40), make_results([HILLS, PLAIN], replicates=40, seed=5)
    found = against(first, called(second, "later"), [("random_search", "climber")], open_oracle=opener(HILLS, PLAIN))
    assert found["benchmark"].tolist() == ["hills", "plain"] * 2
    assert found["first"].tolist() == ["random_search"] * 4
    regrets = [finals(prepare(results, opener(HILLS, PLAIN))) for results in (first, second)]
    for row in found.to_dict("records"):
        a, b = (
            values[
                (values["label"] == label)
                & (values["split"] == row["split"])
                & (values["benchmark"] == row["benchmark"])
            ]["regret"].to_numpy()
            for values, label in zip(regrets, ("random_search", "climber"), strict=True)
        )
        assert row["difference"] == pytest.approx(np.median(a - b), abs=1e-6)
        assert row["wins"] + row["ties"] + row["losses"] == row["n"] == 40
        assert row["wins"] == np.sum(a - b > 1e-9)
        assert row["p_holm"] >= row["p"]
    clear = found[found["p_holm"] < 0.05]
    assert len(clear)
    assert (clear["verdict"] == np.where(clear["effect"] > 0, "second better", "first better")).all()
    turned = against(called(second, "later"), first, [("climber", "random_search")], open_oracle=opener(HILLS, PLAIN))
    np.testing.assert_allclose(turned["difference"], -found["difference"])
    np.testing.assert_allclose(turned["p_holm"], found["p_holm"])


def test_equivalence_is_tested_within_the_margin_that_is_given() -> None:
    """Schuirmann's two tests on paired differences, as statsmodels makes them."""
    differences = np.random.default_rng(0).normal(0.02, 0.1, 40)
    found = equivalence(differences, 0.1)
    assert found is not None
    expected = DescrStatsW(differences).ttost_mean(-0.1, 0.1)[0]
    assert found.p_equivalent == pytest.approx(expected)
    assert equivalence(differences[:1], 0.1) is None
    first, second = make_results([HILLS], replicates=40), make_results([HILLS], replicates=40, seed=9)
    wide = against(first, called(second, "b"), [("climber", "climber")], margin=50.0, open_oracle=opener(HILLS))
    assert set(wide["verdict"]) <= {"equivalent within 50", "first better", "second better"}
    assert (wide["p_equivalent"] < 1e-6).all()


def test_equivalences_are_one_family() -> None:
    plain = {"p": np.nan, "n": 20, "same": 0, "effect": 0.0}
    table = pd.DataFrame([plain | {"p_equivalent": p} for p in (0.01, 0.03, 0.04, np.nan)])
    found = _judged(table, 0.1)
    np.testing.assert_allclose(found["p_equivalent_holm"], [0.03, 0.06, 0.06, np.nan])
    assert [text.startswith("equivalent") for text in found["verdict"]] == [True, False, False, False]


def test_what_cannot_be_compared_is_named() -> None:
    results = make_results([HILLS])
    with pytest.raises(ResultError, match=r"unknown strategy of 'made-up' 'climbr'. Did you mean 'climber'"):
        against(results, results, [("climbr", "climber")], open_oracle=opener(HILLS))
    with pytest.raises(ResultError, match=r"no strategy of one label .* FIRST=SECOND"):
        against(results, make_results([HILLS], ["third"]), open_oracle=opener(HILLS))
    with pytest.raises(ResultError, match="no benchmark has runs of both"):
        against(results, make_results([PLAIN]), open_oracle=opener(HILLS, PLAIN))
    few = make_results([HILLS], replicates=3)
    later = make_results([HILLS], replicates=3, seed=2)
    verdicts = against(few, called(later, "b"), open_oracle=opener(HILLS))["verdict"]
    assert verdicts.str.startswith("not tested: 3 pairs").all()


def test_unpaired_samples_are_judged_as_scipy_does() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 15), rng.normal(1, 2, 12)
    found = unpaired(first, second, rng, 2000)
    assert found["p"] == pytest.approx(stats.mannwhitneyu(first, second).pvalue)
    shifts = [b - a for a in first for b in second]
    assert found["difference"] == pytest.approx(np.median(shifts))
    assert found["wins"] + found["losses"] == 15 * 12
    assert found["effect"] == pytest.approx((found["wins"] - found["losses"]) / 180)
    assert found["low"] < found["difference"] < found["high"]
    assert unpaired(np.ones(4), np.ones(4), rng, 100)["p"] == 1.0
    assert refusal(10, 10, 100, 0.05) == ""
    assert refusal(5, 5, 10, 0.05).startswith("not tested: 5 and 5 runs reach p = 0.0079")
