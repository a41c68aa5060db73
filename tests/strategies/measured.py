"""Regrets measured on real tables, for the slow tests of which strategy beats which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import wilcoxon

import harness as nh
from harness import registry
from harness.checks import FloatArray
from harness.experiments.spec import StrategySpec


def regrets(specs: Sequence[StrategySpec], table: str, replicates: int, evaluations: int = 150) -> list[FloatArray]:
    """Return the regret of the incumbent of each run, in percent points of mean validation accuracy."""
    results = nh.run(specs, table, evaluations=evaluations, replicates=replicates)
    oracle = registry.oracle(table)
    best = oracle.optimum(oracle.validation).value
    found = []
    for spec in specs:
        traces = [run.trace for run in results.of(table, spec.label)]
        archs = np.array([trace.archs[np.argmin(trace.objectives[:, 0])] for trace in traces])
        found.append(best - oracle.mean(archs, oracle.validation))
    return found


def beaten(worse: FloatArray, better: FloatArray) -> bool:
    """Say whether paired regrets differ beyond chance, one-sided at 0.01."""
    return bool(wilcoxon(worse, better, zero_method="pratt", alternative="greater").pvalue < 0.01)


MICRO, UNIT_SECONDS = "micro-mnist1d", 0.10227
"""A table with epochs, and what a full training of a random cell takes there in the mean."""


def anytime_regrets(spec: StrategySpec, units: Sequence[int], *, replicates: int, n_workers: int = 1) -> FloatArray:
    """Return the regret of the best told at the full fidelity after so many full trainings, (replicates, units).

    In percent points of mean validation accuracy; `units` ascend, and continued trainings cost their increment.  Runs
    without an incumbent at the first of `units` are left out.
    """
    results = nh.run(
        [spec],
        MICRO,
        seconds=units[-1] * UNIT_SECONDS,
        replicates=replicates,
        n_workers=n_workers,
        budget={"multi_fidelity": "resumable"},
    )
    oracle = registry.oracle(MICRO)
    best = oracle.optimum(oracle.validation).value
    full = len(registry.benchmark(MICRO).fidelities) - 1
    found = []
    for run in results.of(MICRO, spec.label):
        trace = run.trace.take((run.trace.fidelity == full) & np.isfinite(run.trace.objectives[:, 0]))
        upto = [int(np.searchsorted(trace.finished_seconds, unit * UNIT_SECONDS, side="right")) for unit in units]
        if upto[0]:
            archs = np.array([trace.archs[np.argmin(trace.objectives[:count, 0])] for count in upto])
            found.append(best - oracle.mean(archs, oracle.validation))
    return np.array(found)
