"""No worker waits for another, with eight of them."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.problem import Budget
from harness.search.loop import make_problem, run_block
from harness.testing.toy import ToyBenchmark


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("genetic_algorithm", {}),
        ("genetic_algorithm", {"plus": False, "distinct": False}),
        ("differential_evolution", {}),
        ("simulated_annealing", {}),
        ("cma_es", {}),
        ("regularized_evolution", {"preset": "naszilla"}),
    ],
)
def test_a_worker_starts_the_next_training_when_it_has_finished_one(name, hyperparameters):
    benchmark = ToyBenchmark()
    for budget in (Budget(evaluations=150), Budget(seconds=300.0)):
        problem = make_problem(benchmark, budget, n_workers=8)
        strategies = [
            registry.build_strategy(
                registry.strategy(name), problem, np.random.default_rng(seed), hyperparameters, None
            )
            for seed in range(2)
        ]
        for run in run_block(benchmark, problem, strategies, np.arange(2, dtype=np.uint64)):
            for worker in range(8):
                rows = run.trace.worker == worker
                started, finished = run.trace.started_seconds[rows], run.trace.finished_seconds[rows]
                assert started[0] == 0.0
                assert np.array_equal(started[1:], finished[:-1])
