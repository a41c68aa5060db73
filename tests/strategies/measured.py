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
