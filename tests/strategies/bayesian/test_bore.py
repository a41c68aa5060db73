"""BORE: labels, what its probabilities rank, and what runs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.surrogate import Prediction
from strategies.bayesian.bore import BORE
from strategies.bayesian.tpe import TPE
from strategies.parts.acquisition import values
from surrogates.linear.kernel import KernelClassifier
from tests.strategies.measured import beaten, regrets
from tests.strategies.support import (
    NearestNeighbour,
    ToySpace,
    constrained,
    distance_to_origin,
    drive,
    evaluate,
    problem,
    rugged,
)


def bore(given=None, seed=0, **hyperparameters):
    given = given or problem()
    hyperparameters.setdefault("surrogate", NearestNeighbour(given.space))
    return BORE(given, np.random.default_rng(seed), **hyperparameters)


def lessons(results, given=None, constraint=None, **hyperparameters):
    """Return the targets of the first codings of a space, given what they are told to be."""
    strategy = bore(given, **hyperparameters)
    archs = strategy.problem.space.decode(np.arange(len(results), dtype=np.uint64))
    strategy.tell(evaluate(strategy.proposals(archs), lambda _: np.asarray(results, dtype=float), constraint))
    rows, targets = strategy.lessons([row for _, row in strategy._ranked])
    assert rows.tolist() == list(range(len(results)))
    return targets.tolist()


def test_the_best_quarter_rounded_up_is_one_class():
    assert lessons([5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0, 8.0]) == [1, 0, 1, 0, 1, 1, 1, 1]
    assert lessons([5.0, 1.0, 4.0, 2.0, 3.0]) == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("weights", ["equal", "improvement"])
def test_at_least_one_is_the_best(weights):
    assert lessons([3.0, 2.0, 4.0], gamma=0.01, weights=weights) == [1, 0, 1]


@pytest.mark.parametrize("weights", ["equal", "improvement"])
def test_equal_results_are_the_best_in_the_order_told(weights):
    assert lessons([1.0] * 8, weights=weights) == [0, 0, 1, 1, 1, 1, 1, 1]


def test_improvements_on_the_threshold_weigh_the_best():
    """The threshold is the best of the others, 5; the best improve on it by 4, 3 and 1."""
    found = lessons([1.0, 9.0, 4.0, 5.0, 2.0, 8.0, 7.0, 6.0, 9.0], weights="improvement")
    assert found == [0, 1, 0.75, 1, 0.25, 1, 1, 1, 1]


def test_what_failed_or_is_infeasible_is_among_the_others():
    results, violations = np.arange(12.0), np.full(12, -1.0)
    results[:2] = np.nan
    violations[2] = 1.0
    for weights in ("equal", "improvement"):
        targets = lessons(results, constrained(), lambda _: violations, weights=weights)
        assert np.flatnonzero(np.array(targets) < 1).tolist() == [3, 4, 5]
    targets = lessons(results, constrained(), lambda _: np.arange(12.0)[::-1] + 1, weights="improvement")
    assert targets == [1] * 9 + [0] * 3


def test_exact_probabilities_rank_as_the_ratio_of_densities():
    """pi = gamma l / (gamma l + (1 - gamma) g): what TPE prefers is what BORE prefers."""
    space = ToySpace((4, 3, 5))
    everything = space.decode(np.arange(60, dtype=np.uint64))
    tpe = TPE(problem(space), np.random.default_rng(0), gamma=0.25)
    archs = space.sample(40, np.random.default_rng(1))
    tpe.tell(evaluate(tpe.proposals(archs), rugged))
    log_l, log_g = (tpe._density(part).log(everything)[:, 0] for part in tpe._parts())
    odds = np.exp(log_g - log_l) * 0.75 / 0.25
    exact = Prediction(odds / (1 + odds), np.zeros(60))
    ranked = np.argsort(values("mean", exact, best=0.0, rng=np.random.default_rng(0)), kind="stable")
    np.testing.assert_allclose((log_l - log_g)[ranked], np.sort(log_l - log_g)[::-1])


def test_ties_are_broken_at_random():
    class Undecided(NearestNeighbour):
        def predict(self, archs, covariates=None):
            return Prediction(np.full(len(archs), 0.5), np.zeros(len(archs)))

    given = problem(ToySpace((4,) * 8))
    chosen = []
    for seed in range(40):
        strategy = bore(given, seed, surrogate=Undecided(given.space), parents=1)
        initial = strategy.ask(10)
        strategy.tell(evaluate(initial, rugged))
        best = initial.archs[np.argmin(rugged(initial.archs))]
        chosen.append((strategy.ask(1).archs != best).sum() == 1)
    assert 5 < sum(chosen) < 35  # a mutant of the best, or a random architecture


def test_what_runs_is_learnt_as_one_of_the_others():
    strategy = bore()
    strategy.tell(evaluate(strategy.ask(10), rugged))
    fits = strategy.surrogate.fits
    running = [strategy.ask(1).archs for _ in range(3)]
    archs, targets = fits[-1]
    np.testing.assert_array_equal(archs[10:], np.concatenate(running[:2]))
    assert targets[10:].tolist() == [1, 1]
    assert sorted(targets[:10]) == [0] * 3 + [1] * 7


@pytest.mark.parametrize("weights", ["equal", "improvement"])
def test_it_finds_the_optimum_of_a_function_without_another(weights):
    given = problem(ToySpace((4,) * 8))
    found = [
        drive(bore(given, seed, surrogate=KernelClassifier(given.space), weights=weights), distance_to_origin, 100)[1]
        for seed in range(3)
    ]
    assert max(values.min() for values in found) <= 1


def test_a_small_space_is_searched_to_the_end_without_a_repeat():
    given = problem(ToySpace((3, 5, 4)), duplicates="forbidden")
    archs, _ = drive(bore(given, surrogate=KernelClassifier(given.space)), rugged, 500, asked=8)
    assert len(archs) == len(np.unique(archs, axis=0)) == 60


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"gamma": 0}, "`gamma` must be greater than 0"),
        ({"gamma": 1.5}, "`gamma` must be at most 1"),
        ({"weights": "ei"}, "`weights` must be one of 'equal', 'improvement'"),
        ({"candidates": 1}, "`candidates` must be at least 2"),
        ({"parents": 0}, "`parents` must be at least 1"),
        ({"identity": "same"}, "`identity` must be one of"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        bore(**hyperparameters)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["equal", "improvement"])
@pytest.mark.parametrize("table", ["nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"])
def test_it_beats_random_search(table, weights):
    specs = [StrategySpec("random_search", "RS"), StrategySpec("bore", "BORE", {"weights": weights})]
    assert beaten(*regrets(specs, table, 100))
