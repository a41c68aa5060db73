"""SMAC with a learner that draws nothing, and with its forest."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from strategies.bayesian.smac import SMAC
from strategies.parts.acquisition import expected_improvement_of_logs
from surrogates.trees.forest import RandomForest
from tests.strategies.measured import beaten, regrets
from tests.strategies.support import NearestNeighbour, ToySpace, distance_to_origin, drive, problem, rugged


def smac(given=None, seed=0, **hyperparameters):
    given = given or problem()
    hyperparameters.setdefault("surrogate", NearestNeighbour(given.space))
    return SMAC(given, np.random.default_rng(seed), **hyperparameters)


def positive(archs):
    return 1.0 + distance_to_origin(archs)


def test_defaults_are_those_of_the_facade():
    strategy = smac()
    assert (strategy.candidates, strategy.starts, strategy.plateau, strategy.random_share) == (10_000, 10, 10, 0.2)
    assert (strategy.acquisition, strategy.target, strategy.batch) == ("log_ei", "log", 1)


def test_the_forest_has_ten_trees_on_all_features():
    settings = dict(SMAC.default_surrogate)
    assert settings.pop("name") == "random_forest"
    learner = RandomForest(ToySpace(), **settings)
    given = learner.hyperparameters
    assert (given["trees"], given["max_features"], given["min_leaf"], given["leaf_variance"]) == (10, 1.0, 1, True)


@pytest.mark.parametrize(
    ("mean", "std", "best"), [(1.0, 0.3, 0.8), (-1.0, 0.8, 0.0), (2.0, 0.05, 2.1), (5.0, 2.0, 1.0)]
)
def test_improvement_of_logs_is_that_of_monte_carlo(mean, std, best):
    draws = np.exp(mean + std * np.random.default_rng(0).standard_normal(2_000_000))
    gains = np.maximum(np.exp(best) - draws, 0.0)
    exact = expected_improvement_of_logs(np.array([mean]), np.array([std]), best)[0]
    assert exact == pytest.approx(gains.mean(), abs=4 * gains.std() / np.sqrt(len(gains)))


def test_improvement_of_logs_is_finite_far_from_the_best():
    said = expected_improvement_of_logs(np.array([800.0, 800.0]), np.array([1.0, 0.0]), 0.0)
    assert said.tolist() == [0.0, 0.0]


def test_a_share_of_one_is_random_search():
    a, b = (drive(smac(random_share=1.0), objective, 60)[0] for objective in (rugged, positive))
    np.testing.assert_array_equal(a, b)


def test_the_share_of_random_proposals_is_that_asked_for():
    strategy = smac(problem(ToySpace((5,) * 8)), random_share=0.3, candidates=50, starts=0)
    fits = strategy.surrogate.fits
    drive(strategy, rugged, 210)
    drawn = 200 - len(fits)
    assert abs(drawn - 60) < 3.3 * np.sqrt(200 * 0.3 * 0.7)


def test_nothing_told_is_proposed_again_though_walks_start_there():
    """Expected improvement is greatest at what was told: the best neighbours of it are new all the same."""
    space = ToySpace((3,) * 4)
    archs, _ = drive(smac(problem(space, duplicates="forbidden"), candidates=3), positive, 500)
    assert len(archs) == len(np.unique(archs, axis=0)) == 81


def test_targets_are_logarithms():
    strategy = smac(candidates=5, starts=1)
    drive(strategy, positive, 14)
    archs, targets = strategy.surrogate.fits[-1]
    np.testing.assert_allclose(targets, np.log(positive(archs)))


def test_the_forest_finds_what_random_draws_do_not():
    given = problem(ToySpace((4,) * 8))
    learner = RandomForest(given.space, trees=10, max_features=1.0, leaf_variance=True)
    settings = {"surrogate": learner, "candidates": 200, "starts": 3}
    model, random = (
        [drive(smac(given, seed, random_share=share, **settings), positive, 40)[1].min() for seed in range(3)]
        for share in (0.1, 1.0)
    )
    assert np.mean(model) < np.mean(random) - 1


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"candidates": 0}, "`candidates` must be at least 1"),
        ({"starts": -1}, "`starts` must be at least 0"),
        ({"plateau": -1}, "`plateau` must be at least 0"),
        ({"random_share": 1.1}, "`random_share` must be at most 1"),
        ({"identity": "same"}, "`identity` must be one of"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        smac(**hyperparameters)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["nb201-cifar10", "nb201-cifar100"])
def test_it_beats_random_search(table):
    specs = [StrategySpec("random_search", "RS"), StrategySpec("smac", "SMAC")]
    assert beaten(*regrets(specs, table, 60))
