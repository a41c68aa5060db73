"""The evaluation of learners: its sets, known answers, digests, and that blocks and resuming change nothing."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, SpecError
from harness.experiments.execute import execute
from harness.experiments.kind import Output, kind_of
from harness.experiments.manifest import read_manifest
from harness.experiments.prediction import BEGUN_AT_RANDOM, PredictionSpec
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.store import read_units
from harness.problem import Budget
from harness.search.loop import make_problem, run_block
from harness.seeding import generator, noise_seed
from surrogates.evaluation.kind import Evaluation
from surrogates.evaluation.scores import BINS, NAMES, TOPS
from surrogates.evaluation.searching import STRATEGY
from surrogates.evaluation.sets import PARENTS, Pool, Trial, answers
from surrogates.linear.ridge import Ridge

DATA = {
    "name": "learners",
    "benchmarks": ["micro-mnist1d"],
    "replicates": 4,
    "replicates_per_shard": 4,
    "prediction": {"sizes": [20, 60], "test_size": 300},
    "learners": [{"name": "ridge"}],
}


def spec(**changes):
    return from_dict({**DATA, **changes})


def results(given, folder):
    outcome = execute(prepare(given), folder)
    assert not outcome.failed
    found = {}
    for entry, (unit, output) in read_units(folder, read_manifest(folder), kind_of("prediction")):
        found.setdefault((entry.label, unit.objective), []).append((unit, output))
    return found, outcome


@pytest.fixture(scope="module")
def benchmark():
    return registry.benchmark("micro-mnist1d")


@pytest.fixture(scope="module")
def pool(benchmark):
    return Pool.of(benchmark, np.random.default_rng(0))


def test_the_pool_has_one_architecture_of_each_function(benchmark, pool):
    assert len(pool) == 4930 == len(set(benchmark.space.key(pool.archs).tolist()))
    assert np.isfinite(pool.truth).all()


def test_sets_share_no_architecture_and_larger_ones_hold_the_smaller(benchmark, pool):
    trial = Trial.of(pool, benchmark, 60, np.uint64(7), np.random.default_rng(1))
    small, large = (trial.tests(pool, benchmark.space, n, 200, np.random.default_rng(2)) for n in (20, 60))
    for sets in (small, large):
        for rows in sets.values():
            assert not set(rows.tolist()) & set(trial.order.tolist())
            assert len(rows) <= 200
    assert small["random"].tolist() == large["random"].tolist()
    assert small["best_tenth"].tolist() == large["best_tenth"].tolist()
    tenth = np.sort(pool.truth)[: len(pool) // 10 + 1].max()
    assert (pool.truth[large["best_tenth"]] <= tenth).all()
    parents = trial.order[np.argsort(trial.labels, kind="stable")[:PARENTS]]
    edits = {
        key for row in parents for key in benchmark.space.key(benchmark.space.neighbours(pool.archs[row])).tolist()
    }
    assert set(pool.keys[large["neighbourhood"]].tolist()) <= edits


def test_labels_are_single_trainings_and_tests_means(benchmark, pool):
    one, other = (Trial.of(pool, benchmark, 60, np.uint64(seed), np.random.default_rng(1)) for seed in (7, 8))
    assert one.order.tolist() == other.order.tolist()
    assert (one.labels != other.labels).mean() > 0.4
    assert (one.labels != pool.truth[one.order]).mean() > 0.9


def test_what_is_linear_is_learnt_exactly(tmp_path):
    """Parameters are linear in the operations: ridge regression orders them and finds the least.

    Nearly: few codings of the pool have no operation on the first or the last edge, and one that nobody has is not
    learnt.
    """
    found, _ = results(
        spec(
            benchmarks=["nb201-cifar10"],
            objectives=["params_m"],
            prediction={"sizes": [20, 1500], "test_size": 300},
            learners=[{"name": "ridge", "penalty": 1e-6}],
        ),
        tmp_path,
    )
    ((_, output),) = found["ridge", "params_m"]
    names = json.loads(output.texts["names"])["scores"]
    at_1500 = dict(zip(names, output.columns["scores"][:, 1, 0].T, strict=True))
    np.testing.assert_allclose(at_1500["pearson"], 1.0, atol=1e-9)
    assert (at_1500["spearman"] > 0.99).all(), "1 but for ties, which rounding breaks"
    np.testing.assert_allclose(output.columns["regrets"][:, 1], 0.0, atol=1e-9)
    assert (at_1500["rmse"] < 1e-6).all()


def test_blocks_change_no_score_and_results_are_found_again(tmp_path):
    whole, _ = results(spec(), tmp_path / "whole")
    parts, first = results(spec(replicates_per_shard=2), tmp_path / "parts")
    ((_, one),) = whole["ridge", "valid_accuracy"]
    for name in ("scores", "regrets", "counts", "histograms"):
        joined = np.concatenate([output.columns[name] for _, output in parts["ridge", "valid_accuracy"]])
        np.testing.assert_array_equal(joined, one.columns[name])
    _, again = results(spec(replicates_per_shard=2), tmp_path / "parts")
    assert (first.computed, first.reused, again.computed, again.reused) == (2, 0, 0, 2)


def test_the_searches_of_all_learners_begin_alike_and_end_with_the_regret_of_the_incumbent(benchmark, pool):
    given = spec(replicates=2, prediction={"sizes": [20], "test_size": 50, "search": 30},
                 learners=[{"name": "ridge"}, {"name": "knn"}])  # fmt: skip
    told = []
    one, other = (unit for _, unit in prepare(given).shards.values())
    ridge = kind_of("prediction").run(one, told.append).columns["search"]
    knn = kind_of("prediction").run(other).columns["search"]
    assert ridge.shape == knn.shape == (2, 30)
    np.testing.assert_array_equal(ridge[:, :10], knn[:, :10])
    assert (ridge[:, 10:] != knn[:, 10:]).any()
    assert (ridge >= 0).all()
    learner = registry.surrogate({"name": "ridge"}, benchmark.space)
    runs = []
    for trial in range(2):
        rng = generator(0, "search", "micro-mnist1d", trial)
        problem = make_problem(benchmark, Budget(evaluations=30))
        strategy = registry.build_strategy(registry.strategy(STRATEGY), problem, rng, {}, learner)
        seeds = np.array([noise_seed(0, "micro-mnist1d", trial)])
        runs += run_block(benchmark, problem, [strategy], seeds)
    for run, regrets in zip(runs, ridge, strict=True):
        best = int(np.argmin(run.trace.objectives[:, 0]))
        mean = answers(benchmark, run.trace.archs[[best]], None)[0]
        assert regrets[-1] == pytest.approx(mean - pool.truth.min())
    assert told == sorted(told)
    assert told[-1] == 2 * 20, "all of what progress counts: the largest training set of each trial"


def test_a_size_that_a_learner_refuses_is_told_and_the_others_are_kept(monkeypatch):
    given = spec(replicates=2, prediction={"sizes": [20, 60], "test_size": 50, "search": 15})
    unit = next(iter(prepare(given).shards.values()))[1]
    plain = kind_of("prediction").run(unit)
    fit = Ridge.fit

    def fussy(self, archs, targets, rng, covariates=None):
        if len(archs) < 30:
            raise HarnessError(f"`targets` must have at least 30 rows, got {len(archs)}")
        return fit(self, archs, targets, rng, covariates)

    monkeypatch.setattr(Ridge, "fit", fussy)
    output = kind_of("prediction").run(unit)
    reason = "`targets` must have at least 30 rows, got "
    assert json.loads(output.texts["reasons"]) == {"20": f"{reason}20", "search": f"{reason}10"}
    for name in ("scores", "regrets", "histograms"):
        assert np.isnan(output.columns[name][:, 0]).all()
        np.testing.assert_array_equal(output.columns[name][:, 1], plain.columns[name][:, 1])
    assert np.isnan(output.columns["seconds"][:, 0]).all()
    assert np.isnan(output.columns["search"]).all()


def test_searches_begin_at_random_as_long_as_a_spec_is_told():
    assert registry.keywords(registry.strategy(STRATEGY))["initial"] == BEGUN_AT_RANDOM


def test_a_trial_of_which_too_many_trainings_failed_is_refused_and_not_made_smaller(benchmark, pool, monkeypatch):
    labels = np.full(len(pool), np.nan)
    labels[:50] = 1.0
    monkeypatch.setattr("surrogates.evaluation.sets.answers", lambda *given: labels)
    with pytest.raises(HarnessError, match=r"`prediction.sizes` must be at most 50 on 'micro-mnist1d'"):
        Trial.of(pool, benchmark, 51, np.uint64(7), np.random.default_rng(1))
    assert len(Trial.of(pool, benchmark, 50, np.uint64(7), np.random.default_rng(1)).labels) == 50


def test_what_a_process_does_once_is_no_cost_of_a_fit(monkeypatch):
    given = spec(replicates=1, prediction={"sizes": [20], "test_size": 50})
    unit, fit, done = next(iter(prepare(given).shards.values()))[1], Ridge.fit, []

    def slow_at_first(self, *given):
        end = time.process_time() + (0.0 if done else 0.2)
        while time.process_time() < end:
            done.append(True)
        return fit(self, *given)

    monkeypatch.setattr(Ridge, "fit", slow_at_first)
    assert kind_of("prediction").run(unit).columns["seconds"][0, 0, 0] < 0.1
    assert done


def test_latency_is_a_target_as_any_other(tmp_path):
    given = spec(benchmarks=["nb201-cifar10"], objectives=["latency_seconds"], replicates=1,
                 prediction={"sizes": [100], "test_size": 100})  # fmt: skip
    found, _ = results(given, tmp_path)
    ((_, output),) = found["ridge", "latency_seconds"]
    assert output.columns["scores"][0, 0, 0, 0] > 0.6, "latency adds up over operations, nearly"


def test_the_digest_covers_settings_and_not_labels():
    def digest(**changes):
        return next(iter(prepare(spec(**changes)).shards))

    first = digest()
    assert digest(learners=[{"name": "ridge", "label": "linear"}]) == first
    different = [
        {"learners": [{"name": "ridge", "penalty": 2.0}]},
        {"prediction": {"sizes": [20, 50], "test_size": 300}},
        {"prediction": {"sizes": [20, 60], "test_size": 301}},
        {"seed": 1},
        {"prediction": {"sizes": [20, 60], "test_size": 300, "search": 30}},
    ]
    assert len({first, *(digest(**changes) for changes in different)}) == 6


def test_every_objective_is_a_target_of_its_own(tmp_path):
    given = spec(objectives=["valid_accuracy", "params_m"], replicates=1, prediction={"sizes": [20], "test_size": 50})
    found, _ = results(given, tmp_path)
    assert set(found) == {("ridge", "valid_accuracy"), ("ridge", "params_m")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategies": [{"name": "random_search"}]}, "`learners` must be given without `strategies`"),
        ({"learners": [{"name": "rigde"}]}, r"`learners\[0\]`: .*ridge"),
        ({"learners": [{"name": "ridge", "penalti": 1}]}, r"`learners\[0\]`: .*penalty"),
        ({"prediction": {"sizes": [50, 20]}}, "`prediction.sizes` must name at least one size, ascending"),
        (
            {"prediction": {"sizes": [3000]}},
            r"`prediction.sizes`: .*4,930 different functions.*2,465, got 3,000.*\[616, 1232, 2465\]",
        ),
        ({"prediction": {"search": 10}}, "`prediction.search` must be 0, or more than the 10 evaluations at random"),
        ({"prediction": {"tests": ["easy"]}}, "`prediction.tests` must be one of"),
        ({"learners": [{"name": "ridge"}, {"name": "ridge", "label": "b"}]}, r"`learners\[1\]`: 'b' is the same run"),
        (
            {"learners": [{"name": "curve_value"}]},
            r"`learners\[0\]`: CurveValue reads learning curves: say how many epochs",
        ),
        ({"constraints": ["params_m <= 1"]}, "`constraints`: learners are evaluated without"),
        ({"n_workers": 2}, "`n_workers`: learners are evaluated without"),
        ({"report_on": ["nb201-cifar10"]}, "`report_on`: learners are evaluated without"),
        ({"budget": {"evaluations": 50}}, "`budget` must hold table_seed and duplicates alone with"),
        ({"prediction": {"size": [20]}}, "unknown key 'prediction.size'"),
        ({"prediction": {"sizes": [-5]}}, "`prediction.sizes` must be at least 2, got -5"),
        ({"prediction": {"sizes": [10**30]}}, "`prediction.sizes` must be at most 10000"),
        ({"learners": []}, r"`learners` must be tables, \[\[learners\]\], at least one"),
        ({"learners": ["ridge"]}, r"`learners` must be tables, \[\[learners\]\], at least one"),
        ({"learners": [{"label": "a"}]}, r"`learners\[0\]` must have a `name`"),
        ({"learners": [{"name": "ridge", "label": "a\nb"}]}, r"`learners\[0\]`: `label` must be one line"),
        ({"learners": [{"name": "ridge", "label": 3}]}, r"`learners\[0\].label` must be a valid string"),
        ({"learners": [{"name": "mlp_ensemble", "device": "cuda"}]}, r"`learners\[0\]`: `device` must be left out"),
        (
            {"learners": [{"name": "stacking", "learners": ["curve_ridge"]}]},
            r"`learners\[0\]`: `learners` must leave out what reads curves",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        prepare(spec(**changes))


def test_logarithms_are_refused_where_results_have_none(monkeypatch):
    monkeypatch.setattr("surrogates.evaluation.sets.answers", lambda benchmark, archs, seed: -np.ones(len(archs)))
    with pytest.raises(
        SpecError, match=r"`learners\[1\]`: `targets` must be another on 'micro-mnist1d': valid_accuracy"
    ):
        prepare(spec(learners=[{"name": "ridge"}, {"name": "ridge", "label": "log", "targets": "log_error"}]))


def test_settings_of_learners_are_not_left_unread_in_a_spec_of_searches():
    search = {"strategies": [{"name": "random_search"}], "budget": {"evaluations": 5}}
    with pytest.raises(SpecError, match=r"`prediction` must be given with \[\[learners\]\]"):
        from_dict({key: value for key, value in DATA.items() if key != "learners"} | search)


def test_which_training_answers_may_be_said():
    given = spec(budget={"table_seed": "mean"})
    assert (given.budget.table_seed, given.budget.evaluations) == ("mean", 60)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_learner_whose_package_is_not_here_says_what_installs_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SpecError, match=rf"`learners\[0\]`: .* needs {name}: pip install 'nas-harness\[boosting\]'"):
        prepare(spec(learners=[{"name": name}]))


def test_a_table_of_settings_is_needed():
    bare = replace(spec(), prediction=None)
    with pytest.raises(SpecError, match=r"needs the table \[prediction\]"):
        prepare(bare)
    assert spec(prediction={}).prediction == PredictionSpec()


def test_columns_that_are_none_of_an_evaluation_are_told():
    names = {"scores": list(NAMES), "tops": list(TOPS)}
    columns = {
        "scores": np.zeros((2, 1, 1, len(NAMES))),
        "regrets": np.zeros((2, 1, len(TOPS))),
        "seconds": np.zeros((2, 1, 2)),
        "histograms": np.zeros((2, 1, BINS)),
        "counts": np.zeros((2, 1, 1), dtype=np.int64),
    }
    unit = SimpleNamespace(first=0, stop=2, settings=SimpleNamespace(sizes=(5,), tests=("random",), search=0))
    texts = {"names": json.dumps(names), "reasons": "{}"}
    Evaluation().check_output(unit, Output(columns, texts))
    for changed, told, why in (
        ({"histograms": np.zeros((2, 1, BINS + 1))}, {}, "`column histograms` must hold floats of shape"),
        ({"counts": np.zeros((2, 1, 1))}, {}, "`column counts` must hold integers"),
        ({}, {"names": json.dumps(names | {"tops": []})}, "`names` must list the tops"),
        ({}, {"reasons": "[]"}, "`reasons` must be texts by name"),
    ):
        with pytest.raises(HarnessError, match=why):
            Evaluation().check_output(unit, Output(columns | changed, texts | told))
