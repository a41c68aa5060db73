"""Budgets of epochs: what is charged by hand, where they end, and clocks of tables without seconds."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget, Fidelity
from harness.search.loop import make_problem, run_block
from harness.testing.toy import ToyBenchmark
from tests.harness.search.test_loop import Uniform, listed

A, B = [0] * 5, [1] * 5


def told(factory, budget, benchmark=None, n_workers=1):
    benchmark = benchmark or ToyBenchmark()
    problem = make_problem(benchmark, budget, n_workers)
    (run,) = run_block(benchmark, problem, [factory(problem, np.random.default_rng(0))], None)
    return run


def test_a_continued_training_counts_its_increment():
    rows = listed((A, 0), (A, 1), (B, 1), (A, 1))
    resumed = told(rows, Budget(epochs=30, multi_fidelity="resumable"))
    assert resumed.beside["epochs"].tolist() == [5, 5, 10, 5]
    assert resumed.stopped == "exhausted"
    scratch = told(rows, Budget(epochs=30))
    assert scratch.beside["epochs"].tolist() == [5, 10, 10]
    assert scratch.stopped == "budget"
    free = told(rows, Budget(epochs=20, multi_fidelity="resumable", duplicates="free"))
    assert free.beside["epochs"].tolist() == [5, 5, 10, 0]


def test_what_ends_beyond_the_budget_is_not_told():
    run = told(Uniform, Budget(epochs=49.9))
    assert len(run.trace) == 4
    assert run.stopped == "budget"
    assert len(told(Uniform, Budget(epochs=50)).trace) == 5
    assert len(told(Uniform, Budget(epochs=9)).trace) == 0


def test_the_first_of_several_budgets_ends_a_run():
    assert len(told(Uniform, Budget(epochs=50, evaluations=3)).trace) == 3
    assert len(told(Uniform, Budget(epochs=50, evaluations=30)).trace) == 5


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_table_without_seconds_is_timed_in_epochs(n_workers):
    run = told(Uniform, Budget(epochs=100), ToyBenchmark(has_seconds=False), n_workers)
    assert len(run.trace) == 10
    assert run.beside["epochs"].sum() == 100
    assert np.isnan(run.trace.finished_seconds).all()
    assert np.isnan(run.trace.seconds).all()
    assert set(run.trace.worker) == set(range(n_workers))
    with pytest.raises(HarnessError, match=r"instead"):
        make_problem(ToyBenchmark(has_seconds=False), Budget(evaluations=3), 2)


def test_an_epoch_over_a_share_of_the_data_counts_that_share():
    class Quarter(ToyBenchmark):
        fidelities = (Fidelity("low", 10, 5, scale={"data": 0.25, "width": 0.5}), Fidelity("full", 10, 10))

    run = told(listed((A, 0), (A, 1)), Budget(epochs=30, multi_fidelity="resumable"), Quarter())
    assert run.beside["epochs"].tolist() == [1.25, 10]
