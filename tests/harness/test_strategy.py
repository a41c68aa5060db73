"""The base class of strategies: proposals at any fidelity, given in the way that is at hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

import harness as nh
from harness.errors import HarnessError, StrategyError
from harness.experiments.building import make_learner
from harness.problem import Budget, Fidelity
from harness.records import Evaluations, Proposals
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark
from strategies.random_search import RandomSearch

ARCHS = np.zeros((3, 5), dtype=np.uint8)
HALF, FULL = ToyBenchmark.fidelities


@pytest.fixture
def strategy():
    return Strategy(make_problem(ToyBenchmark(), Budget(evaluations=3)), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("fidelity", "expected"),
    [
        (None, [1, 1, 1]),
        (0, [0, 0, 0]),
        (np.int64(1), [1, 1, 1]),
        ("epoch 5 of 10", [0, 0, 0]),
        (FULL, [1, 1, 1]),
        ([0, 1, 0], [0, 1, 0]),
        (np.array([1, 0, 1], dtype=np.uint8), [1, 0, 1]),
        (["epoch 5 of 10", FULL, 0], [0, 1, 0]),
    ],
)
def test_a_fidelity_is_an_index_a_label_or_itself_for_all_rows_or_for_each(strategy, fidelity, expected):
    proposed = strategy.proposals(ARCHS, tag=[4, 5, 6], fidelity=fidelity)
    assert proposed.fidelity.tolist() == expected
    assert proposed.fidelity.dtype == np.int64
    assert proposed.tag.tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("fidelity", "message"),
    [
        (2, "`fidelity` must be an index in range(2), a label or a Fidelity of the problem, got 2"),
        (-1, "got -1"),
        ("epoch 6 of 10", "unknown fidelity 'epoch 6 of 10'. Did you mean 'epoch 5 of 10'?"),
        (Fidelity("other", 3, 3), "`fidelity` must be one of `problem.fidelities`, got Fidelity(label='other'"),
        ([0, 1], "`fidelity` must be one for all rows, or one for each of the 3 rows, got 'shape (2,)'"),
        (np.array([0, 1, 2]), "`fidelity` must hold indices in range(2), got [0, 2]"),
        ([0, "no", 1], "unknown fidelity 'no'"),
        (0.5, "`fidelity` must be an index, a label or a Fidelity of the problem, got 0.5"),
        (True, "got True"),
        (np.array([0.0, 1.0, 1.0]), "`fidelity` must be an index, a label or a Fidelity of the problem"),
    ],
)
def test_a_fidelity_that_there_is_not_is_told(strategy, fidelity, message):
    with pytest.raises(HarnessError, match=re.escape(message)):
        strategy.proposals(ARCHS, fidelity=fidelity)


def test_a_strategy_searches_at_a_fidelity():
    class Cheap(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(2, self.rng), fidelity=["epoch 5 of 10", FULL])

    problem = make_problem(ToyBenchmark(), Budget(evaluations=4))
    (run,) = run_block(ToyBenchmark(), problem, [Cheap(problem, np.random.default_rng(0))], None)
    assert run.trace.fidelity.tolist() == [0, 1, 0, 1]


def test_a_space_without_the_default_encoding_is_told_with_the_remedy(tmp_path):
    class Learning(Strategy):
        default_surrogate = {"name": "ridge", "encoding": "path_truncated", "penalty": 2.0}  # noqa: RUF012  # as authors write

        def __init__(self, problem, rng, *, surrogate):
            super().__init__(problem, rng)

    remedy = "has only one_hot: choose another, for example `surrogate = { name = .ridge., encoding = .one_hot., "
    with pytest.raises(HarnessError, match=remedy):
        make_learner(Learning, None, ToyBenchmark(), "cpu")
    chosen = {"name": "ridge", "encoding": "one_hot"}
    assert make_learner(Learning, chosen, ToyBenchmark(), "cpu") is not None
    with pytest.raises(HarnessError, match="`encoding` must be one of one_hot"):
        make_learner(Learning, {"name": "ridge", "encoding": "path"}, ToyBenchmark(), "cpu")


def test_a_notebook_is_warned_of_a_budget_below_the_cheapest_training():
    with pytest.warns(
        UserWarning, match=r"`budget.seconds` = 500 is below what the cheapest training of 'nb201-cifar10'"
    ):
        results = nh.run("random_search", "nb201-cifar10", seconds=500, replicates=1)
    assert not len(results.runs[0].trace)


def test_the_default_recommendation_is_the_best_told():
    problem = make_problem(ToyBenchmark(), Budget(evaluations=400))
    strategy = Strategy(problem, np.random.default_rng(0))
    assert strategy.recommend().shape == (0, 5)
    rng = np.random.default_rng(1)
    best, arch = np.inf, None
    for step in range(300):
        archs = problem.space.sample(1, rng)
        told = ToyBenchmark().query(Proposals.of(archs, step % 2), noise_seed=None)
        strategy.tell(told)
        if step % 2 and told.objectives[0, 0] < best:
            best, arch = told.objectives[0, 0], archs[0]
    assert strategy.recommend().tolist() == [arch.tolist()], "the earliest of the best at the full fidelity"


def test_of_several_objectives_what_nothing_dominates_is_recommended():
    problem = make_problem(ToyBenchmark(), Budget(evaluations=9))
    strategy = Strategy(problem, np.random.default_rng(0))
    values = np.array([[1, 5], [2, 3], [4, 1], [3, 4], [5, 2], [2, 3], [0, np.nan], [0, 0]], dtype=float)
    archs = np.arange(8, dtype=np.uint8)[:, None].repeat(5, axis=1)
    broken = np.zeros((8, 1))
    broken[7] = 1.0
    ones = np.ones(8, dtype=np.int64)
    strategy.tell(Evaluations(archs, ones, ones, values, broken, np.ones(8)))
    assert strategy.recommend()[:, 0].tolist() == [0, 1, 2]


def test_the_default_is_not_asked_where_the_runner_kept_the_trace():
    problem = make_problem(ToyBenchmark(), Budget(evaluations=3))
    plain = RandomSearch(problem, np.random.default_rng(0))
    run_block(ToyBenchmark(), problem, [plain], None)
    with pytest.raises(HarnessError, match=r"RandomSearch has no `recommend` of its own .* read the incumbent there"):
        plain.recommend()
    advising = Advising(problem, np.random.default_rng(0))
    run_block(ToyBenchmark(), problem, [advising], None)
    assert Strategy.recommend(advising).shape == (0, 5), "nothing was told at the full fidelity"


class Advising(Strategy):
    """Recommends what it proposed first, from its third result on, then the last."""

    def __init__(self, problem, rng):
        super().__init__(problem, rng)
        self.archs = []

    def propose(self, n):
        return self.proposals(self.problem.space.sample(1, self.rng), fidelity=0)

    def tell(self, evaluations):
        super().tell(evaluations)
        self.archs += list(evaluations.archs)

    def recommend(self):
        count = len(self.archs)
        return (
            self.archs[0][None] if 3 <= count < 6 else np.array(self.archs[-2:]) if count >= 6 else super().recommend()
        )


def test_what_a_strategy_recommends_is_kept_where_it_changes():
    problem = make_problem(ToyBenchmark(), Budget(evaluations=7))
    runs = run_block(ToyBenchmark(), problem, [Advising(problem, np.random.default_rng(i)) for i in range(2)], None)
    for run in runs:
        assert run.recommended.after.tolist() == [2, 5, 5, 6, 6]
        assert run.recommended.archs.tolist() == run.trace.archs[[0, 4, 5, 5, 6]].tolist()


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (np.zeros((1, 4), dtype=int), r"`recommend` must return integers of shape \(k, 5\)"),
        (np.full((1, 5), 9), "'toy'"),
    ],
)
def test_a_recommendation_that_is_no_architecture_is_refused(answer, rule):
    factory = type("Wrong", (Advising,), {"recommend": lambda self: answer})
    problem = make_problem(ToyBenchmark(), Budget(evaluations=7))
    with pytest.raises(StrategyError, match=rule):
        run_block(ToyBenchmark(), problem, [factory(problem, np.random.default_rng(0))], None)
