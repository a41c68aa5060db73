"""Transforms of targets, and learners of transformed targets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness import registry
from harness.errors import HarnessError
from harness.experiments.shards import resolve
from harness.experiments.spec import Spec, StrategySpec
from harness.learners.settings import SETTINGS, wrapped
from harness.learners.transformed import TransformedTargets
from harness.learners.transforms import TRANSFORMS, transformed
from harness.problem import Budget
from harness.surrogate import Fit, Predict, Prediction, serve
from harness.testing.conformance import check_surrogate
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.linear.ridge import Ridge
from surrogates.trees.forest import RandomForest
from tests.surrogates.support import SPACE, truth

numbers = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=30).map(np.array)


def rng(seed=0):
    return np.random.default_rng(seed)


def data(n=40, seed=0):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + rng(seed + 1).random(n)


@given(st.sampled_from(TRANSFORMS), numbers)
def test_order_and_ties_are_kept_and_the_way_back_leads_to_the_targets(name, targets):
    values, back = transformed(name, targets)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(np.sign(values[:, None] - values), np.sign(targets[:, None] - targets))
    np.testing.assert_allclose(back(values), targets, rtol=1e-12)
    between = np.sort(np.concatenate([values, values + 0.1, values - 9.0]))
    assert (np.diff(back(between)) >= 0).all()


@given(numbers, st.floats(1, 50))
def test_normal_scores_are_the_quantiles_of_ranks_and_see_nothing_but_the_order(targets, factor):
    values, back = transformed("normal_scores", targets)
    ranks = stats.rankdata(targets)
    np.testing.assert_allclose(values, stats.norm.ppf((ranks - 0.375) / (len(targets) + 0.25)), atol=1e-12)
    np.testing.assert_array_equal(transformed("normal_scores", factor * targets - 3)[0].round(9), values.round(9))
    assert back(np.array([-50.0, 50.0])).tolist() == [targets.min(), targets.max()]


def test_the_median_and_the_central_interval_are_led_back():
    archs, targets = data()
    pool = SPACE.sample(9, rng(5))
    said = Ridge(SPACE).fit(archs, np.log(targets), rng()).predict(pool)
    led = TransformedTargets(Ridge(SPACE), targets="log_error").fit(archs, targets, rng()).predict(pool)
    np.testing.assert_allclose(led.mean, stats.lognorm.median(said.std, scale=np.exp(said.mean)))
    below, above = stats.lognorm.ppf(stats.norm.cdf([[-1], [1]]), said.std, scale=np.exp(said.mean))
    np.testing.assert_allclose(led.std, (above - below) / 2)


def test_what_lies_beyond_all_that_was_told_is_no_surer_than_the_end():
    class Beyond(Ridge):
        def predict(self, archs, covariates=None):
            return Prediction(np.array([-9.0, -1.5, 0.0, 1.5, 9.0]), np.full(5, 0.3))

    archs, targets = data()
    said = TransformedTargets(Beyond(SPACE), targets="normal_scores").fit(archs, targets, rng()).predict(archs[:5])
    assert (said.mean[0], said.mean[-1]) == (targets.min(), targets.max())
    assert (said.std > 0).all()


def test_scores_around_0_are_refused_by_a_loss_that_divides_by_them():
    settings = {"name": "mlp_ensemble", "encoding": "one_hot", "targets": "normal_scores"}
    with pytest.raises(HarnessError, match=r"`targets` must be 'raw' or 'log_error' with MLPEnsemble.*above 0 alone"):
        registry.surrogate(settings, SPACE)
    for more in ({"loss": "mse"}, {"lower_bound": -10.0}):
        assert registry.surrogate(settings | more, SPACE).learner.hyperparameters.items() >= more.items()
    assert registry.surrogate(settings | {"targets": "log_error"}, SPACE).above == 0.0


def test_intervals_of_normal_scores_hold_what_they_say():
    inside = []
    for seed in range(30):
        archs, targets = data(60, 3 * seed)
        pool, results = data(200, 3 * seed + 1)
        learner = TransformedTargets(Ridge(SPACE), targets="normal_scores")
        said = learner.fit(archs, np.exp(targets / 4), rng()).predict(pool)
        inside.append(np.mean(np.abs(np.exp(results / 4) - said.mean) <= said.std))
    assert 0.6 < np.mean(inside) < 0.8, "0.683 of a normal distribution"


@pytest.mark.parametrize("name", TRANSFORMS[1:])
def test_the_settings_keep_the_rules_of_learners(name):
    for learner in (Ridge(SPACE), GaussianProcess(SPACE), RandomForest(SPACE, trees=8)):
        assert len(check_surrogate(TransformedTargets(learner, targets=name), rng())) >= 7


def test_replicates_are_served_by_one_request():
    asked = []

    class Counting(Ridge):
        def fit_many(self, tasks):
            asked.append(("fit", len(tasks)))
            return super().fit_many(tasks)

        def predict_many(self, tasks):
            asked.append(("predict", len(tasks)))
            return super().predict_many(tasks)

    learner = TransformedTargets(Counting(SPACE), targets="normal_scores")
    tasks = [Fit(learner, *data(20 + seed, seed), rng()) for seed in range(5)]
    models = serve(tasks)
    said = serve([Predict(model, tasks[0].archs) for model in models])
    assert asked == [("fit", 5), ("predict", 5)]
    for task, prediction in zip(tasks, said, strict=True):
        alone = learner.fit(task.archs, task.targets, rng()).predict(tasks[0].archs)
        np.testing.assert_array_equal(prediction.mean, alone.mean)
        assert prediction.mean.min() >= task.targets.min()


def test_each_objective_is_transformed_by_itself():
    archs, targets = data()
    both = np.stack([targets, -(targets**3)], axis=1)
    learner = TransformedTargets(RandomForest(SPACE, trees=5), targets="normal_scores")
    said = learner.fit(archs, both, rng()).predict(archs[:7])
    assert said.mean.shape == said.std.shape == (7, 2)
    assert said.members.shape == (5, 7, 2)
    assert ((said.members >= both.min(axis=0)) & (said.members <= both.max(axis=0))).all()
    single = TransformedTargets(Ridge(SPACE), targets="log_error").fit(archs, targets[:, None], rng()).predict(archs)
    assert single.mean.shape == (40, 1)


def test_members_are_in_the_unit_of_the_targets():
    archs, targets = data()
    said = TransformedTargets(RandomForest(SPACE), targets="log_error").fit(archs, targets, rng()).predict(archs)
    np.testing.assert_allclose(np.log(said.members).mean(axis=0), np.log(said.mean))


def test_a_learner_that_continues_still_does():
    archs, targets = data()
    learner = TransformedTargets(GaussianProcess(SPACE), targets="normal_scores")
    assert learner.continues
    assert learner.libraries == GaussianProcess.libraries
    model = learner.fit(archs[:30], targets[:30], rng())
    again = model.fit(archs[:31], targets[:31], rng())
    assert again.learner._fitted.rates == model.learner._fitted.rates


def test_inputs_that_break_a_rule_are_refused_by_name():
    archs, targets = data()
    learner = TransformedTargets(Ridge(SPACE), targets="normal_scores")
    for broken, rule in (
        (np.where(np.arange(40) == 3, np.nan, targets), "`targets` must be finite: leave failed"),
        (targets[:39], r"`targets` must have shape \(40,\)"),
        (targets[:0], r"`targets` must have shape \(40,\)"),
        (np.float64(3), r"`targets` must have shape \(40,\)"),
    ):
        with pytest.raises(HarnessError, match=rule):
            learner.fit(archs, broken, rng())
    with pytest.raises(HarnessError, match="Ridge must be fitted before it predicts"):
        learner.predict(archs)


def built(**settings):
    return registry.surrogate({"name": "ridge", "encoding": "one_hot", **settings}, SPACE)


def test_the_default_is_the_learner_itself():
    plain = built()
    assert isinstance(plain, Ridge)
    for name, setting in SETTINGS.items():
        assert built(**{name: setting.choices[0]}).signature == plain.signature
    assert wrapped(plain, {}) is plain


def test_a_setting_is_in_the_signature_and_a_typo_is_answered():
    signatures = {built(targets=name).signature for name in TRANSFORMS}
    assert len(signatures) == len(TRANSFORMS)
    assert json.loads(built(targets="log_error").signature)["targets"] == "log_error"
    assert built(targets="log_error").device == "cpu"
    with pytest.raises(HarnessError, match="`targets` must be one of 'raw', 'log_error', 'normal_scores', got 'log'"):
        built(targets="log")
    with pytest.raises(HarnessError, match=r"unknown parameter of surrogate 'ridge' 'target'\. Did you mean 'targets'"):
        built(target="log_error")


def test_learners_of_curves_refuse_what_their_curves_do_not_follow():
    with pytest.raises(HarnessError, match="`targets` must be left out with CurveRidge, which reads curves"):
        registry.surrogate({"name": "curve_ridge", "targets": "log_error"}, SPACE)


def test_a_keyword_of_the_learner_itself_comes_first(monkeypatch):
    class Own(Ridge):
        def __init__(self, space, *, encoding="one_hot", targets="mine"):
            super().__init__(space, encoding=encoding)
            self.own = targets

    monkeypatch.setattr(registry, "load", lambda kind, name: Own)
    assert built(targets="theirs").own == "theirs"


def test_the_digest_of_a_search_has_the_setting_off_its_default_only():
    table = registry.benchmark("nb201-cifar10")
    spec = Spec("x", ("nb201-cifar10",), (StrategySpec("gp_bo"),), Budget(evaluations=20), 1)

    def digest(**settings):
        return resolve(spec, StrategySpec("gp_bo", surrogate={"name": "ridge", **settings}), table, "cpu")[0].digest

    assert digest() == digest(targets="raw") != digest(targets="log_error")
