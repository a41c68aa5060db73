"""Regrets on a real table beside those that another implementation measured there, with one training a run.

A unit is the mean full training over uniform cells; regrets are points of mean validation accuracy of the incumbent at
the full fidelity, means over runs.  The others' are over 300 runs, of which the spread is ours.
"""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.checks import FloatArray
from harness.judging.incumbent import incumbents
from harness.problem import Budget
from harness.records import Run
from harness.search.loop import make_problem, run_block

TABLE, UNIT, FULL = "micro-mnist1d", 0.10227, 9
OTHERS = 300
UNITS, UNITS_OF_EIGHT = (10, 25, 50, 100), (10, 25)

ONE_WORKER = {
    "random": ("random_search", {}, (2.79, 1.84, 1.47, 1.21), (2.79, 1.84, 1.47, 1.21)),
    "halving 9/3/1": ("successive_halving", {}, (2.47, 1.58, 1.29, 1.11), (2.91, 1.80, 1.38, 1.20)),
    "halving 27/9/3": (
        "successive_halving", {"configurations": 27}, (2.49, 1.54, 1.26, 1.06), (2.81, 1.76, 1.37, 1.17)
    ),
    "hyperband": ("hyperband", {}, (2.44, 1.61, 1.34, 1.15), (2.69, 1.69, 1.39, 1.17)),
    "hyperband, code": ("hyperband", {"rounding": "code"}, (2.43, 1.69, 1.36, 1.15), (2.76, 1.71, 1.41, 1.18)),
    "promotion": ("asha", {}, (2.31, 1.55, 1.26, 1.07), (2.69, 1.73, 1.36, 1.17)),
    "promotion 3, 10": ("asha", {"rungs": [3]}, (2.41, 1.61, 1.35, 1.09), (2.79, 1.69, 1.42, 1.15)),
    "promotion 5, 10": ("asha", {"rungs": [5], "eta": 2}, (2.59, 1.72, 1.42, 1.15), (3.34, 1.99, 1.54, 1.30)),
    "stopping": ("asha", {"rule": "stopping"}, (2.42, 1.52, 1.27, 1.10), (2.95, 1.76, 1.36, 1.16)),
    "median": ("median_stopping", {}, (2.67, 1.64, 1.31, 1.11), None),
}  # fmt: skip
"""Regrets after 10, 25, 50 and 100 units, resumed and from scratch."""

EIGHT_WORKERS = {
    "random": ("random_search", {}, (1.38, 1.01), 0.92),
    "halving, barrier": ("successive_halving", {"barrier": True}, (1.85, 1.37), 0.21),
    "halving": ("successive_halving", {}, (1.26, 1.02), 0.97),
    "halving 27/9/3, barrier": ("successive_halving", {"configurations": 27, "barrier": True}, (1.40, 1.12), 0.45),
    "hyperband, barrier": ("hyperband", {"barrier": True}, (1.88, 1.40), 0.21),
    "hyperband": ("hyperband", {}, (1.28, 0.96), 0.95),
    "promotion": ("asha", {}, (1.18, 0.94), 0.96),
    "stopping": ("asha", {"rule": "stopping"}, (1.19, 0.95), 0.97),
    "median": ("median_stopping", {}, (1.23, 0.96), 0.99),
}
"""Regrets after 10 and 25 units on the clock, and how busy the workers are until 10."""


def measure(name: str, units: float, n: int, workers: int = 1, mode: str = "resumable", **given) -> tuple[Run, ...]:
    table = registry.benchmark(TABLE)
    problem = make_problem(table, Budget(seconds=units * UNIT, multi_fidelity=mode), workers)
    kind = registry.strategy(name)
    strategies = [kind(problem, np.random.default_rng([7, replicate]), **given) for replicate in range(n)]
    noise = np.random.default_rng(7).integers(0, 2**63, n, dtype=np.uint64)
    return run_block(table, problem, strategies, noise)


def regrets(runs: tuple[Run, ...], units: tuple[int, ...]) -> FloatArray:
    """Return (R, k) regrets of the incumbents after so many units; NaN where there is none."""
    oracle = registry.oracle(TABLE)
    best = oracle.optimum(oracle.validation).value
    found = np.full((len(runs), len(units)), np.nan)
    for row, run in enumerate(runs):
        changes = incumbents(run.trace, FULL)
        for column, unit in enumerate(units):
            known = changes[run.trace.finished_seconds[changes] <= unit * UNIT]
            if len(known):
                found[row, column] = best - oracle.mean(run.trace.archs[known[-1:]], oracle.validation)[0]
    return found


def deviations(found: FloatArray, theirs: tuple[float, ...]) -> FloatArray:
    """Return (k,) differences of means in standard errors."""
    known = np.isfinite(found).sum(axis=0)
    spread = np.nanstd(found, axis=0, ddof=1) * np.sqrt(1 / known + 1 / OTHERS)
    return (np.nanmean(found, axis=0) - theirs) / spread


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["resumable", "from_scratch"])
@pytest.mark.parametrize("row", ONE_WORKER)
def test_one_worker(row, mode):
    name, given, *theirs = ONE_WORKER[row]
    wanted = theirs[mode == "from_scratch"]
    if wanted is None:
        pytest.skip("refused: it trains in slices")
    found = regrets(measure(name, UNITS[-1], 100, mode=mode, **given), UNITS)
    assert np.abs(deviations(found, wanted)).max() < 3


@pytest.mark.slow
@pytest.mark.parametrize("row", EIGHT_WORKERS)
def test_eight_workers(row):
    name, given, wanted, busy = EIGHT_WORKERS[row]
    runs = measure(name, UNITS_OF_EIGHT[-1], 100, workers=8, **given)
    assert np.abs(deviations(regrets(runs, UNITS_OF_EIGHT), wanted)).max() < 3
    assert busy_share(runs, 8, 10) == pytest.approx(busy, abs=0.02)


def busy_share(runs: tuple[Run, ...], workers: int, units: float) -> float:
    end = units * UNIT
    return float(
        np.mean([run.trace.seconds[run.trace.finished_seconds <= end].sum() / (workers * end) for run in runs])
    )


@pytest.mark.parametrize("row", ["halving 9/3/1", "hyperband", "promotion", "median"])
def test_a_few_runs(row):
    name, given, wanted, _ = ONE_WORKER[row]
    runs = measure(name, 25, 25, **given)
    assert np.abs(deviations(regrets(runs, (25,)), wanted[1:2])).max() < 3


@pytest.mark.parametrize(
    ("name", "rows", "full"), [("successive_halving", 470, 35), ("asha", 427, 38), ("hyperband", 267, 59)]
)
def test_rows_and_full_trainings_of_a_hundred_units(name, rows, full):
    runs = measure(name, 100, 6)
    assert np.mean([len(run.trace) for run in runs]) == pytest.approx(rows, rel=0.05)
    assert np.mean([(run.trace.fidelity == FULL).sum() for run in runs]) == pytest.approx(full, rel=0.07)


@pytest.mark.parametrize(("barrier", "low", "high"), [(True, 0.15, 0.3), (False, 0.9, 1.0)])
def test_overlapping_brackets_keep_eight_workers_busy(barrier, low, high):
    assert low < busy_share(measure("hyperband", 10, 10, workers=8, barrier=barrier), 8, 10) < high
