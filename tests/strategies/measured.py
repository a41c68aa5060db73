"""Regrets measured on real tables, for the slow tests of which strategy beats which."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from scipy.stats import wilcoxon

import harness as nh
from harness import registry
from harness.checks import FloatArray
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from harness.records import Proposals


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


def hypervolume_gaps(
    spec: StrategySpec, evaluations: Sequence[int], replicates: int, table: str = "nb201-cifar10"
) -> FloatArray:
    """Return the hypervolume that runs lack after some evaluations, (replicates, len(evaluations)).

    Of the error and log10 parameters, means of the table, normalised by its extremes; the reference is 1.1 in both.
    """
    names = ("valid_accuracy", "params_m")
    benchmark = registry.benchmark(table, objectives=names)
    budget = Budget(evaluations=max(evaluations), table_seed="mean")
    given = Spec("gaps", (table,), (spec,), budget, objectives=names, replicates=replicates)
    whole = benchmark.space.decode(np.arange(benchmark.space.codings, dtype=np.uint64))
    everything = Proposals.of(whole, len(benchmark.fidelities) - 1)

    def seen(objectives: FloatArray) -> FloatArray:
        return np.stack([objectives[:, 0], np.log10(objectives[:, 1])], axis=1)

    rows = seen(benchmark.query(everything, noise_seed=None).objectives)
    low, high = rows.min(axis=0), rows.max(axis=0)
    volume = moocore.Hypervolume(ref=[1.1, 1.1])
    best = volume((rows - low) / (high - low))
    traces = [run.trace for shard in resolve(given, spec, benchmark, "cpu") for run in run_shard(shard)]
    return np.array(
        [[best - volume((seen(trace.objectives[:n]) - low) / (high - low)) for n in evaluations] for trace in traces]
    )
