"""The cost ledger against sums by hand, and T1 of the tables against a separate script."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.judging.ledger import ledger, unit_seconds
from harness.records import Trace


def trace(seconds, fidelity, finished, *, charged=None):
    n = len(seconds)
    return Trace(
        archs=np.zeros((n, 1), dtype=np.uint8),
        fidelity=np.array(fidelity),
        tag=np.zeros(n, dtype=np.int64),
        objectives=np.ones((n, 1)),
        constraints=np.zeros((n, 0)),
        seconds=np.array(seconds, dtype=float),
        started_seconds=np.array(finished, dtype=float) - np.array(seconds, dtype=float),
        finished_seconds=np.array(finished, dtype=float),
        worker=np.zeros(n, dtype=np.int64),
        charged=np.ones(n, dtype=bool) if charged is None else np.array(charged),
    )


@pytest.mark.parametrize(
    ("table", "seconds", "of_12000"),
    [("nb201-cifar10", 1827.99, 6.56), ("nb201-cifar100", 3655.97, 3.28), ("nb201-imagenet16", 11092.22, 1.08)],
)
def test_one_training_of_nas_bench_201(table, seconds, of_12000):
    unit = unit_seconds(registry.oracle(table))
    assert unit == pytest.approx(seconds, abs=0.005)
    assert 12_000 / unit == pytest.approx(of_12000, abs=0.005)


def test_one_training_is_the_mean_over_the_space_and_not_over_the_rows_of_a_table_of_classes():
    oracle = registry.oracle("micro-mnist1d")
    archs = oracle.space.sample(4000, np.random.default_rng(0))
    drawn = oracle.mean(archs, "train_seconds")
    assert unit_seconds(oracle) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(4000))
    assert unit_seconds(oracle) < 0.75 * oracle.values("train_seconds").mean()


def test_a_table_without_seconds_has_no_unit():
    assert np.isnan(unit_seconds(registry.oracle("graph-cora")))
    with pytest.raises(HarnessError, match="`unit` must be the seconds of one full training"):
        ledger(trace([1.0], [0], [1.0]), 0, float("nan"))


def test_trainings_at_lower_fidelities_are_apart_and_the_final_one_is_charged():
    spent = ledger(trace([10, 30, 100, 100], [0, 0, 1, 1], [10, 40, 140, 240]), 1, 100.0, chosen_seconds=150.0)
    assert (spent.low, spent.full, spent.idle, spent.final, spent.chosen) == (0.4, 2.0, 0.0, 1.0, 1.5)
    assert (spent.search, spent.total) == (2.4, 3.4)


def test_slices_of_a_training_that_went_on_to_the_end_are_part_of_it():
    """Architecture 0 goes on to the end; what architecture 1 began, and a fidelity that nothing continues, is apart."""
    told = trace([10, 10, 20, 90], [0, 0, 1, 2], [10, 20, 40, 130])
    told = replace(told, archs=np.array([[0], [1], [0], [0]], dtype=np.uint8))
    assert ledger(told, 2, 100.0).full == pytest.approx(0.9)
    spent = ledger(told, 2, 100.0, slices=[0])
    assert (spent.full, spent.low) == (pytest.approx(1.0), pytest.approx(0.3))


def test_trainings_without_a_result_are_apart():
    told = trace([100, 100, 50], [1, 1, 0], [100, 200, 250])
    told = replace(told, objectives=np.array([[1.0], [np.nan], [np.nan]]))
    spent = ledger(told, 1, 100.0)
    assert (spent.full, spent.low, spent.failed, spent.search) == (1.0, 0.0, 1.5, 2.5)


def test_free_duplicates_and_failed_times_cost_nothing():
    spent = ledger(trace([100, 100, np.nan], [0] * 3, [100, 100, np.nan], charged=[True, False, True]), 0, 100.0)
    assert (spent.full, spent.idle, spent.total) == (1.0, 0.0, 2.0)


def test_workers_are_paid_until_the_end_of_the_budget():
    spent = ledger(trace([100, 40, 40], [0] * 3, [100, 40, 80]), 0, 100.0, n_workers=2, deadline=120.0)
    assert (spent.full, spent.idle, spent.search) == (1.8, 0.6, 2.4)
    assert ledger(trace([], [], []), 0, 100.0, n_workers=2, deadline=120.0).idle == pytest.approx(2.4)


def test_scores_read_before_training_are_charged():
    assert ledger(trace([100], [0], [100]), 0, 100.0, signals_seconds=25.0).search == 1.25
    spent = ledger(trace([100], [0], [175]), 0, 100.0, signals_seconds=25.0, others_seconds=50.0)
    assert (spent.full, spent.signals, spent.others, spent.idle, spent.search) == (1.0, 0.25, 0.5, 0.0, 1.75)
