"""Searches that a learner guides: the same plain strategy for all learners, so that only the learner differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import FloatArray
from harness.judging.incumbent import incumbents
from harness.problem import Budget
from harness.records import Trace
from harness.search.loop import make_problem, run_block
from harness.surrogate import Surrogate
from surrogates.evaluation.sets import answers

STRATEGY = "npenas_np"
"""Mutates the best, ranks the mutants by the mean that the learner predicts, and trains the ten best of them."""


def search_version() -> str:
    """Return the strategy and its version, for digests."""
    return f"{STRATEGY} {registry.strategy(STRATEGY).version}"


def searched(
    benchmark: Benchmark,
    learner: Surrogate,
    evaluations: int,
    budget: Budget,
    seeds: Sequence[np.uint64],
    streams: Sequence[np.random.Generator],
    best: float,
    on_step: Callable[[int], None] | None = None,
) -> FloatArray:
    """Return the regret of the incumbent after each evaluation of a search by `STRATEGY`, (R, evaluations).

    The incumbent is the best told so far, regret that of its mean over the table's trainings to the best of the
    benchmark; below 0 where that is the best of a sample and something better was found.  After the end of a search
    that found nothing new its last regret stands.

    Parameters
    ----------
    benchmark : Benchmark
        With one objective.
    learner : Surrogate
    evaluations : int
        How many each search has.
    budget : Budget
        Which training of the table answers.
    seeds : sequence of uint64, R
        Which training of the table answers, by trial.
    streams : sequence of Generator, R
    best : float
        The least mean, see `surrogates.evaluation.sets.Pool`.
    on_step : callable, optional
        Told the evaluations so far, all trials together.

    Raises
    ------
    HarnessError
        If the learner refuses what it is given.
    """
    problem = make_problem(benchmark, replace(budget, evaluations=evaluations))
    factory = registry.strategy(STRATEGY)
    strategies = [registry.build_strategy(factory, problem, rng, {}, learner) for rng in streams]
    noise = np.array(seeds) if budget.draws else None
    runs = run_block(benchmark, problem, strategies, noise, on_step)
    return np.stack([_regrets(run.trace, benchmark, evaluations, best) for run in runs])


def _regrets(trace: Trace, benchmark: Benchmark, evaluations: int, best: float) -> FloatArray:
    regrets = np.full(evaluations, np.nan)
    rows = incumbents(trace, len(benchmark.fidelities) - 1)
    for row, mean in zip(rows, answers(benchmark, trace.archs[rows], None), strict=True):
        regrets[trace.evaluations[row] - 1 :] = mean - best
    return regrets
