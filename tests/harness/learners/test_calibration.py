"""Calibration of standard deviations, and acquisitions that need one."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.shards import resolve
from harness.experiments.spec import Spec, StrategySpec
from harness.learners.calibration import Calibrated
from harness.learners.folds import grouped_folds
from harness.learners.transformed import TransformedTargets
from harness.problem import Budget
from harness.search.loop import make_problem, run_block
from harness.spaces import named
from harness.surrogate import Fit, Predict, Prediction, Surrogate, serve
from harness.testing.conformance import check_surrogate
from harness.testing.toy import ToyBenchmark
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.linear.kernel import KernelClassifier
from surrogates.linear.ridge import Ridge
from surrogates.metrics import coverage
from surrogates.neural.ensemble import MLPEnsemble
from surrogates.trees.forest import RandomForest
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def noisy(n, seed=0, noise=1.0):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + noise * rng(seed + 1).standard_normal(n)


class Quick(Surrogate):
    """Ridge regression by a linear-algebra library; its standard deviations are `share` of what they should be."""

    def __init__(self, space, share=1.0):
        super().__init__(space, encoding="one_hot", share=share)

    def fit(self, archs, targets, rng, covariates=None):
        x = self._inputs(archs, covariates)
        model = copy.copy(self)
        model.inverse = np.linalg.inv(x.T @ x + 0.1 * np.eye(x.shape[1]))
        model.weights = model.inverse @ x.T @ targets
        model.noise = np.sum((targets - x @ model.weights) ** 2, axis=0) / max(len(x) - 16, 1)
        return model

    def predict(self, archs, covariates=None):
        x = self._inputs(archs, covariates)
        leverage = 1 + np.einsum("qi,ij,qj->q", x, self.inverse, x)
        mean = x @ self.weights
        std = self.hyperparameters["share"] * np.sqrt(np.multiply.outer(leverage, self.noise))
        return Prediction(mean, std, np.stack([mean - std, mean + std]))

    def _inputs(self, archs, covariates):
        further = np.empty((len(archs), 0)) if covariates is None else covariates
        return np.column_stack([np.ones(len(archs)), SPACE.one_hot(archs), further])


class Mean(Quick):
    """The same without standard deviations."""

    has_std = False

    def predict(self, archs, covariates=None):
        mean = super().predict(archs, covariates).mean
        return Prediction(mean, np.zeros_like(mean))


@pytest.mark.parametrize(
    "learner",
    [
        Calibrated(Quick(SPACE, share=0.25), calibrated="spread"),
        Calibrated(Mean(SPACE), calibrated="conformal"),
        Calibrated(TransformedTargets(Mean(SPACE), targets="log_error"), calibrated="conformal"),
    ],
)
def test_nine_of_ten_new_results_are_in_the_interval(learner):
    tasks = [Fit(learner, *noisy(80, 2 * seed), rng(seed)) for seed in range(100)]
    models, inside = serve(tasks), []
    said = serve([Predict(model, SPACE.sample(200, rng(10_000 + 2 * seed))) for seed, model in enumerate(models)])
    for seed, one in enumerate(said):
        _, results = noisy(200, 10_000 + 2 * seed)
        inside.append(coverage(one.mean, one.std, results, [0.9])[0])
    assert abs(np.mean(inside) - 0.9) < 0.02


def test_what_is_too_sure_is_not_calibrated_by_itself():
    model = Quick(SPACE, share=0.25).fit(*noisy(80), rng())
    archs, results = noisy(2000, 50)
    said = model.predict(archs)
    assert coverage(said.mean, said.std, results, [0.9])[0] < 0.5


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_the_factor_undoes_a_wrong_scale(share):
    archs, targets = noisy(80)
    right = Calibrated(Quick(SPACE), calibrated="spread").fit(archs, targets, rng()).predict(archs)
    off = Calibrated(Quick(SPACE, share), calibrated="spread").fit(archs, targets, rng()).predict(archs)
    np.testing.assert_allclose(off.std, right.std)
    np.testing.assert_allclose(off.members.std(axis=0), right.std)
    np.testing.assert_allclose(off.members.mean(axis=0), right.mean)


def test_the_factor_and_the_quantile_are_those_of_out_of_fold_errors():
    archs, targets = noisy(40)
    part = grouped_folds(SPACE, archs, rng(3))
    mean, std = np.empty(40), np.empty(40)
    for fold in range(5):
        said = Ridge(SPACE).fit(archs[part != fold], targets[part != fold], rng()).predict(archs[part == fold])
        mean[part == fold], std[part == fold] = said.mean, said.std
    plain = Ridge(SPACE).fit(archs, targets, rng()).predict(archs)
    spread = Calibrated(Ridge(SPACE), calibrated="spread").fit(archs, targets, rng(3)).predict(archs)
    np.testing.assert_allclose(spread.std, plain.std * np.sqrt(np.mean(((targets - mean) / std) ** 2)))
    conformal = Calibrated(Ridge(SPACE), calibrated="conformal").fit(archs, targets, rng(3)).predict(archs)
    np.testing.assert_allclose(conformal.std, np.sort(np.abs(targets - mean))[36] / 1.6448536)  # ceil(0.9 * 41) = 37


@pytest.mark.parametrize("calibrated", ["spread", "conformal"])
def test_the_mean_is_what_it_is_without_calibration(calibrated):
    archs, targets = noisy(30)
    for learner in (RandomForest(SPACE, trees=6), GaussianProcess(SPACE)):
        plain, other = rng(5), rng(5)
        model = Calibrated(learner, calibrated=calibrated).fit(archs, targets, other)
        expected = learner.fit(archs, targets, plain).predict(archs)
        np.testing.assert_array_equal(model.predict(archs).mean, expected.mean)
        assert plain.bit_generator.state == other.bit_generator.state


def test_twins_are_never_in_two_folds():
    space = named.space("nb201")
    archs = space.sample(300, rng())
    twins = np.concatenate([archs, archs[rng(1).permutation(300)]])
    part = grouped_folds(space, twins, rng(2))
    classes = space.key(twins)
    assert all(len(set(part[classes == one])) == 1 for one in np.unique(classes))
    sizes = [len(np.unique(classes[part == fold])) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 1
    assert set(grouped_folds(space, archs[:3], rng())) == {0, 1, 2}


@pytest.mark.parametrize("calibrated", ["spread", "conformal"])
def test_the_settings_keep_the_rules_of_learners(calibrated):
    for learner in (Ridge(SPACE), GaussianProcess(SPACE), RandomForest(SPACE, trees=8)):
        assert len(check_surrogate(Calibrated(learner, calibrated=calibrated), rng())) >= 7


def test_of_few_classes_nothing_is_said():
    archs, targets = SPACE.sample(4, rng()), np.array([1.0, 2.0, 4.0, 9.0])
    said = Calibrated(Ridge(SPACE), calibrated="spread").fit(archs, targets, rng()).predict(archs)
    np.testing.assert_array_equal(said.std, Ridge(SPACE).fit(archs, targets, rng()).predict(archs).std)
    twice = np.repeat(archs, 3, axis=0)
    said = Calibrated(Mean(SPACE), calibrated="conformal").fit(twice, np.repeat(targets, 3), rng()).predict(archs)
    np.testing.assert_allclose(said.std, targets.std())


def test_each_objective_is_calibrated_by_itself_with_covariates_too():
    archs, targets = noisy(50)
    both, covariates = np.stack([targets, 100 * targets], axis=1), rng(1).random((50, 2))
    for calibrated in ("spread", "conformal"):
        model = Calibrated(Quick(SPACE, share=0.25), calibrated=calibrated).fit(archs, both, rng(), covariates)
        std = model.predict(archs, covariates).std
        np.testing.assert_allclose(std[:, 1], 100 * std[:, 0])


def test_replicates_are_served_by_one_request():
    asked = []

    class Counting(Ridge):
        def fit_many(self, tasks):
            asked.append(("fit", len(tasks)))
            return super().fit_many(tasks)

        def predict_many(self, tasks):
            asked.append(("predict", len(tasks)))
            return super().predict_many(tasks)

    learner = Calibrated(TransformedTargets(Counting(SPACE), targets="normal_scores"), calibrated="conformal")
    models = serve([Fit(learner, *noisy(20 + seed, seed), rng()) for seed in range(4)])
    serve([Predict(model, SPACE.sample(3, rng())) for model in models])
    assert asked == [("fit", 24), ("predict", 20), ("predict", 4)]


def test_inputs_that_break_a_rule_are_refused_by_name():
    archs, targets = noisy(40)
    learner = Calibrated(Ridge(SPACE), calibrated="spread")
    for given, rule in (
        ((archs, np.where(np.arange(40) == 3, np.nan, targets), rng()), "`targets` must be finite"),
        ((archs, targets[:39], rng()), r"`targets` must have shape \(40,\)"),
        ((archs[:0], targets[:0], rng()), "at least one row"),
        ((archs[:, :4], targets, rng()), r"`archs` must have shape \(n, 5\)"),
        ((archs, targets, rng(), np.zeros((39, 1))), r"`covariates` must have shape \(40, e\)"),
    ):
        with pytest.raises(HarnessError, match=rule):
            learner.fit(*given)
    with pytest.raises(HarnessError, match='`calibrated` must be "conformal" with Mean, which has no standard'):
        Calibrated(Mean(SPACE), calibrated="spread")
    with pytest.raises(HarnessError, match="`calibrated` must be one of 'none', 'spread', 'conformal', got 'yes'"):
        registry.surrogate({"name": "ridge", "encoding": "one_hot", "calibrated": "yes"}, SPACE)


def test_whether_there_is_a_standard_deviation_is_said():
    assert Ridge(SPACE).has_std
    assert not KernelClassifier(SPACE).has_std
    assert not MLPEnsemble(SPACE, encoding="one_hot", members=1).has_std
    assert not RandomForest(SPACE, trees=1).has_std
    assert not TransformedTargets(KernelClassifier(SPACE), targets="log_error").has_std
    assert Calibrated(KernelClassifier(SPACE), calibrated="conformal").has_std
    assert TransformedTargets(Ridge(SPACE), targets="log_error").has_std
    assert not TransformedTargets(Ridge(SPACE), targets="normal_scores").has_std


@pytest.mark.parametrize("acquisition", ["ei", "its", "ucb", "pi"])
def test_an_acquisition_that_needs_one_refuses_a_learner_without_before_the_run(acquisition):
    table = ToyBenchmark()
    spec = Spec("x", (table.name,), (StrategySpec("gp_bo"),), Budget(evaluations=20), 1)

    def resolved(strategy_name, **surrogate):
        chosen = {"acquisition": acquisition} if strategy_name == "gp_bo" else {}
        strategy = StrategySpec(strategy_name, "s", chosen, surrogate)
        return resolve(spec, strategy, table, "cpu")

    without = {"name": "kernel_classifier", "encoding": "one_hot"}
    with pytest.raises(HarnessError, match=f"the acquisition '{acquisition}' needs .* KernelClassifier has none"):
        resolved("gp_bo", **without)
    assert resolved("gp_bo", **without, calibrated="conformal")
    scores = {"name": "gp", "encoding": "one_hot", "targets": "normal_scores"}
    with pytest.raises(HarnessError, match='GaussianProcess with targets = "normal_scores" has none'):
        resolved("gp_bo", **scores)
    assert resolved("gp_bo", **scores, calibrated="conformal")
    assert resolved("bore", **without), "its mean is all that is used"


def test_a_search_runs_with_a_calibrated_learner():
    table = ToyBenchmark()
    problem = make_problem(table, Budget(evaluations=14), 1)
    learner = registry.surrogate(
        {"name": "kernel_classifier", "encoding": "one_hot", "targets": "normal_scores", "calibrated": "conformal"},
        table.space,
    )
    made = [registry.build_strategy(registry.strategy("gp_bo"), problem, rng(seed), {}, learner) for seed in (1, 2)]
    runs = run_block(table, problem, made, np.arange(2, dtype=np.uint64))
    assert [len(run.trace.archs) for run in runs] == [14, 14]
