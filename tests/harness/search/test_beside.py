"""Signals before training: what a strategy is told, what that costs on every budget, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, SpecError, StrategyError
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec, WarmUp
from harness.problem import Budget
from harness.search.beside import Paid, signals_of
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy, Takes
from harness.surrogate import Look
from harness.testing.conformance import check_strategy
from harness.testing.toy import ToyBenchmark

MEAN = 17.5  # seconds of one full training of the toy: 10 + the sum of five genes of mean 1.5


class Looking(Strategy):
    """Looks at so many random architectures before each proposal, and evaluates the best."""

    takes = Takes(signals=True)

    def __init__(self, problem, rng, *, signal="score", each=8, looks=1):
        super().__init__(problem, rng)
        self.signal, self.each, self.looks = signal, each, looks
        self.seen = []

    def plan(self, n):
        archs = self.problem.space.sample(self.each, self.rng)
        for _ in range(self.looks):
            values = yield Look(self.signal, archs)
        self.seen.append((archs, values))
        return self.proposals(archs[[int(np.argmin(values))]])


def run(budget, n_workers=1, count=2, has_seconds=True, free=False, paid=(), **given):
    toy = ToyBenchmark(has_seconds=has_seconds)
    problem = make_problem(toy, budget, n_workers, free_signals=free)
    strategies = [Looking(problem, np.random.default_rng(seed), **given) for seed in range(count)]
    return strategies, run_block(toy, problem, strategies, np.arange(count, dtype=np.uint64), paid=paid)


def test_signals_are_told_so_that_lower_is_better_and_chosen_from():
    (strategy, *_), (first, *_) = run(Budget(evaluations=5))
    toy = ToyBenchmark()
    for (archs, values), arch in zip(strategy.seen, first.trace.archs, strict=True):
        assert np.array_equal(values, toy.values(archs))  # the score is minus the error, and is to be maximised
        assert np.array_equal(arch, archs[np.argmin(values)])


def test_a_free_signal_costs_nothing_and_is_counted():
    _, runs = run(Budget(evaluations=5), signal="size")
    for one in runs:
        assert len(one.trace) == 5
        assert one.evaluations.tolist() == [1, 2, 3, 4, 5]
        assert one.beside["looks"].tolist() == [8] * 5
        assert not one.beside["look_seconds"].any()


def test_a_look_is_a_fraction_of_an_evaluation():
    """Looking at 40 for 0.25 s is 10 s, 4/7 of a training: ten evaluations pay for six rows, and the rest for none."""
    _, runs = run(Budget(evaluations=10), each=40)
    mean = float(np.mean(10 + ToyBenchmark().space.sample(1000, np.random.default_rng(0)).sum(axis=1)))
    for one in runs:
        assert len(one.trace) == 6
        assert one.stopped == "budget"
        assert one.evaluations == pytest.approx(np.arange(1, 7) * (1 + 10 / mean))
    assert mean == pytest.approx(MEAN, abs=0.2)


def test_seconds_of_looking_go_on_the_clock_by_hand():
    _, runs = run(Budget(seconds=100.0), each=40)
    for one in runs:
        ends = np.cumsum(one.trace.seconds + 10.0)
        assert np.allclose(one.trace.finished_seconds, ends)
        assert one.beside["look_seconds"].tolist() == [10.0] * len(one.trace)
        assert ends[-1] <= 100.0 < ends[-1] + 10.0 + 25.0


def test_the_worker_that_asked_is_busy_looking():
    _, (one, *_) = run(Budget(evaluations=12), n_workers=3, each=4, signal="score")
    first = one.trace.finished_seconds - one.trace.started_seconds
    assert np.allclose(first, one.trace.seconds + 1.0)


def test_epochs_are_taken_too():
    _, (one, *_) = run(Budget(epochs=60.0), each=40)
    share = 10 * 10.0 / np.mean(10 + ToyBenchmark().space.sample(1000, np.random.default_rng(0)).sum(axis=1))
    assert len(one.trace) == int(60 / (10 + share))


def test_who_asks_twice_pays_twice_and_nobody_pays_for_others():
    _, (once, *_) = run(Budget(seconds=100.0), each=8)
    _, (twice, *_) = run(Budget(seconds=100.0), each=8, looks=2)
    assert twice.beside["look_seconds"][0] == 2 * once.beside["look_seconds"][0] == 4.0
    _, (alone,) = run(Budget(seconds=100.0), count=1)
    assert np.array_equal(alone.trace.finished_seconds, once.trace.finished_seconds)


def test_a_run_that_looks_its_budget_away_ends():
    _, (one, *_) = run(Budget(evaluations=3), each=1000)
    assert (len(one.trace), one.stopped) == (0, "budget")
    _, (one, *_) = run(Budget(evaluations=30), each=400)  # nearly six trainings a look
    assert (len(one.trace), one.stopped) == (4, "budget")
    assert one.beside["looks"].tolist() == [400] * 4
    assert one.beside["later_looks"].tolist() == [0, 0, 0, 400], "the fifth took what was left"
    assert one.beside["later_look_seconds"].tolist() == [0, 0, 0, 100.0]
    _, (one, *_) = run(Budget(evaluations=10), each=40)
    assert "later_looks" not in one.beside
    _, (one, *_) = run(Budget(seconds=100.0), each=40)
    assert one.beside["later_looks"].tolist() == [0, 0, 40], "for a row that the budget cut off"


def test_what_was_paid_before():
    _, runs = run(Budget(evaluations=10), signal="size", paid=[Paid(2.5, 70.0, 25.0), Paid()])
    assert [len(one.trace) for one in runs] == [7, 10]
    assert runs[0].trace.finished_seconds[0] == 70.0 + runs[0].trace.seconds[0]
    assert runs[0].evaluations[0] == 3.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"signal": "untimed"}, "'untimed' must have seconds .* `free_signals = true`"),
        ({"signal": "scores"}, "unknown signal 'scores'. Did you mean 'score'"),
        ({"has_seconds": False}, "'score' must have seconds that can be charged"),
    ],
)
def test_what_cannot_be_charged_is_refused(given, message):
    with pytest.raises(StrategyError, match=message):
        run(Budget(evaluations=3), **given)


def test_free_signals_are_free():
    for given in ({"signal": "untimed"}, {"has_seconds": False}):
        _, (one, *_) = run(Budget(evaluations=4), free=True, **given)
        assert len(one.trace) == 4


def test_a_look_outside_a_run_is_refused():
    problem = make_problem(ToyBenchmark(), Budget(evaluations=4))
    with pytest.raises(HarnessError, match="can be read in a run alone"):
        Looking(problem, np.random.default_rng(0)).ask(1)


def test_signals_of_tables_are_costs_and_scores_and_nothing_that_training_told():
    signals = {item.name: item.seconds for item in signals_of(registry.benchmark("nb201-cifar10"))}
    assert signals == {"latency_seconds": None, "macs_m": 0.0, "params_m": 0.0, "params_reported_m": None}
    assert [item.name for item in signals_of(registry.benchmark("micro-mnist1d"))] == ["macs_m", "params_m"]
    assert "test_accuracy" not in {item.name for item in signals_of(registry.benchmark("graph-cora"))}


def test_a_table_answers_with_its_own_column():
    table = registry.benchmark("nb201-cifar100")
    archs = table.archs[:50]
    oracle = registry.oracle("nb201-cifar100")
    assert np.array_equal(table.look("params_m", archs), oracle.mean(archs, "params_m"))
    with pytest.raises(HarnessError, match="unknown signal of nb201-cifar100 'valid_accuracy'"):
        table.look("valid_accuracy", archs)


def test_a_strategy_that_takes_signals_is_checked_with_signals_that_are_missing():
    assert "works with signals that are missing for some architectures (NaN)" in check_strategy(Looking)

    class Trusting(Looking):
        def plan(self, n):
            proposals = yield from super().plan(n)
            assert np.isfinite(self.seen[-1][1]).all()
            return proposals

    with pytest.raises(HarnessError, match="breaks the rule: works with signals that are missing"):
        check_strategy(Trusting)


def warmed(name="random_search", evaluations=12, free=False, **given):
    item = StrategySpec(name, warm_up=WarmUp(**given))
    spec = Spec("w", ("nb201-cifar10",), (item,), Budget(evaluations=evaluations), 2, free_signals=free)
    (shard,) = resolve(spec, item, registry.benchmark("nb201-cifar10"), "cpu")
    return shard, run_shard(shard)


@pytest.mark.parametrize("name", ["random_search", "regularized_evolution", "genetic_algorithm", "gp_bo"])
def test_a_warmed_strategy_begins_with_the_best_of_its_pool(name):
    shard, runs = warmed(name, signal="params_m", pool=100, keep=5, best="highest")
    plain = run_shard(replace(shard, warm_up=None))
    space = registry.benchmark("nb201-cifar10").space
    for one, cold in zip(runs, plain, strict=True):
        params = space.costs(one.trace.archs)["params_m"]
        assert params[:5].min() >= 0.8  # nine cells in ten have no more than 0.802426 million
        assert (np.diff(params[:5]) <= 0).all()
        assert one.beside["looks"][0] == 100
        assert not np.array_equal(one.trace.archs, cold.trace.archs)


def test_the_signal_says_which_way_is_better():
    _, (lowest, *_) = warmed(signal="params_m", pool=50, keep=3)
    space = registry.benchmark("nb201-cifar10").space
    assert (np.diff(space.costs(lowest.trace.archs[:3])["params_m"]) >= 0).all()


def test_warming_up_is_part_of_the_digest():
    digests = {warmed(signal="params_m", pool=pool, keep=2)[0].digest for pool in (20, 30)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warm_up": {"signal": "params"}}, "unknown signal 'params'. Did you mean 'params_m'"),
        ({"warm_up": {"signal": "latency_seconds"}}, "`free_signals = true`"),
        ({"warm_up": {"signal": "params_m", "keep": 2000}}, "`warm_up.keep` must be .* 1000"),
        ({"warm_up": {"signal": "params_m", "best": "most"}}, "`warm_up.best` must be one of '', 'highest', 'lowest'"),
        ({"warm_up": {"pool": 5}}, r"`?strategies\[0\].warm_up.signal'? is required"),
        ({"name": "reinforce", "warm_up": {"signal": "params_m"}}, "Reinforce draws no architectures at random"),
    ],
)
def test_what_cannot_be_warmed_up_is_refused_before_anything_runs(changes, message):
    strategy = {"name": "random_search"} | changes
    spec = {"name": "w", "benchmarks": ["nb201-cifar10"], "strategies": [strategy], "budget": {"evaluations": 5}}
    with pytest.raises(SpecError, match=message):
        prepare(from_dict(spec))
    if "latency" in message or "free_signals" in message:
        assert prepare(from_dict(spec | {"free_signals": True})).shards
