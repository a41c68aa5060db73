"""Search on the real NAS-Bench-201 table: CPU time of a trial, in a shard and alone, all bookkeeping on.

Run by ``make bench``; prints a table and asserts nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import registry
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from tests.bench.figures import Row, parser, show

REPEATS = 5
WITH_EPOCHS, FULL_SECONDS = "micro-mnist1d", 0.1
SEVERAL = ("nsga2", "pareto_local_search")
"""Strategies that take one objective too, and are measured with two."""


def trial(strategy: str, evaluations: int, replicates: int, repeats: int = REPEATS) -> tuple[float, float]:
    """Return the least CPU and wall seconds of one trial: prepared spec to stored shard file, divided by replicates.

    Strategies that need several objectives get two, and those that train at lower fidelities the seconds of so many
    full trainings of a table with epochs.
    """
    takes = registry.strategy(strategy).takes
    budget = Budget(evaluations=evaluations)
    if takes.fidelities:
        budget = Budget(seconds=evaluations * FULL_SECONDS, multi_fidelity="resumable")
    spec = Spec(
        "bench",
        (WITH_EPOCHS if takes.fidelities else "nb201-cifar10",),
        (StrategySpec(strategy, strategy),),
        budget,
        replicates=replicates,
        replicates_per_shard=replicates,
        objectives=("valid_accuracy", "params_m") if takes.fewest_objectives > 1 or strategy in SEVERAL else None,
    )
    return timed(spec, repeats)


def timed(spec: Spec, repeats: int) -> tuple[float, float]:
    """Return the least CPU and wall seconds of one trial of a spec with one strategy and one shard."""
    prepared, replicates = prepare(spec), spec.replicates
    cpu, wall = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time(), time.perf_counter()
            outcome = execute(prepared, Path(folder))
            cpu.append((time.process_time() - began[0]) / replicates)
            wall.append((time.perf_counter() - began[1]) / replicates)
            if outcome.failed:
                raise outcome.failed[0].error
    return min(cpu), min(wall)


def start_up(*command: str) -> float:
    """Return the median wall seconds of a whole process."""
    times = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


def trials() -> list[Row]:
    """Measure trials of every strategy."""
    rows: list[Row] = []
    cases = [
        ("random_search", 300, 50, "<= 3 ms", 1e3, REPEATS),
        ("random_search", 300, 1, "<= 12 ms", 1e3, REPEATS),
        ("regularized_evolution", 300, 50, "<= 12 ms", 1e3, REPEATS),
        ("local_search", 300, 50, "<= 10 ms", 1e3, REPEATS),
        ("bananas", 150, 25, "<= 2.2 s (goal 1.8)", 1.0, 2),
        ("bananas", 150, 1, "<= 3.2 s", 1.0, 2),
    ]
    for strategy, evaluations, replicates, target, scale, repeats in cases:
        cpu, wall = trial(strategy, evaluations, replicates, repeats)
        what = f"{strategy}, {evaluations} evaluations, {f'shard of {replicates}' if replicates > 1 else 'alone'}"
        unit = "ms" if scale > 1 else "s"
        rows.append({"what": f"{what}, CPU per trial", "value": cpu * scale, "unit": unit, "target": target})
        rows.append({"what": f"{what}, wall per trial", "value": wall * scale, "unit": unit, "target": ""})
    return rows


def start_ups() -> list[Row]:
    """Measure what every command and notebook waits for."""
    rows: list[Row] = []
    console = str(Path(sys.executable).with_name("nas-harness"))
    version, bare = start_up(console, "--version"), start_up(sys.executable, "-c", "pass")
    imported, numpy = start_up(sys.executable, "-c", "import harness"), start_up(sys.executable, "-c", "import numpy")
    rows.append({"what": "nas-harness --version, wall", "value": version, "unit": "s", "target": "<= 0.25 s"})
    rows.append({"what": "import harness, wall of the process", "value": imported, "unit": "s", "target": "<= 0.2 s"})
    rows.append({"what": "python -c pass / import numpy, wall", "value": bare, "unit": "s", "target": f"({numpy:.3f})"})
    return rows


if __name__ == "__main__":
    show((trials, start_ups), parser(__doc__).parse_args().json)
