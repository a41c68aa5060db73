"""Columns told beside the objectives: what reaches a strategy, who is told, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.api import run as run_in_notebook
from harness.errors import HarnessError, SpecError
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from harness.records import Evaluations
from harness.search.loop import make_problem, run_block
from harness.search.mishaps import Mishaps
from harness.strategy import Strategy, Takes
from harness.testing.conformance import check_strategy
from harness.testing.toy import ToyBenchmark

MICRO = "micro-mnist1d"
EPOCHS = Budget(epochs=100, multi_fidelity="resumable")
RIDGE = {"name": "curve_ridge"}


class Hearing(Strategy):
    """Draws at random, at a random fidelity, and keeps what it is told."""

    takes = Takes(auxiliary=True, fidelities=True)

    def __init__(self, problem, rng):
        super().__init__(problem, rng)
        self.heard = []

    def propose(self, n):
        archs = self.problem.space.sample(n, self.rng)
        return self.proposals(archs, fidelity=self.rng.integers(0, len(self.problem.fidelities), n))

    def tell(self, evaluations):
        super().tell(evaluations)
        self.heard.append(evaluations)


def heard(benchmark, *, n_workers=1, count=3, mishaps=None):
    problem = make_problem(benchmark, Budget(epochs=200), n_workers)
    strategies = [Hearing(problem, np.random.default_rng(seed)) for seed in range(count)]
    seeds = np.arange(count, dtype=np.uint64)
    run_block(benchmark, problem, strategies, seeds, mishaps=None if mishaps is None else (mishaps, seeds))
    return [Evaluations.concatenate(one.heard) for one in strategies]


@pytest.mark.parametrize("n_workers", [1, 4])
def test_what_is_told_is_the_table_s_of_the_same_training(n_workers):
    """The toy tells half of the error of the training that answers."""
    for told in heard(ToyBenchmark(auxiliary=True), n_workers=n_workers):
        assert told.auxiliary.shape == (len(told), 1)
        assert np.array_equal(told.auxiliary, told.objectives / 2)
    benchmark = registry.benchmark(MICRO, auxiliary=["train_accuracy"])
    both = registry.benchmark(MICRO, objectives=["valid_accuracy", "train_accuracy"])
    for seed, told in enumerate(heard(benchmark, n_workers=n_workers)):
        again = both.query(told, noise_seed=np.full(len(told), seed, dtype=np.uint64)).objectives
        assert np.array_equal(np.column_stack([told.objectives, told.auxiliary]), again)


def test_nothing_is_told_where_nothing_is_asked_for():
    (told,) = heard(ToyBenchmark(), count=1)
    assert told.auxiliary.shape == (len(told), 0)
    assert make_problem(ToyBenchmark(), EPOCHS).auxiliary == ()
    assert told.take([1, 0]).auxiliary.shape == (2, 0)


def test_what_failed_on_the_cluster_tells_nothing():
    (told,) = heard(ToyBenchmark(auxiliary=True), count=1, mishaps=Mishaps(failures=0.3))
    failed = np.isnan(told.objectives)
    assert 0 < failed.sum() < len(told)
    assert np.array_equal(np.isnan(told.auxiliary), failed)


def spec(*strategies, **changes):
    items = tuple(item if isinstance(item, StrategySpec) else StrategySpec(item) for item in strategies)
    return Spec("a", (MICRO,), items, EPOCHS, 2, **changes)


def shards(asked):
    return [shard for _, shard in prepare(asked).shards.values()]


def test_only_those_who_read_it_are_told_and_nothing_else_changes():
    """The spec changes the digest of a strategy that reads such columns, and not what it does without reading them."""
    stopping = StrategySpec("curve_stopping", surrogate=RIDGE)
    plain = shards(spec("random_search", stopping))
    asked = shards(spec("random_search", stopping, auxiliary=("train_accuracy",)))
    assert [shard.auxiliary for shard in asked] == [(), ("train_accuracy",)]
    assert plain[0] == asked[0]
    assert plain[1].digest != asked[1].digest
    for before, after in zip(run_shard(plain[1]), run_shard(asked[1]), strict=True):
        for name in before.trace._names:
            assert np.array_equal(getattr(before.trace, name), getattr(after.trace, name), equal_nan=True)


def test_a_hyperparameter_says_which_column_is_read():
    """What is read changes what is stopped; the digest of a shard says it, and is the old one where nothing is."""
    items = [
        StrategySpec("curve_stopping", str(place), hyperparameters, {"name": learner})
        for place, (learner, hyperparameters) in enumerate(
            [("curve_sotl", {"curve": "train_accuracy"}), ("curve_sotl", {}), ("curve_ridge", {})]
        )
    ]
    units = shards(spec(*items, auxiliary=("train_accuracy",)))
    assert len({unit.digest for unit in units}) == 3
    assert [unit.hyperparameters.get("curve") for unit in units] == ["train_accuracy", None, None]
    traces = [run_shard(unit)[0].trace for unit in units]
    assert len({trace.archs.tobytes() for trace in traces}) == 3
    assert all((trace.fidelity == 9).any() for trace in traces)


def test_a_notebook_asks_for_it_too():
    item = StrategySpec("curve_stopping", "sotl", {"curve": "train_accuracy"}, {"name": "curve_sotl"})
    rules = {"epochs": 100, "multi_fidelity": "resumable"}
    results = run_in_notebook(item, MICRO, replicates=2, budget=rules, auxiliary="train_accuracy")
    benchmark = registry.benchmark(MICRO, auxiliary=["train_accuracy"])
    (shard,) = resolve(spec(item, auxiliary=("train_accuracy",)), item, benchmark, "cpu")
    for one, same in zip(results.runs, run_shard(shard), strict=True):
        assert np.array_equal(one.trace.archs, same.trace.archs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auxiliary": ["test_accuracy"]}, "`auxiliary`: the column 'test_accuracy' of micro-mnist1d is held out"),
        ({"auxiliary": ["train_acuracy"]}, "`auxiliary`: unknown column .* Did you mean 'train_accuracy'"),
        ({"auxiliary": ["params_m", "params_m"]}, "`auxiliary` must be given once each"),
        ({"auxiliary": "train_accuracy"}, "auxiliary"),
        ({"strategies": [{"name": "asha"}]}, "no strategy of the spec reads columns .*those that do: curve_stopping"),
        ({"auxiliary": []}, r"`curve` must be a column that is told .*\(none is\).*name it in the spec"),
        ({"auxiliary": ["params_m"]}, r"`curve` must be .*\(params_m\), got 'train_accuracy'"),
        ({"benchmarks": ["nb201-cifar10"]}, "`auxiliary`: unknown column of nb201-cifar10 'train_accuracy'"),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_runs(changes, message):
    strategy = {"name": "curve_stopping", "hyperparameters": {"curve": "train_accuracy"}, "surrogate": RIDGE}
    asked = {
        "name": "a",
        "benchmarks": [MICRO],
        "strategies": [strategy],
        "budget": {"epochs": 20, "multi_fidelity": "resumable"},
        "auxiliary": ["train_accuracy"],
    }
    assert prepare(from_dict(asked)).shards
    assert from_dict(from_dict(asked).as_dict()) == from_dict(asked)
    with pytest.raises(SpecError, match=message):
        prepare(from_dict(asked | changes))


def test_those_who_can_tell_nothing_more_say_so():
    with pytest.raises(HarnessError, match="'nb301-surrogate' predicts, and tells no other columns"):
        registry.benchmark("nb301-surrogate", auxiliary=["train_accuracy"])


def test_the_public_check_tells_columns_with_gaps():
    class Believing(Hearing):
        """Believes that a column is always told."""

        def tell(self, evaluations):
            super().tell(evaluations)
            if np.isnan(evaluations.auxiliary).any():
                raise ValueError("a gap")

    with pytest.raises(HarnessError, match="breaks the rule: works with columns told beside the objectives"):
        check_strategy(Believing)


def test_a_strategy_that_reads_nothing_is_posed_nothing():
    benchmark = registry.benchmark(MICRO, auxiliary=["train_accuracy"])
    item = StrategySpec("random_search")
    asked = replace(spec(item, auxiliary=("train_accuracy",)), budget=Budget(evaluations=5))
    (shard,) = resolve(asked, item, benchmark, "cpu")
    assert shard.auxiliary == ()
    assert "auxiliary" not in shard.as_dict()
