"""Transfer strategies: what they begin with, what they learn, and that they fall back where the sources mislead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, UnfitError
from harness.experiments.building import inner_settings, make_inner
from harness.problem import Budget, Prior
from harness.records import Evaluations
from harness.search.loop import make_problem, run_block
from harness.spaces.given import Box as BoxSpace
from harness.testing.toy import ToyBenchmark
from strategies.bayesian.gp_bo import GPBO
from strategies.transfer.box import INSIDE, Box
from strategies.transfer.models import Sum, standardised
from strategies.transfer.multi_task import MultiTask
from strategies.transfer.rgpe import RGPE
from strategies.transfer.sources import portfolio
from strategies.transfer.warm_start import Portfolio, WarmStart

TOY = ToyBenchmark()
EVERY = TOY.space.decode(np.arange(1024, dtype=np.uint64))
WORST, BEST = float(TOY.values(EVERY).max()), 10.0


def source(values, name="s", rows=slice(None)):
    archs = EVERY[rows]
    return Prior(name, archs, np.asarray(values, dtype=float)[rows, None], np.ones(len(archs)))


RIGHT, WRONG = source(TOY.values(EVERY)), source(-TOY.values(EVERY), "turned round")
NOISE = source(np.random.default_rng(5).random(1024), "noise")


def run(factory, priors, evaluations=30, replicates=4, n_workers=1, learner=None, inner=None, **given):
    problem = replace(make_problem(TOY, Budget(evaluations=evaluations), n_workers), prior=tuple(priors))
    settings = {"name": "gp", "encoding": "one_hot", **(learner or {})}
    extra = {}
    if "surrogate" in registry.keywords(factory):
        extra["surrogate"] = registry.surrogate(settings, TOY.space)
    if "inner" in registry.keywords(factory):
        extra["inner"] = make_inner(inner_settings(factory, inner, TOY), TOY)
    strategies = [factory(problem, np.random.default_rng(seed), **extra, **given) for seed in range(replicates)]
    return strategies, run_block(TOY, problem, strategies, np.arange(replicates, dtype=np.uint64))


def bests(runs, first=None):
    return [float(np.nanmin(TOY.values(one.trace.archs[:first]))) for one in runs]


@pytest.mark.parametrize(
    "inner", ["regularized_evolution", "genetic_algorithm", "local_search", "gp_bo", "random_search"]
)
def test_a_warm_start_begins_with_the_portfolio(inner):
    given = {"name": inner} if inner != "gp_bo" else {"name": inner, "surrogate": {"name": "ridge"}}
    _, runs = run(WarmStart, [RIGHT, NOISE], evaluations=8, replicates=2, inner=given)
    expected = portfolio([RIGHT, NOISE], 5)
    for one in runs:
        begun = one.trace.archs[: 1 if inner == "local_search" else 5]
        assert np.array_equal(begun, expected[: len(begun)])


def test_nothing_to_begin_with_is_the_strategy_inside():
    _, warm = run(WarmStart, [RIGHT], replicates=2, inner="random_search", rule="each", evaluations=12)
    _, none = run(
        WarmStart, [source(np.zeros(1024), rows=slice(0, 0))], replicates=2, inner="random_search", evaluations=12
    )
    plain = registry.strategy("random_search")
    problem = make_problem(TOY, Budget(evaluations=12))
    strategies = [plain(problem, np.random.default_rng(seed)) for seed in range(2)]
    alone = run_block(TOY, problem, strategies, np.arange(2, dtype=np.uint64))
    for one, other, cold in zip(warm, none, alone, strict=True):
        assert np.array_equal(other.trace.archs, cold.trace.archs)
        assert np.array_equal(one.trace.archs[5:], cold.trace.archs[:7])


def test_a_strategy_that_draws_nothing_cannot_begin_elsewhere():
    with pytest.raises(HarnessError, match="PNAS draws no architectures at random"):
        run(WarmStart, [RIGHT], inner={"name": "pnas", "surrogate": {"name": "ridge"}})


def test_a_policy_goes_on_with_what_it_has_learnt():
    """After 300 rehearsals on the very table it proposes better cells than one that begins, and none is charged."""
    given = {"name": "reinforce", "preset": "fast"}
    strategies, warm = run(WarmStart, [RIGHT], inner=given, evaluations=20, count=0, rehearse=300)
    _, cold = run(WarmStart, [RIGHT], inner=given, evaluations=20, count=0, rehearse=1)
    assert all(len(one.trace) == 20 for one in warm)
    means = [np.mean([TOY.values(one.trace.archs).mean() for one in runs]) for runs in (warm, cold)]
    assert means[0] < means[1] - 1.0
    assert strategies[0].rehearse == 0


def test_a_rehearsal_needs_the_whole_source():
    part = source(TOY.values(EVERY), rows=slice(0, 500))
    with pytest.raises(HarnessError, match=r"`rehearse` must be answered by a source that holds all .* \d+% of it"):
        run(WarmStart, [part], inner="random_search", rehearse=5)


def test_a_portfolio_is_evaluated_in_order_by_any_number_of_workers():
    for n_workers in (1, 4):
        _, (one, *_) = run(Portfolio, [RIGHT, NOISE], n_workers=n_workers)
        started = one.trace.archs[np.argsort(one.trace.started_seconds, kind="stable")]
        wanted = portfolio([RIGHT, NOISE], 25)
        assert {row.tobytes() for row in wanted} <= {row.tobytes() for row in started[: 25 + n_workers]}
        assert np.array_equal(started[0], wanted[0])
        assert len(np.unique(one.trace.archs, axis=0)) == 30


def test_a_box_that_helps_is_kept_and_one_that_misleads_is_left():
    right, _ = run(Box, [RIGHT], evaluations=25, replicates=4, top=8)
    assert np.mean([strategy._open[INSIDE] for strategy in right]) >= 0.8
    wrong, others = run(Box, [WRONG], evaluations=40, replicates=4, top=8)
    assert all(strategy._open == [False, True] for strategy in wrong)
    assert np.mean(bests(others)) < 17
    trusted, _ = run(Box, [WRONG], evaluations=20, replicates=2, top=8, trial=0)
    assert all(strategy._open == [True, False] for strategy in trusted)
    space = BoxSpace(TOY.space, WRONG.archs[np.argsort(WRONG.objectives[:, 0], kind="stable")[:8]])
    for one in run(Box, [WRONG], evaluations=20, replicates=2, top=8, trial=0, inner="random_search")[1]:
        assert space.inside(one.trace.archs).all()


def test_copies_are_told_their_own_results_and_each_other_s():
    class Noting(registry.strategy("random_search")):
        def tell(self, evaluations):
            self.heard = [*getattr(self, "heard", []), *evaluations.tag.tolist()]
            assert isinstance(evaluations, Evaluations)
            super().tell(evaluations)

    problem = replace(make_problem(TOY, Budget(evaluations=300), 3), prior=(RIGHT,))
    box = Box(problem, np.random.default_rng(0), inner=lambda p, r: Noting(p, r, distinct=True), top=10, trial=100)
    (one,) = run_block(TOY, problem, [box], np.zeros(1, dtype=np.uint64))
    assert len(np.unique(one.trace.archs, axis=0)) == len(one.trace)
    heard = [len(copy.heard) for copy in box._copies]
    assert sum(heard) > len(one.trace)  # some proposals of one were looked up in the results of the other
    assert box._open == [False, True]  # the box has fewer cells than the trial asks for, and the whole space goes on
    assert len(one.trace) == 300


def test_weights_go_to_the_source_that_ranks_alike_and_to_nobody_where_none_does():
    rows = np.random.default_rng(0).choice(1024, 100, replace=False)
    right, wrong = source(TOY.values(EVERY), rows=rows), source(-TOY.values(EVERY), "w", rows)
    early, _ = run(RGPE, [wrong, right], evaluations=9, replicates=6)
    weights = np.mean([strategy.weights for strategy in early], axis=0)
    assert weights[0] == 0.0
    assert weights[1] > 0.5
    alone, runs = run(RGPE, [wrong, source(NOISE.objectives[:, 0], "n", rows)], evaluations=25, replicates=6)
    assert np.mean([strategy.weights[-1] for strategy in alone]) > 0.9
    assert np.mean(bests(runs)) < 14


def test_transfer_is_worth_evaluations_and_costs_few_where_it_misleads():
    rows = np.random.default_rng(0).choice(1024, 100, replace=False)
    right, wrong = source(TOY.values(EVERY), rows=rows), source(-TOY.values(EVERY), "w", rows)
    _, cold = run(GPBO, [], evaluations=25, replicates=6, learner={})
    for factory in (RGPE, MultiTask):
        _, warm = run(factory, [right], evaluations=25, replicates=6)
        _, misled = run(factory, [wrong], evaluations=25, replicates=6)
        assert np.mean(bests(warm, 12)) <= np.mean(bests(cold, 12))
        assert np.mean(bests(misled)) < np.mean(bests(cold)) + 2.0


def test_one_network_of_two_tables_answers_for_the_target():
    """ABLR is told a hundred results of the very table: after six of the target it proposes better than at random."""
    rows = np.random.default_rng(0).choice(1024, 100, replace=False)
    learner = {"name": "ablr_network", "width": 16, "steps": 60, "more_steps": 10}
    strategies, runs = run(
        MultiTask, [source(TOY.values(EVERY), rows=rows)], evaluations=10, replicates=3, learner=learner, source_rows=60
    )
    assert np.mean([TOY.values(one.trace.archs[6:]).mean() for one in runs]) < TOY.values(EVERY).mean() - 3.0
    network = strategies[0]._model._learnt
    assert network.columns == (0, 1)  # it continued from what it had learnt of both


def test_a_sum_of_models_by_hand():
    class Fixed:
        space, encoding = TOY.space, "one_hot"

        def __init__(self, mean, std):
            self.said = mean, std

        def predict(self, archs, covariates=None):
            from harness.surrogate import Prediction

            return Prediction(np.full(len(archs), self.said[0]), np.full(len(archs), self.said[1]))

    said = Sum([Fixed(1.0, 2.0), Fixed(-1.0, 1.0)], np.array([0.75, 0.25]), 10.0, 2.0).predict(EVERY[:3])
    assert said.mean == pytest.approx(10.0 + 2.0 * 0.5)
    assert said.std == pytest.approx(2.0 * np.sqrt(0.75**2 * 4 + 0.25**2))


def test_standardised_results_that_are_all_alike():
    values, centre, spread = standardised(np.full(4, 3.3))
    assert (values.tolist(), centre, spread) == ([0.0] * 4, pytest.approx(3.3), 1.0)


@pytest.mark.parametrize("factory", [WarmStart, Portfolio, Box, RGPE, MultiTask])
def test_without_sources_all_are_refused(factory):
    with pytest.raises(UnfitError, match=r"learns from finished trainings .* give `\[transfer\]`"):
        run(factory, [])


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (WarmStart, {"rule": "best"}, "`rule` must be one of 'each', 'mean_rank', 'portfolio'"),
        (Box, {"top": 0}, "`top` must be at least 1"),
        (Box, {"trial": -1}, "`trial` must be at least 0"),
        (RGPE, {"start": 7}, "`start` must be .* 6"),
        (RGPE, {"folds": 1}, "`folds` must be at least 2"),
        (RGPE, {"source_rows": 1}, "`source_rows` must be at least 2"),
        (MultiTask, {"initial": 1}, "`initial` must be at least 2"),
    ],
)
def test_hyperparameters_are_checked(factory, given, message):
    with pytest.raises(HarnessError, match=message):
        run(factory, [RIGHT], **given)
