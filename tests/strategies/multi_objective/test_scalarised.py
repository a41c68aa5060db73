"""Scalarised searches: what the inner strategy sees, who is told what, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, UnfitError
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget, Constraint, Objective, Problem
from strategies.evolution.genetic import GeneticAlgorithm
from strategies.local_search.restarts import LocalSearch
from strategies.multi_objective.scalarised import Scalarised
from strategies.random_search import RandomSearch
from tests.strategies.multi_objective.toys import distant, drive, evaluate, failing, rugged, scattered, two
from tests.strategies.support import ToySpace

ACCURACY = Objective("accuracy", "maximise", "percent", 100.0)
SECONDS = Objective("seconds", "minimise", "s")
TABLE = "nb201-cifar10"


class Seen(RandomSearch):
    """Keeps what it is told."""

    def __init__(self, problem, rng):
        super().__init__(problem, rng)
        self.seen = []

    def tell(self, evaluations):
        assert evaluations.objectives.shape[1] == 1
        self.seen.append(evaluations)

    @property
    def values(self):
        return np.concatenate([part.objectives[:, 0] for part in self.seen])


def hardware(**more):
    return Problem(ToySpace(), (ACCURACY, SECONDS), Budget(evaluations=100), **more)


def build(given=None, inner=Seen, seed=0, **hyperparameters):
    return Scalarised(given or two(), np.random.default_rng(seed), inner=inner, **hyperparameters)


def accurate(archs):
    """An error in percent, 20, and seconds that are the sum of the genes and a bit."""
    return np.stack([np.full(len(archs), 20.0), archs.astype(float).sum(axis=1) + 0.5], axis=1)


class TestWeights:
    def test_the_range_of_the_objectives_is_that_of_the_first_random_ones(self):
        strategy = build(initial=12, searches=2, reward="linear")
        first = strategy.ask(50)
        assert len(first) == 12
        assert len(strategy.ask(1)) == 0
        strategy.tell(evaluate(first, rugged))
        low, high = rugged(first.archs).min(axis=0), rugged(first.archs).max(axis=0)
        assert strategy._low.tolist() == low.tolist()
        assert strategy._high.tolist() == high.tolist()
        assert not any(inner.seen for inner in strategy.inner)
        for search in (0, 1):
            proposals = strategy.ask(1)
            strategy.tell(evaluate(proposals, rugged))
            units = (rugged(proposals.archs) - low) / (high - low)
            given = np.random.default_rng(0)
            drawn = given.exponential(size=(2, 2))
            weights = drawn[search] / drawn[search].sum()
            assert strategy.inner[search].values == pytest.approx(units @ weights)

    def test_searches_have_weights_of_their_own_and_go_to_other_ends(self):
        found = []
        for seed in range(3):
            strategy = build(two(ToySpace((4,) * 10)), GeneticAlgorithm, seed, searches=4, reward="tchebycheff")
            archs = drive(strategy, distant, 400)
            found.append(distant(archs[-100:]))
        late = np.concatenate(found)
        assert late.sum(axis=1).min() < 4
        assert np.ptp((late[:, 0] - late[:, 1])[late.sum(axis=1) < 8]) > 0.5

    def test_the_first_random_ones_may_all_fail(self):
        strategy = build(initial=5)
        drive(strategy, lambda archs: np.full((len(archs), 2), np.nan), 40)
        assert np.isnan(strategy.inner[0].values).all()

    def test_a_space_smaller_than_the_first_random_ones(self):
        space = ToySpace((2, 2))
        archs = drive(build(two(space), LocalSearch, searches=1), rugged, 40)
        assert len(np.unique(archs, axis=0)) == 4


class TestRewards:
    @pytest.mark.parametrize(
        ("hyperparameters", "expected"),
        [
            ({"reward": "mnasnet", "target": [4.5]}, lambda units: 0.8 * units**-0.07),
            ({"reward": "mnasnet", "target": [4.5], "hard": True}, lambda units: 0.8 / np.maximum(units, 1.0)),
            ({"reward": "monas", "target": [4.5], "weight": 0.9}, lambda units: 0.72 - 0.1 * units),
            ({"reward": "tunas", "target": [4.5], "weight": -0.2}, lambda units: 0.8 - 0.2 * abs(units - 1)),
        ],
    )
    def test_the_inner_strategy_is_told_the_reward_turned_round(self, hyperparameters, expected):
        strategy = build(hardware(), **hyperparameters)
        archs = drive(strategy, accurate, 50)
        (inner,) = strategy.inner
        assert inner.problem.objectives == (Objective("reward", "maximise"),)
        assert inner.values[: len(archs)][:50] == pytest.approx(-expected((archs.sum(axis=1) + 0.5) / 4.5))

    def test_scales_of_the_target_are_searches_of_their_own(self):
        strategy = build(hardware(), GeneticAlgorithm, reward="tunas", target=[2.0], scales=[1, 4], weight=-1.0)
        drive(strategy, accurate, 300)
        for inner, target in zip(strategy.inner, (2.0, 8.0), strict=True):
            sums = np.array([parent.arch.sum() + 0.5 for parent in inner._parents])
            assert abs(np.median(sums) - target) <= 1.0

    @pytest.mark.parametrize(
        ("hyperparameters", "message"),
        [
            ({"reward": "mnasnet"}, "`target` must have one for each of seconds, in its unit, got None"),
            ({"reward": "mnasnet", "target": [1.0, 2.0]}, "`target` must have one for each of seconds"),
            ({"reward": "mnasnet", "target": [0.0]}, "`target` must be greater than 0"),
            ({"reward": "mnasnet", "target": "4"}, "`target` must be a list of numbers"),
            ({"reward": "mnasnet", "target": [1.0], "weight": 0.1}, "`weight` must be at most 0"),
            ({"reward": "monas", "target": [1.0], "weight": 1.1}, "`weight` must be at most 1"),
            ({"reward": "tunas", "target": [1.0], "hard": True}, "`hard` must be left out"),
            ({"reward": "tunas", "target": [1.0], "scales": []}, "`scales` must name at least one"),
            ({"reward": "tunas", "target": [1.0], "searches": 3}, "`searches` must be left out: there is one for each"),
            ({"reward": "linear", "target": [1.0]}, "`target` must be left out"),
            ({"reward": "linear", "weight": 1.0}, "`weight` must be left out"),
            ({"reward": "best"}, "`reward` must be one of 'tchebycheff'"),
            ({"initial": 1}, "`initial` must be at least 2"),
        ],
    )
    def test_what_cannot_be_is_told(self, hyperparameters, message):
        with pytest.raises(HarnessError, match=message):
            build(hardware(), **hyperparameters)

    def test_a_quality_without_a_best_value_and_a_cost_to_maximise_are_refused(self):
        with pytest.raises(UnfitError, match="needs a first objective to maximise whose best value is known"):
            build(two(), reward="mnasnet", target=[1.0])
        given = Problem(ToySpace(), (ACCURACY, ACCURACY), Budget(evaluations=5))
        with pytest.raises(UnfitError, match="needs costs to minimise after the first objective, got accuracy"):
            build(given, reward="mnasnet", target=[1.0])


class TestTelling:
    def test_each_is_told_its_own_results_with_its_own_tags(self):
        strategy = build(two(n_workers=4), searches=3, initial=2)
        scattered(strategy, rugged, 120, workers=4)
        for inner in strategy.inner:
            archs = np.concatenate([part.archs for part in inner.seen])
            assert len(archs) > 20
        assert len(strategy._asked) < 4 + 128 * 3

    def test_failed_trainings_are_told_as_such(self):
        strategy = build(searches=1, initial=2)
        drive(strategy, failing(rugged), 80)
        archs = np.concatenate([part.archs for part in strategy.inner[0].seen])
        assert np.array_equal(np.isnan(strategy.inner[0].values), archs[:, 0] == 0)

    def test_constraints_reach_the_inner_strategy(self):
        given = two(constraints=(Constraint("size", "<=", 3.0),))
        strategy = build(given, GeneticAlgorithm, searches=2)
        archs = drive(strategy, rugged, 300, constraints=lambda archs: archs.astype(float).sum(axis=1)[:, None] - 3)
        assert (archs[-60:].sum(axis=1) <= 3).mean() > 0.2


class TestSpecs:
    def run(self, evaluations=60, **hyperparameters):
        item = StrategySpec("scalarised", "s", hyperparameters)
        objectives = ("valid_accuracy", "params_m")
        spec = Spec("s", (TABLE,), (item,), Budget(evaluations=evaluations), replicates=2, objectives=objectives)
        (shard,) = resolve(spec, item, registry.benchmark(TABLE, objectives=objectives), "cpu")
        return shard, run_shard(shard)

    def test_any_strategy_can_be_inside(self):
        bananas = {
            "name": "bananas",
            "initial": 5,
            "candidates": 20,
            "surrogate": {"name": "ridge", "encoding": "path"},
        }
        for inner in ("random_search", {"name": "tpe"}, bananas):
            shard, runs = self.run(inner=inner, searches=2, initial=5)
            assert [len(run.trace) for run in runs] == [60, 60]
        assert shard.hyperparameters["inner"]["surrogate"] == {"name": "ridge", "encoding": "path"}

    def test_what_the_inner_strategy_cannot_do_is_refused(self):
        with pytest.raises(HarnessError, match="MOEAD needs 2 objectives or more"):
            self.run(inner="moead")

    def test_mnasnet_finds_good_cells_about_its_target(self):
        _, runs = self.run(300, inner="regularized_evolution", reward="mnasnet", target=[0.4], hard=True)
        for run in runs:
            error, params = run.trace.objectives[-50:].T
            assert np.median(params) < 0.6
            assert error.min() < 11
