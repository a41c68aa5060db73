"""The loop: budgets, costs, duplicates, noise, workers, and the rules that proposals must keep."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from harness.errors import HarnessError, StrategyError
from harness.problem import Budget, Fidelity, Problem
from harness.records import Evaluations, Proposals, Trace
from harness.search.charging import Charges
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark


class Uniform(Strategy):
    """Proposes one random architecture at a time."""

    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))


class Same(Strategy):
    """Proposes the same architecture for ever."""

    def propose(self, n):
        return self.proposals(np.zeros((n, 5), dtype=np.uint8))


class Listed(Strategy):
    """Proposes given rows, then nothing."""

    rows: ClassVar[list[tuple[list[int], int]]] = []

    def __init__(self, problem, rng):
        super().__init__(problem, rng)
        self.left = list(self.rows)
        self.heard = []

    def propose(self, n):
        now, self.left = self.left[:n], self.left[n:]
        archs = np.array([arch for arch, _ in now], dtype=np.uint8).reshape(-1, 5)
        fidelity = np.array([fidelity for _, fidelity in now], dtype=np.int64)
        return Proposals(archs, fidelity, np.arange(len(now)))

    def tell(self, evaluations):
        self.heard.append(evaluations)


def listed(*rows):
    return type("Listed", (Listed,), {"rows": list(rows)})


def run(factory, budget, *, benchmark=None, n_workers=1, count=3, noise=True, seed=0):
    benchmark = benchmark or ToyBenchmark()
    problem = make_problem(benchmark, budget, n_workers)
    strategies = [factory(problem, np.random.default_rng(seed + i)) for i in range(count)]
    seeds = np.arange(seed, seed + count, dtype=np.uint64) if noise else None
    return run_block(benchmark, problem, strategies, seeds), strategies


def traces(block):
    return [run.trace for run in block]


def stopped(block):
    return [run.stopped for run in block]


def test_evaluation_budget_is_spent_exactly():
    for n_workers in (1, 4):
        block, _ = run(Uniform, Budget(evaluations=17), n_workers=n_workers)
        assert [len(run.trace) for run in block] == [17, 17, 17]
        assert stopped(block) == ["budget"] * 3
        assert [(run.benchmark, run.label, run.replicate) for run in block] == [("toy", "Uniform", r) for r in range(3)]


def test_one_worker_spends_time_one_after_the_other():
    block, _ = run(Uniform, Budget(seconds=400.0))
    for trace in traces(block):
        assert trace.finished_seconds[-1] <= 400.0
        np.testing.assert_allclose(trace.finished_seconds, np.cumsum(trace.seconds))
        np.testing.assert_array_equal(trace.started_seconds[1:], trace.finished_seconds[:-1])


def test_what_finishes_after_the_deadline_is_never_told():
    arch = [0, 0, 0, 0, 0]  # ten seconds
    block, strategies = run(listed((arch, 1), (arch, 1), (arch, 1)), Budget(seconds=29.9), count=1)
    assert block[0].trace.finished_seconds.tolist() == [10.0, 20.0]
    assert sum(len(told) for told in strategies[0].heard) == 2
    block, _ = run(listed((arch, 1), (arch, 1), (arch, 1)), Budget(seconds=30.0), count=1)
    assert block[0].trace.finished_seconds.tolist() == [10.0, 20.0, 30.0]


def test_parallel_workers_are_an_event_queue():
    # 13, 10, 16 and 10 seconds on two workers: the second worker is free first, then takes the third row.
    rows = [([3, 0, 0, 0, 0], 1), ([0] * 5, 1), ([3, 3, 0, 0, 0], 1), ([0] * 5, 1)]
    block, strategies = run(listed(*rows), Budget(evaluations=4), n_workers=2, count=1)
    trace = block[0].trace
    assert trace.finished_seconds.tolist() == [10.0, 13.0, 23.0, 26.0]
    assert trace.started_seconds.tolist() == [0.0, 0.0, 13.0, 10.0]
    assert trace.worker.tolist() == [1, 0, 0, 1]
    assert [len(told) for told in strategies[0].heard] == [1, 1, 1, 1]


def test_one_worker_is_the_same_in_both_simulations(monkeypatch):
    from harness.search import cluster
    from harness.search import loop as runner

    serial, _ = run(Uniform, Budget(seconds=600.0))
    monkeypatch.setattr(runner, "simulate", lambda replicates, workers: cluster._Parallel(replicates, workers))
    parallel, _ = run(Uniform, Budget(seconds=600.0))
    for a, b in zip(traces(serial), traces(parallel), strict=True):
        for name in Trace._names:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_a_replicate_does_not_depend_on_the_others_in_the_block():
    together, _ = run(Uniform, Budget(seconds=500.0), count=4)
    alone, _ = run(Uniform, Budget(seconds=500.0), count=1, seed=2)
    for name in Trace._names:
        np.testing.assert_array_equal(getattr(together[2].trace, name), getattr(alone[0].trace, name))


def test_the_same_architecture_answers_the_same_in_a_run_and_differs_between_replicates():
    block, _ = run(Same, Budget(evaluations=20), count=12)
    values = np.array([trace.objectives[:, 0] for trace in traces(block)])
    assert np.all(values == values[:, :1])
    assert len(np.unique(values[:, 0])) > 1
    mean, _ = run(Same, Budget(evaluations=2), noise=False)
    assert mean[0].trace.objectives[0, 0] == ToyBenchmark().values(np.zeros((1, 5)))[0]


def test_duplicates_charged_free_and_forbidden():
    a, b = ([0] * 5, 1), ([1, 0, 0, 0, 0], 1)
    charged, _ = run(listed(a, a, b), Budget(evaluations=3), count=1)
    assert charged[0].trace.finished_seconds.tolist() == [10.0, 20.0, 31.0]
    free, _ = run(listed(a, a, b, b, a), Budget(evaluations=3, duplicates="free"), count=1)
    assert free[0].trace.seconds.tolist() == [10.0, 0.0, 11.0, 0.0, 0.0]
    assert free[0].trace.evaluations.tolist() == [1, 1, 2, 2, 2]
    assert stopped(free) == ["exhausted"]
    with pytest.raises(StrategyError, match=r"forbidden.*0-0-0-0-0.*twice"):
        run(listed(a, b, a), Budget(evaluations=3, duplicates="forbidden"), count=1)


def test_endless_free_duplicates_are_stopped():
    block, _ = run(Same, Budget(evaluations=3, duplicates="free"), count=1)
    assert stopped(block) == ["stalled"]
    assert block[0].trace.charged.sum() == 1


def test_continuation_is_charged_by_its_increment_only_if_resumable():
    half, full = ([0] * 5, 0), ([0] * 5, 1)  # five and ten seconds
    scratch, _ = run(listed(half, full), Budget(evaluations=2), count=1)
    assert scratch[0].trace.seconds.tolist() == [5.0, 10.0]
    resumable, strategies = run(listed(half, full), Budget(evaluations=2, multi_fidelity="resumable"), count=1)
    assert resumable[0].trace.seconds.tolist() == [5.0, 5.0]
    assert np.concatenate([told.seconds for told in strategies[0].heard]).tolist() == [5.0, 10.0]


def test_a_continued_training_takes_a_validation_pass_of_its_own():
    class Validated(ToyBenchmark):
        """Has a pass of one second in its seconds."""

        validation_pass = True

        def pass_seconds(self, proposals):
            return np.ones(len(proposals))

        def query(self, proposals, *, noise_seed):
            told = super().query(proposals, noise_seed=noise_seed)
            return replace(told, seconds=told.seconds + 1.0)

    half, full = ([0] * 5, 0), ([0] * 5, 1)  # five and ten seconds, and the pass
    for n_workers in (1, 2):
        for rule, seconds in (("from_scratch", [6.0, 11.0, 11.0]), ("resumable", [6.0, 6.0, 6.0])):
            budget = Budget(evaluations=3, multi_fidelity=rule)
            block, _ = run(listed(half, full, full), budget, benchmark=Validated(), n_workers=n_workers, count=1)
            assert sorted(block[0].trace.seconds) == seconds
    free = Budget(evaluations=2, multi_fidelity="resumable", duplicates="free")
    block, _ = run(listed(half, half, full), free, benchmark=Validated(), count=1)
    assert block[0].trace.seconds.tolist() == [6.0, 0.0, 6.0]


def test_seconds_that_fall_are_never_charged_back():
    class Falling(ToyBenchmark):
        told: ClassVar[list[float]] = [50.0, 8.0]

        def query(self, proposals, *, noise_seed):
            return replace(
                super().query(proposals, noise_seed=noise_seed), seconds=np.take(self.told, proposals.fidelity)
            )

    rows, budget = listed(([0] * 5, 0), ([0] * 5, 1)), Budget(evaluations=2, multi_fidelity="resumable")
    block, _ = run(rows, budget, benchmark=Falling(), count=1)
    assert block[0].trace.seconds.tolist() == [50.0, 0.0]
    unknown = type("Unknown", (Falling,), {"told": [50.0, np.nan]})
    block, _ = run(rows, budget, benchmark=unknown(), count=1)
    assert np.isnan(block[0].trace.seconds).tolist() == [False, True], "what is unknown is not free"


def test_what_continues_seconds_that_fell_is_charged_from_the_most_so_far():
    three = tuple(Fidelity(f"epoch {epoch}", 3, epoch, epoch - 2 if epoch > 1 else None) for epoch in (1, 2, 3))
    space = ToyBenchmark().space
    problem = Problem(space, ToyBenchmark().objectives, Budget(evaluations=9, multi_fidelity="resumable"), (), three)
    charges, archs = Charges(problem), np.zeros((3, 5), dtype=np.uint8)
    told = Evaluations(
        archs, np.arange(3), np.arange(3), np.zeros((3, 1)), np.zeros((3, 0)), np.array([50.0, 8.0, 60.0])
    )
    assert charges.of_rows(np.zeros(3, dtype=np.int64), told, None).seconds.tolist() == [50.0, 0.0, 10.0]


def test_decided_rows_are_told_once_and_in_order():
    class Chunk(Strategy):
        def __init__(self, problem, rng):
            super().__init__(problem, rng)
            self.tags = []
            self.proposed = 0

        def propose(self, n):
            self.proposed += 7
            return self.proposals(self.problem.space.sample(7, self.rng), tag=np.arange(7) + self.proposed)

        def tell(self, evaluations):
            self.tags += evaluations.tag.tolist()

    for n_workers in (1, 3):
        _, strategies = run(Chunk, Budget(evaluations=20), n_workers=n_workers, count=2)
        assert len(strategies[0].tags) == len(set(strategies[0].tags)) == 20
        if n_workers == 1:
            assert strategies[0].tags == sorted(strategies[0].tags)


def test_a_table_without_seconds_refuses_what_needs_time():
    benchmark = ToyBenchmark(has_seconds=False)
    with pytest.raises(HarnessError, match=r"budget\.seconds.*has none.*budget\.evaluations"):
        make_problem(benchmark, Budget(seconds=10.0))
    with pytest.raises(HarnessError, match=r"n_workers.*has none"):
        make_problem(benchmark, Budget(evaluations=10), 2)
    block, _ = run(Uniform, Budget(evaluations=5), benchmark=benchmark)
    assert np.isnan(block[0].trace.finished_seconds).all()


@pytest.mark.parametrize(
    ("proposals", "rule"),
    [
        (lambda: Proposals.of(np.zeros((1, 4), dtype=np.uint8), 1), r"`archs` must have shape \(n, 5\), got \(1, 4\)"),
        (lambda: Proposals.of(np.full((1, 5), np.nan), 1), "`archs` must be integers"),
        (lambda: Proposals.of(np.full((1, 5), 4), 1), r"`archs` must be valid in the space 'toy', got \[4, 4"),
        (lambda: Proposals.of(np.full((1, 5), -1), 1), "`archs` must be valid"),
        (lambda: Proposals.of(np.zeros((1, 5), dtype=np.uint8), 2), r"`fidelity` must be in range\(2\), got 2"),
        (lambda: Proposals(np.zeros((1, 5), dtype=np.uint8), np.array([0.5]), np.array([0])), "`fidelity` must be an"),
        (lambda: Proposals.of(np.zeros((0, 5), dtype=np.uint8), 1), "must propose at least one"),
        (lambda: np.zeros((1, 5)), "must return Proposals"),
    ],
)
def test_a_broken_rule_stops_the_strategy_and_is_named(proposals, rule):
    class Broken(Strategy):
        def propose(self, n):
            return proposals()

    with pytest.raises(StrategyError, match=rule):
        run(Broken, Budget(evaluations=3))


def test_learning_requests_of_all_replicates_are_served_as_one_batch():
    from harness.surrogate import Fit, Predict, Prediction, Surrogate

    batches = []

    class Counting(Surrogate):
        def fit(self, archs, targets, rng, covariates=None):
            return self

        def predict(self, archs, covariates=None):
            return Prediction(np.zeros(len(archs)), np.zeros(len(archs)))

        def fit_many(self, tasks):
            batches.append(len(tasks))
            return super().fit_many(tasks)

    class Learning(Strategy):
        def plan(self, n):
            learner = Counting(self.problem.space, encoding="one_hot")
            archs = self.problem.space.sample(6, self.rng)
            model = yield Fit(learner, archs, np.ones(6), self.rng)
            prediction = yield Predict(model, archs)
            return self.proposals(archs[np.argsort(prediction.mean)])

    block, strategies = run(Learning, Budget(evaluations=12), count=5)
    assert batches == [5, 5]
    asked = strategies[0].ask(2)
    assert len(asked) == 2
    assert batches == [5, 5, 1]
    assert all(run.overhead_seconds > 0 for run in block)


def test_no_row_is_after_the_deadline_with_parallel_workers():
    block, strategies = run(Uniform, Budget(seconds=100.0), n_workers=3, count=10)
    for trace, strategy in zip(traces(block), strategies, strict=True):
        assert trace.finished_seconds.max() <= 100.0
        assert np.all(np.diff(trace.finished_seconds) >= 0)
        assert strategy is not None
    assert stopped(block) == ["budget"] * 10


def test_idle_workers_start_what_a_strategy_gives_one_at_a_time():
    class OneByOne(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(1, self.rng))

    block, _ = run(OneByOne, Budget(evaluations=12), n_workers=4, count=2)
    for trace in traces(block):
        assert sorted(trace.worker[trace.started_seconds == 0.0].tolist()) == [0, 1, 2, 3]


def test_a_free_duplicate_of_running_work_is_told_when_that_work_ends():
    a, b = ([3, 3, 0, 0, 0], 1), ([0] * 5, 1)  # 16 and 10 seconds
    block, _ = run(listed(a, a, b), Budget(evaluations=2, duplicates="free"), n_workers=2, count=1)
    trace = block[0].trace
    assert trace.finished_seconds.tolist() == [16.0, 16.0, 26.0]
    assert trace.charged.tolist() == [True, False, True]
    assert trace.seconds.tolist() == [16.0, 0.0, 10.0]
    late, _ = run(listed(a, a), Budget(seconds=15.0, duplicates="free"), n_workers=2, count=1)
    assert len(late[0].trace) == 0


def test_a_continuation_of_running_work_waits_for_it():
    half, full = ([0] * 5, 0), ([0] * 5, 1)  # five and ten seconds
    block, _ = run(listed(half, full), Budget(evaluations=2, multi_fidelity="resumable"), n_workers=2, count=1)
    assert block[0].trace.finished_seconds.tolist() == [5.0, 10.0]
    assert block[0].trace.seconds.tolist() == [5.0, 5.0]


def test_a_charged_duplicate_costs_what_the_first_cost():
    half, full = ([0] * 5, 0), ([0] * 5, 1)
    block, _ = run(listed(half, full, full), Budget(evaluations=3, multi_fidelity="resumable"), count=1)
    assert block[0].trace.seconds.tolist() == [5.0, 5.0, 5.0]
