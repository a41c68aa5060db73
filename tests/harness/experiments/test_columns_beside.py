"""Columns beside traces, of shards whose parts do not all have them."""

from __future__ import annotations

import numpy as np

from harness.experiments.shards import _collected, runs_of
from harness.records import Run
from tests.harness.judging.test_incumbent import trace_of


def made(count: int, **beside) -> Run:
    columns = {name: np.full(count, value) for name, value in beside.items()}
    return Run("toy", "a", 0, trace_of(np.arange(count, dtype=float)), "budget", 0.0, columns)


class Three:
    benchmark, strategy_name, first, stop = "toy", "a", 0, 4


def test_what_a_part_has_nothing_of_is_zero_there():
    parts = [[made(2)], [made(3, looks=1.0), made(1)], [made(2, epochs=5.0)]]
    runs = runs_of(Three, _collected(parts))
    assert [run.beside["looks"].tolist() for run in runs] == [[0, 0], [1, 1, 1], [0], [0, 0]]
    assert [run.beside["epochs"].tolist() for run in runs] == [[0, 0], [0, 0, 0], [0], [5, 5]]
    assert [len(run.trace) for run in runs] == [2, 3, 1, 2]
