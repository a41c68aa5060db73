"""Protocols: how the runs of a table with test results alone are divided, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.catalogue.entries import Protocol
from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.protocol import under
from benchmarks_data.file.table import TableBenchmark
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.records import Proposals
from tests.benchmarks_data.made_up import Bags, accuracy, bags, made

CHOSEN = Protocol("test_accuracy", (1,), (0, 2), "Run 1 is the signal.")
VALUES = np.arange(5)[:, None, None] + np.array([0.0, 0.1, 0.2])[:, None]
RUNS = np.array([[3], [3], [3], [3], [2]])


@pytest.fixture
def header(tmp_path):
    """Return a table of test accuracies and seconds by run; the last row has two runs, all others three."""
    test = VALUES.copy()
    test[4, 2] = np.nan
    columns = {
        "test_accuracy": (accuracy("test_accuracy"), test),
        "train_seconds": (Column("train_seconds", "s", "minimise"), 10.0 + 10.0 * VALUES),
    }
    seeds = np.where(np.arange(3) < RUNS[:, None], [5, 6, 7], -1)
    table = made(bags(5), columns=columns, validation=None, seconds="train_seconds", trainings=RUNS, seeds=seeds)
    layout.write(tmp_path / "t.h5", table)
    return layout.read_header(tmp_path / "t.h5", held_out=True)


def told(header, **options):
    return TableBenchmark(under(CHOSEN, "t@p", header, held_out=False), Bags(), **options)


def test_trainings_are_those_that_judge(header):
    assert TableOracle(header, Bags()).training_counts.tolist() == [3, 3, 3, 3, 2]
    judge = TableOracle(under(CHOSEN, "t@p", header, held_out=True), Bags())
    assert judge.training_counts.tolist() == [2, 2, 2, 2, 1]
    np.testing.assert_allclose(judge.trainings(bags(5)[:1], "test_accuracy"), [[0.0, 0.2]])


@pytest.mark.parametrize("options", [{}, {"training": 0}])
def test_what_is_told_by_training_is_the_mean_of_the_signal_runs(header, options):
    answers = told(header, **options).query(Proposals.of(bags(5)), noise_seed=np.arange(5, dtype=np.uint64))
    np.testing.assert_allclose(answers.objectives[:, 0], 100.0 - VALUES[:, 1, 0])
    np.testing.assert_allclose(answers.seconds, 10.0 + 10.0 * VALUES[:, 1, 0])


def test_there_is_no_training_to_choose(header):
    for run in (1, 2):
        with pytest.raises(HarnessError, match="training"):
            told(header, training=run)
    with pytest.raises(HarnessError, match="not labelled by seed"):
        told(header, seed=6)


@pytest.mark.parametrize("runs", [([0], [0, 1]), ([0], [3]), ([], [1]), ([0], [])])
def test_a_protocol_that_does_not_divide_the_trainings_is_refused(header, runs):
    odd = Protocol("test_accuracy", tuple(runs[0]), tuple(runs[1]), "")
    with pytest.raises(TableError, match="be different ones of 3"):
        under(odd, "t@odd", header, held_out=False)
