"""The strategies on Gaussian processes: what they predict and propose, and that they beat what they should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.surrogate import Fit, Predict, serve
from strategies.bayesian.gp_bo import GPBO
from strategies.bayesian.nasbot import EDITS, Nasbot
from strategies.parts.acquisition import expected_improvement
from surrogates.gaussian_process.process import GaussianProcess
from tests.strategies.measured import beaten, regrets
from tests.strategies.support import (
    NearestNeighbour,
    ToySpace,
    constrained,
    distance_to_origin,
    drive,
    edits,
    evaluate,
    problem,
    rugged,
)

KINDS = [GPBO, Nasbot]
ROOMY = ToySpace((4,) * 24)  # random architectures differ in about 18 genes
TABLES = ["nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"]


def build(kind, given=None, seed=0, **hyperparameters):
    given = given or problem()
    if "surrogate" not in hyperparameters:
        kernel = "nasbot" if kind is Nasbot else "hamming"
        hyperparameters["surrogate"] = GaussianProcess(given.space, kernel=kernel)
    return kind(given, np.random.default_rng(seed), **hyperparameters)


def requests_of(strategy):
    """Answer the requests of one plan; return requests, answers and proposals."""
    plan, seen, answers = strategy.asking(1), [], []
    try:
        request = next(plan)
        while True:
            seen.append(request)
            answers.append(serve([request])[0])
            request = plan.send(answers[-1])
    except StopIteration as stop:
        return seen, answers, stop.value.archs


def tell_initial(strategy, objective=rugged, **more):
    initial = strategy.ask(strategy.initial)
    strategy.tell(evaluate(initial, objective, **more))
    return initial.archs


def test_the_improvement_expected_at_the_incumbent_is_its_density():
    assert expected_improvement(np.array([3.0]), np.array([2.0]), best=3.0)[0] == pytest.approx(0.398942 * 2, abs=1e-5)


def test_posterior_improvement_and_choice_are_those_of_scikit_learn():
    given = problem()
    learner = GaussianProcess(given.space, rate=0.5, noise=0.01, variance=1.3)
    strategy = build(GPBO, given, surrogate=learner, target="log")
    archs = tell_initial(strategy)
    (_, predict), (_, said), chosen = requests_of(strategy)
    targets = np.log(rugged(archs))
    witness = GaussianProcessRegressor(
        ConstantKernel(1.3) * RBF(np.sqrt(2)), alpha=0.013, optimizer=None, normalize_y=True
    ).fit(given.space.one_hot(archs), targets)
    mean, std = witness.predict(given.space.one_hot(predict.archs), return_std=True)
    np.testing.assert_allclose(said.mean, mean, atol=1e-6)
    np.testing.assert_allclose(said.std, std, atol=1e-6)
    z = (targets.min() - mean) / std
    improvement = std * (z * norm.cdf(z) + norm.pdf(z))
    np.testing.assert_allclose(expected_improvement(said.mean, said.std, targets.min()), improvement, atol=1e-6)
    assert np.array_equal(chosen[0], predict.archs[improvement.argmax()])


@pytest.mark.parametrize("lie", [0.0, 0.7, 5.0])
def test_after_a_lie_nothing_is_expected_where_it_was_told(lie):
    """A liar at or above the best, without noise."""
    space = ToySpace()
    archs = np.unique(space.sample(12, np.random.default_rng(0)), axis=0)
    targets = np.append(rugged(archs[:-1]) - rugged(archs[:-1]).min(), lie)
    model = GaussianProcess(space, rate=0.5, noise=1e-8).fit(archs, targets, np.random.default_rng())
    said = model.predict(archs[-1:])
    assert expected_improvement(said.mean, said.std, 0.0)[0] < 1e-3


def test_defaults_are_those_of_the_field():
    gp, nasbot = build(GPBO), build(Nasbot)
    assert (gp.initial, gp.batch, gp.candidates, gp.parents) == (10, 1, 500, 5)
    assert (gp.acquisition, gp.target) == ("ei", "log")
    assert (nasbot.initial, nasbot.batch, nasbot.brood, nasbot.acquisition) == (20, 1, 50, "ei")
    assert Nasbot.default_surrogate["refit"] == 7
    assert sum(EDITS) == pytest.approx(1)


def test_candidates_are_random_ones_and_all_neighbours_of_the_best():
    strategy = build(GPBO, problem(ROOMY), surrogate=NearestNeighbour(ROOMY), candidates=50, parents=3)
    archs = tell_initial(strategy)
    (fit, predict), _, _ = requests_of(strategy)
    assert isinstance(fit, Fit)
    assert isinstance(predict, Predict)
    best = archs[np.argsort(rugged(archs))[:3]]
    around = np.concatenate([ROOMY.neighbours(arch) for arch in best])
    assert len(predict.archs) == 50 + len(around)
    assert {row.tobytes() for row in around} <= {row.tobytes() for row in predict.archs}


def test_a_small_space_is_scanned_whole():
    strategy = build(GPBO, problem(ToySpace((3, 4, 5))), candidates=60)
    tell_initial(strategy)
    (_, predict), _, _ = requests_of(strategy)
    assert len(predict.archs) == 60 - 10


def test_generations_follow_the_acquisition():
    strategy = build(Nasbot, problem(ROOMY))
    archs = tell_initial(strategy)
    requests, _, chosen = requests_of(strategy)
    pools = [request.archs for request in requests if isinstance(request, Predict)]
    assert len(pools) == 3  # 25 sqrt(20) = 112 candidates, 50 in a generation
    everything = archs
    for pool in pools:
        assert 30 <= len(pool) <= 50
        assert all(edits(everything, mutant).min() <= 5 for mutant in pool)
        everything = np.concatenate([everything, pool])
    assert len(np.unique(everything, axis=0)) == len(everything)
    assert chosen[0].tobytes() in {row.tobytes() for row in everything[20:]}


@pytest.mark.parametrize("kind", KINDS)
class TestBoth:
    def test_they_find_the_optimum_of_a_sum(self, kind):
        archs, values = drive(build(kind, problem(ToySpace((4,) * 8))), distance_to_origin, 60)
        assert values.min() == 0
        assert len(np.unique(archs, axis=0)) == 60

    @pytest.mark.parametrize(("asked", "told"), [(8, 8), (8, 1)])
    def test_what_runs_is_believed_and_not_proposed_again(self, kind, asked, told):
        archs, values = drive(build(kind), distance_to_origin, 100, asked=asked, told=told)
        assert len(np.unique(archs, axis=0)) == 100
        assert values.min() <= 1

    def test_lies_are_not_what_rates_are_fitted_to(self, kind):
        strategy = build(kind)
        told = len(tell_initial(strategy))
        strategy.ask(1)
        requests, answers, _ = requests_of(strategy)
        fitted = [answer for request, answer in zip(requests, answers, strict=True) if isinstance(request, Fit)]
        assert [len(request.archs) for request in requests if isinstance(request, Fit)] == [told, told + 1]
        assert [model._fitted.tuned_rows for model in fitted] == [told, told]

    def test_a_tiny_space_is_exhausted_and_then_finished(self, kind):
        strategy = build(kind, problem(ToySpace((2, 3, 4)), duplicates="forbidden"))
        archs, _ = drive(strategy, rugged, 1000, asked=3)
        assert len(archs) == len(np.unique(archs, axis=0)) == 24
        assert len(strategy.ask(1)) == 0

    def test_constraints_are_learnt(self, kind):
        given = constrained(ToySpace((4,) * 8))
        strategy, seen = build(kind, given), []
        limit = lambda archs: 12.0 - archs.sum(axis=1)  # noqa: E731 - feasible: a sum of at least 12
        for _ in range(60):
            proposals = strategy.ask(1)
            seen.append(proposals.archs[0])
            strategy.tell(evaluate(proposals, distance_to_origin, limit))
        sums = np.array(seen, dtype=int).sum(axis=1)
        assert 12 in sums
        assert (np.abs(sums[-20:] - 12) <= 1).mean() >= 0.6  # at the border, which random architectures miss by 3

    def test_failed_trainings_are_in_no_model(self, kind):
        strategy = build(kind)
        initial = strategy.ask(strategy.initial)
        values = np.where(np.arange(len(initial)) % 3 == 0, np.nan, rugged(initial.archs))
        strategy.tell(evaluate(initial, lambda archs: values))
        fit = requests_of(strategy)[0][0]
        assert np.array_equal(fit.archs, initial.archs[np.isfinite(values)])

    def test_hyperparameters_out_of_range_are_refused(self, kind):
        for given, rule in [
            ({"initial": 1}, "`initial` must be at least 2"),
            ({"batch": 0}, "`batch` must be at least 1"),
            ({"acquisition": "ts"}, "`acquisition` must be one of"),
            ({"batch_rule": "liar"}, "`batch_rule` must be one of"),
            ({"candidates" if kind is GPBO else "brood": 3, "batch": 4}, "must be at least 4"),
        ]:
            with pytest.raises(HarnessError, match=rule):
                build(kind, **given)


RANDOM = StrategySpec("random_search", "random")
GP = StrategySpec("gp_bo", "gp")


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", ["gp_bo", "nasbot"])
def test_they_beat_random_search_at_150_evaluations(name, table):
    assert beaten(*regrets([RANDOM, StrategySpec(name, name)], table, 36))


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_the_gaussian_process_has_the_lowest_median_at_50_evaluations(table):
    rivals = [
        StrategySpec("local_search", "local"),
        StrategySpec("regularized_evolution", "evolution", {"population": 30, "sample": 10}),
        StrategySpec("tpe", "tpe", {"distinct": False}),
    ]
    gp, *others = (np.median(regret) for regret in regrets([GP, *rivals], table, 100, evaluations=50))
    assert gp < min(others)
