"""The audit of a surrogate benchmark: numbers of known answer, and a page."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.predicted.fitted import file, fit
from benchmarks_data.predicted.fitted.sample import sample_of
from harness import api, registry
from harness.errors import HarnessError, ResultError
from harness.experiments.spec import StrategySpec
from reports.figures.exhibit import Exhibit
from reports.judged import numbers, report, searches
from reports.judged.report import judge
from reports.sections.sample import families, section
from reports.study.study import prepare
from reports.study.wording import answers


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    where = tmp_path_factory.mktemp("judged") / "micro.h5"
    sample = sample_of(provider.told("micro-mnist1d"), 200, 0)
    file.write(where, fit.fit(sample, {"name": "random_forest", "trees": 5}, name="micro"))
    return where


def test_a_predictor_of_the_true_means_reaches_the_ceilings():
    rng = np.random.default_rng(0)
    true, spread, runs = np.linspace(80, 90, 800), np.full(800, 0.5), np.full(800, 2)
    seen = true + rng.normal(size=800) * 0.5 / np.sqrt(2)
    found = numbers.agreement(true, seen, runs, spread, maximise=True)
    assert found.tau == pytest.approx(found.tau_ceiling, abs=0.01)
    assert found.top_tau == pytest.approx(found.top_ceiling, abs=0.1)
    assert found.r2 == pytest.approx(found.r2_ceiling, abs=0.01)
    assert found.rmse == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert found.worst == pytest.approx(2.576 * 0.5 / np.sqrt(2), rel=0.15)
    worse = numbers.agreement(true + rng.normal(size=800), seen, runs, spread, maximise=True)
    assert worse.tau < found.tau
    assert worse.r2 < found.r2


def test_the_best_tenth_is_that_of_the_direction():
    observed = np.arange(100.0)
    predicted = np.where(observed < 50, observed, 200 - observed)  # right below, wrong above
    given = (predicted, observed, np.full(100, 1), np.full(100, 1e-9))
    assert numbers.agreement(*given, maximise=False).top_tau == pytest.approx(1)
    assert numbers.agreement(*given, maximise=True).top_tau == pytest.approx(-1)


def test_one_of_each_class_is_judged():
    assert numbers.first_of_classes(np.array([3, 3, 1, 3, 1])).tolist() == [True, False, True, False, False]


def test_orders_agree_with_themselves(surrogate):
    study = prepare(api.run(["random_search", "local_search", "tpe"], [str(surrogate)], evaluations=12, replicates=4))
    with pytest.raises(HarnessError, match="two benchmarks"):
        searches.ranked(study)
    twice = type(study)(study.results, study.aligned * 2, study.resampler, study.references)
    rows = searches.ranked(twice)
    assert [row.budget for row in rows] == [2, 6, 12]
    assert all(row.largest == 0 for row in rows)


def test_who_learns_with_the_family_that_answers_is_named(surrogate):
    names = ["random_search", "smac", "local_search"]
    study = prepare(api.run(names, [str(surrogate)], evaluations=12, replicates=2))
    part = section(study)
    assert part is not None
    assert any("smac learns with a model of the family that answers (trees)" in said for said in part.sentences)
    assert part.tables[0].frame["asked"].between(0, 1).all()
    assert section(prepare(api.run("random_search", "micro-mnist1d", evaluations=5, replicates=2))) is None
    given = StrategySpec("npenas_np", "n", {"inner": {"name": "x"}}, {"name": "xgboost"})
    assert families(given) == {"boosting"}
    assert families(StrategySpec("random_search", "r")) == set()


def test_the_numbers_of_the_page_are_those_of_the_evidence(surrogate):
    study = prepare(api.run("random_search", str(surrogate), evaluations=5, replicates=2))
    assert "its prediction and noise, drawn for each architecture and replicate" in answers(study)
    oracle, about = registry.oracle(str(surrogate)), registry.describe_benchmark(str(surrogate))
    part = report._section(study, oracle, about, registry.oracle("micro-mnist1d"))
    rows = part.tables[0].frame.set_index("judged")
    kept = np.isfinite(oracle.evidence["predicted"])
    errors = (oracle.evidence["predicted"] - oracle.evidence["observed"])[kept]
    assert rows.loc["out of fold", "rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert rows.loc["rest of the table", "n"] == 4730
    assert len(part.figures[0].frame) == kept.sum() + round(0.1 * kept.sum())


@pytest.mark.slow
def test_the_page_says_how_well_it_stands_for_the_table(surrogate, tmp_path):
    page = judge(surrogate, tmp_path / "audit", strategies=("random_search", "smac"), evaluations=12, replicates=2)
    text = page.read_text()
    assert "<h1>micro</h1>" in text
    for words in ("out of fold", "rest of the table", "Orders of strategies", "noise is drawn", "is possible, tau"):
        assert words in text
    found = Exhibit.read(page.parent / "figures", "held-out")
    assert set(found.panels) == {"all", "the best tenth"}
    judge(surrogate, tmp_path / "audit", strategies=("random_search",), evaluations=12, replicates=2)  # written over


def test_what_is_no_fitted_surrogate_is_refused(surrogate, tmp_path):
    with pytest.raises(HarnessError, match="no surrogate benchmark that was fitted here"):
        judge("micro-mnist1d", tmp_path / "audit")
    with pytest.raises(ResultError, match="is not the table that it was fitted to"):
        judge(surrogate, tmp_path / "audit", table="nb201-cifar10")


@pytest.mark.slow
def test_a_surrogate_of_a_whole_table_keeps_the_order_of_ten_strategies(tmp_path):
    where = tmp_path / "whole.h5"
    settings = {"name": "mlp_ensemble"}
    file.write(where, fit.fit(sample_of(provider.told("nb201-cifar10"), None, 0), settings, name="whole"))
    rows = searches.ranked(searches.searched(str(where), "nb201-cifar10"))
    for row in rows:
        assert row.tau >= min(0.8, row.halves)
    truth, oracle = registry.oracle("nb201-cifar10"), registry.oracle(str(where))
    best = oracle.optimum("valid_accuracy").arch
    assert truth.optimum("valid_accuracy").value - truth.mean(best[None], "valid_accuracy")[0] < 0.3
