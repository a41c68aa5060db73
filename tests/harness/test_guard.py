"""While code of a strategy or a learner runs, nothing else answers; and what crosses the border is a copy."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest

import harness as nh
from benchmarks_data import files
from benchmarks_data.file import layout
from benchmarks_data.provider import PROVIDER
from harness import registry
from harness.errors import HarnessError, StrategyError
from harness.guard import refusals, refuse, running
from harness.problem import Budget
from harness.records import Proposals
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.surrogate import Prediction, Surrogate
from harness.testing.toy import ToyBenchmark

NAME = "nb201-cifar10"


class Plain(Strategy):
    """Proposes random architectures; the tests put something into its methods."""

    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))


def run(factory, benchmark=None, count=2, evaluations=4):
    benchmark = benchmark or ToyBenchmark()
    problem = make_problem(benchmark, Budget(evaluations=evaluations))
    strategies = [
        registry.build_strategy(factory, problem, np.random.default_rng(seed), {}, None) for seed in range(count)
    ]
    return run_block(benchmark, problem, strategies, np.arange(count, dtype=np.uint64)), strategies


def table_path():
    registry.benchmark(NAME)
    return files.table_path(NAME)


OPENINGS = {
    "benchmark": lambda: registry.benchmark(NAME),
    "oracle": lambda: registry.oracle(NAME),
    "notebook": lambda: nh.open_benchmark(NAME),
    "description": lambda: registry.describe_benchmark(NAME),
    "run": lambda: nh.run("random_search", NAME, evaluations=2, replicates=1),
    "path": lambda: registry.benchmark(str(files.table_path(NAME))),
    "provider": lambda: PROVIDER.open(NAME),
    "oracle of the provider": lambda: PROVIDER.oracle(NAME),
    "file": lambda: layout.read_header(files.table_path(NAME)),
    "surrogate benchmark": lambda: PROVIDER.open("nb301-surrogate"),
}


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("method", ["__init__", "propose", "tell"])
def test_nothing_is_opened_while_a_strategy_runs(opening, method):
    table_path()

    def cheats(self, *args, **kwargs):
        result = getattr(super(Cheat, self), method)(*args, **kwargs)
        OPENINGS[opening]()
        return result

    class Cheat(Plain):
        pass

    setattr(Cheat, method, cheats)
    with pytest.raises(StrategyError, match="must not be opened or asked while the strategy Cheat runs"):
        run(Cheat)
    OPENINGS["benchmark"]()


def test_nothing_is_opened_while_a_plan_or_a_learner_runs():
    class Curious(Surrogate):
        def fit(self, archs, targets, rng, covariates=None):
            registry.oracle(NAME)
            return self

        def predict(self, archs, covariates=None):
            return Prediction(np.zeros(len(archs)), np.zeros(len(archs)))

    class Learning(Strategy):
        def plan(self, n):
            archs = self.problem.space.sample(4, self.rng)
            yield nh.Fit(Curious(self.problem.space, encoding="one_hot"), archs, np.ones(4), self.rng)
            return self.proposals(archs)

    with pytest.raises(StrategyError, match="while the learner Curious runs"):
        run(Learning)
    problem = make_problem(ToyBenchmark(), Budget(evaluations=4))
    with pytest.raises(StrategyError, match="while the learner Curious runs"):
        Learning(problem, np.random.default_rng(0)).ask(2)


def test_a_file_that_opens_a_table_when_it_is_imported_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"import harness as nh\nTABLE = nh.open_benchmark('{NAME}')\nclass Mine(nh.Strategy): ...\n")
    with pytest.raises(HarnessError, match=rf"mine\.py' cannot be imported:(.|\n)*'{NAME}' must not be opened"):
        registry.strategy(f"{path}:Mine")


def test_a_table_that_is_open_already_does_not_answer_either():
    table, oracle = registry.benchmark(NAME), registry.oracle(NAME)
    archs = table.space.sample(2, np.random.default_rng(0))
    proposals = Proposals.of(archs, 0)
    for ask in (
        lambda: table.query(proposals, noise_seed=None),
        lambda: oracle.mean(archs, "valid_accuracy"),
        lambda: oracle.optimum("valid_accuracy"),
    ):
        ask()
        with running("the strategy Mine"), pytest.raises(StrategyError, match="while the strategy Mine runs"):
            ask()


def test_what_a_benchmark_opens_inside_its_query_is_its_own_business():
    class Lazy(ToyBenchmark):
        opened = None

        def query(self, proposals, *, noise_seed):
            self.opened = self.opened or registry.benchmark(NAME)
            self.opened.query(Proposals.of(self.opened.space.sample(1, np.random.default_rng(0)), 0), noise_seed=None)
            return super().query(proposals, noise_seed=noise_seed)

    benchmark = Lazy()
    run(Plain, benchmark)
    assert benchmark.opened is not None


def test_other_threads_are_free():
    opened = []

    class Slow(Plain):
        def propose(self, n):
            other = threading.Thread(target=lambda: opened.append(registry.benchmark(NAME)))
            other.start()
            other.join()
            return super().propose(n)

    run(Slow, count=1, evaluations=1)
    assert len(opened) == 1


def test_the_guard_is_lifted_after_an_error_and_by_providers_of_others(offered):
    class Fails(Plain):
        def tell(self, evaluations):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Fails)
    refuse(NAME)

    def load():
        registry.benchmark(NAME)
        return {"mine": Plain}

    offered("strategy", "mine", load)
    with running("the strategy Mine"):
        assert "mine" in registry.names("strategy")


def test_refusals_are_noted_though_the_strategy_swallows_them():
    class Sly(Plain):
        def tell(self, evaluations):
            with contextlib.suppress(HarnessError):
                registry.benchmark(NAME)

    with refusals() as refused:
        run(Sly, count=1, evaluations=2)
    assert refused == [NAME, NAME]


def test_rows_that_were_proposed_do_not_change_with_the_strategys_arrays():
    class Keeps(Strategy):
        """Proposes six rows at once and spoils them while they wait."""

        def propose(self, n):
            self.kept = self.problem.space.sample(6, self.rng)
            self.first = self.kept.copy()
            return self.proposals(self.kept)

        def tell(self, evaluations):
            self.kept[...] = 0

    (run_a, run_b), strategies = run(Keeps, evaluations=6)
    for one, strategy in zip((run_a, run_b), strategies, strict=True):
        np.testing.assert_array_equal(one.trace.archs, strategy.first)
        assert strategy.first.any()
    strategy = Keeps(strategies[0].problem, np.random.default_rng(0))
    asked = strategy.ask(6)
    before = asked.archs.copy()
    strategy.kept[...] = 0
    np.testing.assert_array_equal(asked.archs, before)


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_told_cannot_be_changed_for_others(count):
    class Forger(Plain):
        def tell(self, evaluations):
            for name in evaluations._names:
                array = getattr(evaluations, name)
                while isinstance(array, np.ndarray):
                    try:
                        array.flags.writeable = True
                        array[...] = 77
                    except ValueError:
                        pass
                    array = array.base

    class Honest(Plain):
        heard = ()

        def tell(self, evaluations):
            self.heard = (*self.heard, evaluations.objectives.copy())

    benchmark = ToyBenchmark()
    problem = make_problem(benchmark, Budget(evaluations=3))

    def block(first):
        made = [first, *[Honest] * (count - 1)]
        strategies = [factory(problem, np.random.default_rng(seed)) for seed, factory in enumerate(made)]
        return run_block(benchmark, problem, strategies, np.arange(count, dtype=np.uint64)), strategies

    (forged, others), (plain, same) = block(Forger), block(Honest)
    for a, b in zip(forged, plain, strict=True):
        np.testing.assert_array_equal(a.trace.objectives, b.trace.objectives)
        np.testing.assert_array_equal(a.trace.archs, b.trace.archs)
    for a, b in zip(others[1:], same[1:], strict=True):
        np.testing.assert_array_equal(a.heard, b.heard)
