"""The page of an evaluation of learners: its numbers, its words, and that it says what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness import registry
from harness.errors import ResultError
from harness.experiments.execute import execute
from harness.experiments.prediction import FEWEST_TESTED
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.store import unit_path
from harness.spaces import named
from reports.figures.exhibit import Exhibit
from reports.page.build import build
from reports.predictors import cost, loop, table
from reports.predictors.ceiling import ceiling
from reports.predictors.first_screen import first_screen
from reports.predictors.growth import interval
from reports.predictors.report import headline, methods, sections
from reports.predictors.results import Learnt, Target, read_evaluated
from reports.predictors.winners import Best, best, untested_words
from reports.tables.numbers import MINUS, NONE

LEARNERS = [{"name": "ridge"}, {"name": "random_forest", "trees": 5, "label": "small forest"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learners")
    given = {
        "name": "two",
        "benchmarks": ["graph-cora"],
        "replicates": 3,
        "prediction": {"sizes": [20, 40], "test_size": 100, "search": 24},
        "learners": LEARNERS,
    }
    prepared = prepare(from_dict(given))
    assert not execute(prepared, folder).failed
    build(folder)
    return folder


def test_a_folder_for_papers_is_refused_and_without_trials_to_test_nobody_wins(folder):
    with pytest.raises(ResultError, match="these are results of learners"):
        build(folder, beside=lambda *_: None)
    assert first_screen(read_evaluated(folder, registry.oracle)).verdict.endswith("comes first, and nothing is tested.")


def test_figures_and_tables_have_the_numbers_of_the_results(folder):
    results = read_evaluated(folder, registry.oracle)
    (target,) = results.targets
    frame = Exhibit.read(folder / "report/figures", "tau-random").frame
    table = pd.read_csv(folder / "report/tables/agreement.csv").set_index("learner")
    details = pd.read_csv(folder / "report/tables/choice.csv").set_index("learner")
    searches = Exhibit.read(folder / "report/figures", "search").frame.set_index("series")
    for label, one in target.learnt.items():
        taus = one.scores["kendall"][:, :, 0]
        part = frame[frame["series"] == label]
        np.testing.assert_allclose(part["centre"], taus.mean(axis=0))
        np.testing.assert_allclose(table.loc[label, ["tau_20", "tau_40"]].to_numpy(dtype=float), taus.mean(axis=0))
        assert details.loc[label, "regret_10"] == pytest.approx(one.regrets[10][:, -1].mean())
        assert details.loc[label, "search_regret"] == pytest.approx(one.search[:, -1].mean())
        assert searches.loc[label, "x"] == pytest.approx(taus[:, 0].mean()), "after 20, the size nearest to 24"
        assert searches.loc[label, "y"] == pytest.approx(one.search[:, -1].mean())


def test_the_page_says_who_is_best_and_how_it_was_measured(folder):
    text = (folder / "report/index.html").read_text(encoding="utf-8")
    assert "2 learners on 1 benchmark: 3 trials, 20, 40 architectures learnt from." in text
    assert "agrees best with the table" in text
    assert "No architecture that is tested computes the same function" in text
    assert "Best-practice checklist" not in text
    assert "of searches of 24 evaluations" in text
    assert "reach p = 0.25 at best" in text, "three trials cannot reject"
    assert "not shown to be worse." not in text
    for name in ("tau-random", "tau-best-tenth", "tau-neighbourhood", "regret-10", "winners", "reliability", "search"):
        data = json.loads((folder / f"report/figures/{name}.json").read_text())
        assert data["alt"]
        assert data["provenance"]["trials"] == {"graph-cora": {"ridge": 3, "small forest": 3}}


def test_every_objective_has_panels_rows_and_a_unit_of_its_own(tmp_path):
    """Latencies of some milliseconds stand in seconds: their regrets are no zeros, and a tenth is no step of them."""
    given = {
        "name": "both",
        "benchmarks": ["nb201-cifar10"],
        "objectives": ["valid_accuracy", "latency_seconds"],
        "replicates": 2,
        "prediction": {"sizes": [20, 40], "test_size": 100, "search": 12},
        "learners": [{"name": "ridge"}, {"name": "knn"}],
    }
    assert not execute(prepare(from_dict(given)), tmp_path).failed
    results = read_evaluated(tmp_path, registry.oracle)
    accuracy, latency = results.targets
    panels = ["nb201-cifar10: valid_accuracy", "nb201-cifar10: latency_seconds"]
    assert [target.name for target in results.targets] == panels
    assert (accuracy.unit, latency.unit) == ("percentage points", "s")
    assert accuracy.least == 0.001 > latency.least
    assert latency.learnt["ridge"].tau(1) > 0.6, "latency adds up over operations, nearly"
    (section,) = sections(results)
    assert [line.partition(": After")[0] for line in section.sentences] == panels
    for figure in section.figures:
        assert list(dict.fromkeys(figure.frame["benchmark"])) == panels
        assert set(figure.meta["y_label"]) == set(panels)
    regrets = next(figure for figure in section.figures if figure.name == "regret-10")
    assert regrets.meta["y_label"] == {panels[0]: "regret (percentage points)", panels[1]: "regret (s)"}
    cells = {table.name: {row[:2]: row[2:] for row in table.cells} for table in section.tables}
    for label, one in latency.learnt.items():
        assert "<" not in "".join(cells["choice"][panels[1], label])
        assert cells["honesty"][panels[1], label][0] == f"{one.scores['rmse'][:, -1, 0].mean():#.3g}"
        assert (cells["order"][panels[1], label][3], cells["order"][panels[0], label][3] != NONE) == (NONE, True)


def test_a_missing_block_is_an_error_or_told(folder):
    results = read_evaluated(folder, registry.oracle)
    given = prepare(results.spec)
    digest = next(digest for digest, (label, _) in given.shards.items() if label == "ridge")
    path = unit_path(folder, digest)
    content = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(ResultError, match="incomplete: ridge on graph-cora, trials 0 to 2"):
            read_evaluated(folder, registry.oracle)
        partial = read_evaluated(folder, registry.oracle, allow_missing=True)
        assert [*partial.targets[0].learnt] == ["small forest"]
        assert partial.missing == ("ridge on graph-cora, trials 0 to 2",)
    finally:
        path.write_bytes(content)


def test_what_is_seen_beside_genes_is_paid_for_every_candidate(folder):
    """Two signals of 2 and 3 ms and three of ten epochs: 5,000 ms and 300 trainings for a thousand candidates."""
    results = read_evaluated(folder, registry.oracle)
    (target,) = results.targets
    ridge, forest = target.learnt.values()
    assert table.paid(results) is None
    seeing = replace(ridge, signals={"zc_a": 0.002, "zc_b": 0.003}, epochs=3, schedule=10)
    unmeasured = replace(forest, signals={"zc_a": 0.002, "zc_c": None})
    altered = replace(results, targets=(replace(target, learnt={"ridge": seeing, "small forest": unmeasured}),))
    details = table.paid(altered)
    assert [cells[-2:] for cells in details.cells] == [("5000", "300"), ("≥ 2000", NONE)]
    queried = cost.exhibit(altered, "query").frame.groupby("series")["x"].min()
    assert 5000 < queried["ridge"] < 5100
    (beside,) = [text for text in methods(altered) if text.startswith("Covariates.")]
    assert "ridge reads zc_a, zc_b (0.005 s for each candidate of graph-cora) and the first 3 of 10 epochs" in beside
    assert "0.3 of a full training for each candidate" in beside
    assert beside.endswith("Searches give a learner genes alone, so that these guide none.")
    assert "small forest reads zc_a, zc_c (0.002 s for each candidate of graph-cora, without what nobody" in beside
    assert not any(text.startswith("Covariates.") for text in methods(results))


def learnt(taus, seconds=0.0, count=100):
    taus = np.asarray(taus, dtype=float)[:, None, None]
    zero = np.zeros(taus.shape[:2])
    counts = np.full(taus.shape, count)
    return Learnt({"kendall": taus}, counts, {}, zero + seconds, zero, zero[..., None])


def test_what_is_undefined_counts_as_nothing_and_what_was_refused_is_missing():
    taus = learnt([0.5, np.nan]).taus(0)
    assert interval(taus) == pytest.approx((0.25, 0.25 - 3.1765, 0.25 + 3.1765), abs=1e-3)
    assert np.isnan(learnt([np.nan, np.nan], np.nan).tau(0))
    assert np.isnan(learnt([np.nan, np.nan], count=FEWEST_TESTED - 1).tau(0)), "nobody was tested"


def test_a_tau_is_written_with_its_interval_where_there_is_one():
    assert table._tau(0.5, 0.0, 1) == ".50"
    assert table._tau(0.5, 10.05, 2) == ".50 ± 10.05"
    assert table._tau(-0.05, 0.1, 3) == f"{MINUS}.05 ± .10"


def test_learners_whose_searches_end_alike_are_named_alike_and_correlate_with_nothing(folder):
    results = read_evaluated(folder, registry.oracle)
    (target,) = results.targets
    alike = {name: replace(one, search=np.ones((3, 24))) for name, one in target.learnt.items()}
    altered = replace(results, targets=(replace(target, learnt={**alike, "third": alike["ridge"]}),))
    assert "those that ridge, small forest, third guide end at the least mean regret, 1 " in headline(altered)[0]
    shown = replace(altered, targets=(replace(target, learnt=alike),))
    caption = loop.exhibit(shown).meta["caption"]
    assert np.isnan(loop.agreement(altered.targets[0], 0))
    assert "Spearman" not in caption
    assert "nan" not in caption


def test_the_page_of_a_small_table_leaves_out_what_has_no_scores(tmp_path):
    """Twelve architectures, of which six are learnt from: no best tenth, and no ten of which to choose."""
    space = named.space("nb201")
    _, first = np.unique(space.key(archs := space.sample(60, np.random.default_rng(0))), return_index=True)
    archs = archs[np.sort(first)][:12]
    values = {name: np.linspace(50.0, 60.0, 12)[:, None] for name in ("valid_accuracy", "test_accuracy")}
    values |= {"train_seconds": np.ones((12, 1)), "params": np.ones(12), "macs": np.ones(12)}
    registry.write_table(tmp_path / "few.h5", name="few", space="nb201", epochs=3, archs=archs, values=values, about={})
    given = from_dict({"name": "few", "benchmarks": [str(tmp_path / "few.h5")], "replicates": 2,
                       "prediction": {"sizes": [2, 6]}, "learners": [{"name": "ridge"}, {"name": "knn"}]})  # fmt: skip
    assert execute(prepare(given), tmp_path / "results").failed == ()
    results = read_evaluated(tmp_path / "results", registry.oracle)
    assert [target.name for target in results.targets] == ["few"], "by the name in the table, not its path"
    (section,) = sections(results)
    assert "tau-best-tenth" not in [exhibit.name for exhibit in section.figures]
    order, choice, _ = (item.frame for item in section.tables[1:4])
    assert order["kendall_best_tenth"].isna().all()
    assert order["kendall_random"].notna().all()
    assert choice[["precision_at_10", "regret_10", "regret_50"]].isna().all(axis=None)
    assert choice["regret_1"].notna().all()


def test_the_winner_and_those_not_shown_to_be_worse():
    rng = np.random.default_rng(0)
    base = rng.normal(0.7, 0.01, 20)
    group = {"good": learnt(base), "equal": learnt(rng.permutation(base) - 1e-4), "worse": learnt(base - 0.05)}
    target = Target("t", None, "valid_accuracy", "", group, np.nan, {})
    assert best(target, list(group), 0) == Best("good", ["equal"], "")


def test_few_trials_are_not_tested_and_say_how_many_are_needed():
    group = {"good": learnt([0.7, 0.8, 0.9]), "bad": learnt([0.1, 0.2, 0.3]), "refused": learnt([np.nan] * 3, np.nan)}
    found = best(Target("t", None, "valid_accuracy", "", group, np.nan, {}), list(group), 0)
    assert (found.winner, found.tied) == ("good", [])
    assert untested_words([found]) == (
        " Not tested everywhere: 3 trials reach p = 0.25 at best, and Holm's correction for 1 comparison asks for"
        " 0.05/1; 6 trials are needed."
    )
    assert best(Target("t", None, "valid_accuracy", "", group, np.nan, {}), ["refused"], 0) is None


def test_the_ceiling_is_that_of_one_training_and_the_mean_of_the_others():
    """Two trainings that agree have 1; three of which one is reversed, the mean of its agreements."""
    archs = np.arange(40)[:, None]
    up = np.arange(40.0)

    def oracle(*runs):
        space = SimpleNamespace(key=lambda rows: rows[:, 0])
        values = np.stack(runs, axis=1)
        return SimpleNamespace(
            archs=archs, space=space, columns={"c": None}, trainings=lambda rows, column: values[rows[:, 0]]
        )

    assert ceiling(oracle(up, 2 * up), "c") == pytest.approx(1.0)
    assert ceiling(oracle(up), "c") != ceiling(oracle(up), "c")
    # the reversed one weighs little beside the tripled one: +1, +1 and -1
    assert ceiling(oracle(up, 3 * up, -0.5 * up), "c") == pytest.approx(1 / 3)
