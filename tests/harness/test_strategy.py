"""The base class of strategies: proposals at any fidelity, given in the way that is at hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

import harness as nh
from harness.errors import HarnessError
from harness.experiments.building import make_learner
from harness.problem import Budget, Fidelity
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark

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
