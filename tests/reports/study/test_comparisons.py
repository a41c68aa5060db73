"""Pairwise comparisons, scores across benchmarks, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.errors import HarnessError, ResultError
from harness.experiments.spec import ReportSpec
from reports.figures import wins
from reports.page import narrative
from reports.page.comparison import tables
from reports.study.comparisons import NOT_TESTED, OPEN, omnibus, pairs_at, pairwise, scores, standings
from reports.study.curves import ranks
from reports.study.finals import LEFT_OUT, WORST, finals, summary
from reports.study.study import prepare
from reports.tables.report_table import BEST, TIED
from tests.reports.support import FakeOracle, make_results, opener

ALPHA, BETA = FakeOracle("alpha"), FakeOracle("beta", test=False)
LABELS = ("random_search", "climber", "keen")
MISSING = (("alpha", "climber", 8, 12),)


def study_of(*oracles, labels=LABELS, **options):
    allow = bool(options.get("missing"))
    return prepare(make_results(oracles, labels, **options), opener(*oracles), allow_missing=allow)


@pytest.fixture(scope="module")
def study():
    return study_of(ALPHA, BETA, replicates=20, evaluations=25)


@pytest.fixture(scope="module")
def compared(study):
    return pairwise(study)


def test_one_row_for_each_split_benchmark_and_pair(compared):
    assert len(compared) == 2 * 3 + 1 * 3  # alpha and beta by validation, alpha by test
    assert set(compared[compared["split"] == "test"]["benchmark"]) == {"alpha"}


def test_pairs_are_matched_by_replicate_and_counted(study, compared):
    row = compared.iloc[0]
    values = finals(study)
    wide = values[(values["benchmark"] == "alpha") & (values["split"] == "validation")].pivot_table(
        index="replicate", columns="label", values="regret"
    )
    differences = (wide["climber"] - wide["random_search"]).to_numpy()
    assert (row["a"], row["b"], row["n"]) == ("random_search", "climber", 20)
    assert row["wins"] == (differences > 0).sum()
    assert row["wins"] + row["ties"] + row["losses"] == 20
    assert row["p"] == pytest.approx(stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue)
    assert row["low"] <= row["difference"] <= row["high"]


def test_holm_family_is_benchmarks_times_pairs_of_one_split(compared):
    for _, family in compared.groupby("split"):
        smallest = family["p"].idxmin()
        assert family.loc[smallest, "p_holm"] == pytest.approx(min(1, len(family) * family.loc[smallest, "p"]))


def test_checkpoints_widen_the_family():
    early = study_of(ALPHA, replicates=15, evaluations=25, checkpoints=(5.0, 25.0))
    table = pairwise(early)
    validation = table[table["split"] == "validation"]
    assert len(validation) == 2 * 3
    assert set(validation["budget"]) == {5.0, 25.0}
    assert validation["p_holm"].min() == pytest.approx(min(1, 6 * validation["p"].min()))
    headers = tables(early, table)[0].headers
    assert "Regret at 5, median [95 % CI]" in headers


def test_a_hopeless_test_is_refused_with_the_number_needed():
    table = pairwise(study_of(ALPHA, replicates=5, evaluations=10))
    assert table["p"].isna().all()
    assert table["verdict"].str.startswith("not tested: 5 pairs of runs reach p = 0.062 at best").all()
    assert table["verdict"].str.contains("7 pairs of runs are needed").all()


def test_where_nothing_is_tested_the_page_says_why_once():
    study = study_of(ALPHA, replicates=5, evaluations=10)
    compared = pairwise(study)
    (final,) = [table for table in tables(study, compared) if table.name == "final-validation"]
    (pairs,) = [table for table in tables(study, compared) if table.name == "pairwise-validation"]
    assert "underlined" not in final.caption
    assert "whether others differ from it is not tested" in final.caption
    assert {row[2] for row in pairs.cells} == {"not tested"}
    assert "Not tested: 5 pairs of runs reach p = 0.062 at best" in pairs.caption
    told = [sentence for sentence in narrative.warnings(study, compared) if "not tested" in sentence]
    assert told[0].startswith("3 comparisons by validation regret are not tested: 5 pairs of runs")


def test_no_difference_is_never_called_equality(compared):
    assert set(compared["verdict"]) <= {"no difference shown", *(f"{label} better" for label in LABELS)}


def test_what_is_significant_is_the_same_in_verdicts_figures_and_tables(study, compared):
    last = study.checkpoints[-1]
    pairs = pairs_at(compared, "validation", last)
    shown = [f"{better} better" if better else "no difference shown" for better in pairs["better"]]
    assert shown == pairs["verdict"].tolist()
    assert len(set(shown)) > 1, "some pairs differ, some do not"
    stars = wins.exhibit(study, "validation", compared).frame
    expected = {
        (row.benchmark, *names)
        for row in pairs.itertuples()
        for names in ((row.a, row.b), (row.b, row.a))
        if row.better
    }
    assert set(stars.loc[stars["significant"], ["benchmark", "row", "column"]].itertuples(index=False, name=None)) == (
        expected
    )
    final = tables(study, compared)[0]
    for item in study.aligned:
        rows = {row[1]: index for index, row in enumerate(final.cells) if row[0] == item.name}
        marks = {label: mark for label, index in rows.items() for (i, _), mark in final.marks.items() if i == index}
        (best,) = [label for label, mark in marks.items() if mark == BEST]
        known = standings(compared, item.name, "validation", best, last)
        assert {label for label, mark in marks.items() if mark == TIED} == {
            label for label, standing in known.items() if standing.state == OPEN
        }


def test_what_was_not_tested_has_no_better():
    few = study_of(ALPHA, replicates=5, evaluations=10)
    table = pairwise(few)
    assert set(pairs_at(table, "validation", 10.0)["better"]) == {""}
    known = standings(table, "alpha", "validation", "keen", 10.0)
    assert {standing.state for standing in known.values()} == {NOT_TESTED}


def test_missing_shards_are_an_error_unless_allowed():
    results = make_results([ALPHA], LABELS, missing=MISSING)
    with pytest.raises(ResultError, match=r"1 shard\(s\) have no result: alpha / climber / replicates 8-11"):
        prepare(results, opener(ALPHA))


def test_missing_runs_are_reported_both_ways():
    partial = study_of(ALPHA, missing=MISSING)
    table = pairwise(partial)
    pair = table[(table["split"] == "validation") & (table["a"] == "random_search") & (table["b"] == "climber")]
    assert dict(zip(pair["missing"], pair["n"], strict=True)) == {LEFT_OUT: 8, WORST: 12}
    wins = dict(zip(pair["missing"], pair["wins"], strict=True))
    assert wins[WORST] == wins[LEFT_OUT] + 4
    data = summary(partial, "validation").set_index(["label", "missing"])
    assert data.loc[("climber", WORST), "mean"] < data.loc[("climber", LEFT_OUT), "mean"]
    final = tables(partial, table)[0]
    assert any(row[2] == "8†" for row in final.cells)
    assert any("4 runs are missing" in text for text in narrative.warnings(partial, table))


def test_no_runs_at_all_is_an_error():
    results = make_results([ALPHA], LABELS, missing=[("alpha", label, 0, 12) for label in LABELS])
    with pytest.raises(ResultError, match="nothing to report"):
        prepare(results, opener(ALPHA), allow_missing=True)


def test_scores_are_one_for_the_optimum_and_ranks_average_to_the_middle(study):
    table = scores(study, "validation")
    assert table["rank"].mean() == pytest.approx(2.0)
    assert (table["iqm"] <= 1).all()
    assert (table["iqm_low"] <= table["iqm"]).all()
    assert (table["iqm"] <= table["iqm_high"]).all()
    assert table.set_index("label")["iqm"]["random_search"] < table.set_index("label")["iqm"]["keen"]


def test_ranks_average_to_the_middle_at_every_budget(study):
    table = ranks(study)
    assert set(table["benchmark"]) == {"mean over benchmarks", "alpha", "beta"}
    np.testing.assert_allclose(table.groupby(["benchmark", "x"])["centre"].mean(), 2.0)


def test_few_benchmarks_are_not_tested_together_and_five_are():
    assert "needs at least 5 of them and has 1" in omnibus(study_of(ALPHA, replicates=4, evaluations=6))
    five = [FakeOracle(name, test=False) for name in "abcde"]
    text = omnibus(study_of(*five, replicates=4, evaluations=6))
    assert "over 5 benchmarks" in text
    assert "little power" in text


def test_adding_a_strategy_changes_no_pair_and_no_band(study, compared):
    """Bootstrap draws are addressed by benchmark, and a p value does not depend on who else is in the pool."""
    fewer = pairwise(study_of(ALPHA, BETA, labels=LABELS[:2], replicates=20, evaluations=25))
    key = ["split", "benchmark", "a", "b"]
    both = fewer.merge(compared, on=key, suffixes=("", "_all"))
    assert len(both) == len(fewer) == 3
    for column in ("p", "effect", "poi", "wins"):
        np.testing.assert_array_equal(both[column], both[f"{column}_all"])


def test_headline_names_the_winner_and_how_sure(study, compared):
    said = narrative.headline(study, compared)
    assert len(said) == 4  # two by validation, one by test, one over all
    assert said[0].startswith("alpha, validation: ")
    assert "median validation regret" in said[0]
    assert all("equal" not in sentence for sentence in said)
    first = summary(study, "validation")
    lowest = first[first["benchmark"] == "alpha"]["regret"].min()
    best = first[(first["benchmark"] == "alpha") & (first["regret"] == lowest)]["label"].tolist()
    assert all(label in said[0].partition("regret,")[0] for label in best)
    assert set(standings(compared, "alpha", "validation", best[0], 25.0)) == set(LABELS) - {best[0]}


def test_few_replicates_are_warned_of(study, compared):
    assert any("30 or more" in text for text in narrative.warnings(study, compared))
    few = study_of(ALPHA, replicates=5, evaluations=6)
    assert any("too narrow" in text for text in narrative.warnings(few, pairwise(few)))


def test_the_end_is_tested_even_if_only_an_early_budget_was_declared():
    study = study_of(ALPHA, replicates=15, evaluations=25, checkpoints=(5.0,))
    assert study.checkpoints == (5.0, 25.0)
    assert set(pairwise(study)["budget"]) == {5.0, 25.0}


def test_equivalence_is_tested_against_the_noise_of_one_training_or_what_the_spec_declares(study, compared):
    oracle = ALPHA
    archs = oracle.space.decode(np.arange(216, dtype=np.uint64))
    means = oracle.mean(archs, "valid_accuracy")
    best = oracle.runs[means >= np.quantile(means, 0.9)]
    variances, trained = np.nanvar(best, axis=1, ddof=1), (~np.isnan(best)).sum(axis=1) - 1
    pooled = np.sqrt(np.average(variances, weights=trained))
    row = compared[(compared["benchmark"] == "alpha") & (compared["split"] == "validation")].iloc[0]
    assert row["margin"] == pytest.approx(pooled)
    assert row["low"] <= row["low_90"] <= row["difference"] <= row["high_90"] <= row["high"]
    by_test = compared[compared["split"] == "test"]
    assert by_test["margin"].isna().all(), "one training of each says nothing about noise"
    assert set(by_test["equivalence"]) == {""}
    wide = pairwise(study_of(ALPHA, replicates=20, evaluations=25, margin=50.0))
    assert set(wide["equivalence"]) == {"equivalent"}
    assert (wide["p_equivalent"] < 0.05).all()
    narrow = pairwise(study_of(ALPHA, replicates=20, evaluations=25, margin=1e-9))
    assert set(narrow["equivalence"]) <= {"open", "apart"}
    with pytest.raises(HarnessError, match=r"`report.margin` must be greater than 0"):
        ReportSpec(margin=0.0)
