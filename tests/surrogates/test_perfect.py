"""The learner that is always right: what it says, the ceiling that follows, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, StrategyError
from harness.experiments.building import make_learner
from harness.experiments.prediction import PredictionSpec
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.guard import refuse, running
from harness.problem import Budget, Constraint
from harness.surrogate import Fit, Predict, serve
from strategies.predictor_guided.npenas import NPENASNP
from surrogates.evaluation.kind import Evaluation

TABLE, SETTINGS = "nb201-cifar10", {"name": "perfect"}


def told(**settings):
    learner = make_learner(NPENASNP, SETTINGS | settings, registry.benchmark(TABLE), "cpu")
    assert learner is not None
    return learner


def runs_of(name, table=TABLE, replicates=20, evaluations=60, hyperparameters=None, **changes):
    item = StrategySpec(name, name, hyperparameters or {}, SETTINGS)
    budget = Budget(evaluations=evaluations, table_seed="mean")
    spec = Spec("perfect", (table,), (item,), budget, replicates=replicates, **changes)
    benchmark = registry.benchmark(table, constraints=spec.constraints, objectives=spec.objectives)
    return [run for shard in resolve(spec, item, benchmark, "cpu") for run in run_shard(shard)]


def test_it_says_the_means_of_the_table_whatever_it_was_told():
    oracle, rng = registry.oracle(TABLE), np.random.default_rng(0)
    archs, pool = (oracle.space.sample(count, rng) for count in (10, 300))
    noisy = 100 - oracle.trainings(archs, oracle.validation)[:, 0]
    said = told().fit(archs, noisy, rng).predict(pool)
    np.testing.assert_allclose(said.mean, 100 - oracle.mean(pool, oracle.validation), rtol=1e-6)
    assert not said.std.any()


def test_it_answers_inside_the_guard_and_opens_nothing_for_others():
    learner = told()
    archs = learner.space.sample(5, np.random.default_rng(0))
    with running("the strategy Mine"):
        (model,) = serve([Fit(learner, archs, np.full(5, 10.0), np.random.default_rng(0))])
        assert len(serve([Predict(model, archs)])[0].mean) == 5
        with pytest.raises(StrategyError):
            refuse(TABLE)


@pytest.mark.parametrize(("table", "within"), [("nb201-cifar10", 40), ("nb201-cifar100", 40), ("nb201-imagenet16", 60)])
def test_with_it_npenas_holds_the_optimum_as_early_as_is_known(table, within):
    """After 40, 40 and 60 evaluations in the median of 200 runs of a program of its own; whole batches of ten."""
    oracle = registry.oracle(table)
    best = oracle.optimum(oracle.validation).value
    found = [oracle.mean(run.trace.archs, oracle.validation) >= best - 1e-9 for run in runs_of("npenas_np", table)]
    batches = [10 * (int(rows.argmax()) // 10 + 1) if rows.any() else 1000 for rows in found]
    assert 20 < np.median(batches) <= within


def test_no_strategy_of_the_whole_space_needs_more_than_one_model():
    oracle = registry.oracle(TABLE)
    best = oracle.optimum(oracle.validation).value
    for name, first in (("bonas", 21), ("arch2vec_bo", 17), ("brp_nas", 21)):
        for run in runs_of(name, replicates=2, evaluations=30):
            assert oracle.mean(run.trace.archs[first - 1 : first], oracle.validation)[0] == pytest.approx(best)


@pytest.mark.parametrize("setting", [{"targets": "log_error"}, {"calibrated": "conformal"}])
def test_settings_of_learners_are_refused(setting):
    with pytest.raises(HarnessError, match="left out with Perfect, which learns nothing"):
        told(**setting)


def test_it_is_refused_where_nobody_tells_it():
    space = registry.benchmark(TABLE).space
    alone = registry.surrogate(SETTINGS, space)
    with pytest.raises(HarnessError, match="knows nothing by itself"):
        alone.fit(space.sample(3, np.random.default_rng(0)), np.ones(3), np.random.default_rng(0))
    with pytest.raises(HarnessError, match="leave out what is told"):
        registry.surrogate({"name": "stacking", "learners": ["ridge", "perfect"]}, space)
    judged = Spec("p", (TABLE,), (StrategySpec("perfect"),), Budget(evaluations=1), prediction=PredictionSpec((10,)))
    with pytest.raises(HarnessError, match="'perfect' is told what it would have to predict"):
        Evaluation().check(judged)


def test_targets_that_are_not_the_objective_are_refused():
    with pytest.raises(HarnessError, match=r"set `target = .identity.` of the strategy"):
        runs_of("npenas_np", replicates=1, hyperparameters={"target": "log"})
    with pytest.raises(HarnessError, match="1 of 2 columns"):
        runs_of("parego", replicates=1, objectives=("valid_accuracy", "params_m"))
    with pytest.raises(HarnessError, match="be the objectives as they are"):
        runs_of("bore", replicates=1)


def test_constraints_that_would_be_learnt_are_refused_before_anything_is_run():
    with pytest.raises(HarnessError, match="closed form"):
        runs_of("npenas_np", replicates=1, constraints=(Constraint("latency_seconds", "<=", 0.0148),))
    for run in runs_of("weaknas", replicates=1, constraints=(Constraint("params_m", "<=", 0.1),)):
        assert (run.trace.constraints <= 0).all()
