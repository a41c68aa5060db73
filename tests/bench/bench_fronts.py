"""How long fronts take to judge and to report; run as a program to see a table.  Nothing is asserted."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.bench.figures import Row, parser, show

OBJECTIVES = ("valid_accuracy", "params_m", "latency_seconds")
BENCHMARKS = ("nb201-cifar10", "nb201-cifar100", "nb201-imagenet16")


def _cpu_seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """Return the processor time of a call, the mean over repeats."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def indicators() -> list[Row]:
    """Judge one large front, and every front of 500 runs of 500 rows."""
    from harness.judging.front import fronts_of
    from harness.judging.indicators import anytime_hypervolume, hypervolume

    rng = np.random.default_rng(0)
    front = rng.dirichlet(np.ones(3), 100)
    hypervolume(front)
    rows: list[Row] = [
        {"what": "hypervolume of a front of 100 points, 3 objectives",
         "value": 1e3 * _cpu_seconds(lambda: hypervolume(front), 200), "unit": "ms", "target": "<= 1"}
    ]  # fmt: skip
    for objectives, target in ((2, "< 1"), (3, "")):
        runs = [rng.random((500, objectives)) for _ in range(500)]

        def judge(runs: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = runs) -> None:
            for values in runs:
                history = fronts_of(values)
                anytime_hypervolume(values[history.rows], history)

        what = f"every front of 500 runs of 500 rows and its hypervolume, {objectives} objectives"
        rows.append({"what": what, "value": _cpu_seconds(judge), "unit": "s", "target": target})
    return rows


def random_search() -> list[Row]:
    """Compute the exact expectation of random search on the finest grid of a table."""
    from harness import registry
    from harness.judging.indicators import Normalisation
    from reports.statistics.random_front import expected_hypervolume

    oracle = registry.oracle("nb201-cifar10")
    values = np.stack([100 - oracle.values("valid_accuracy"), oracle.values("latency_seconds")], axis=1)
    points, n = Normalisation.of(values).unit(values), np.arange(1, 501)
    seconds = _cpu_seconds(lambda: expected_hypervolume(points, n))
    what = "expected hypervolume of random search at 500 budgets (error, latency)"
    return [{"what": what, "value": seconds, "unit": "s", "target": "< 7 (one budget)"}]


def page(strategies: int = 10, replicates: int = 50, evaluations: int = 150) -> list[Row]:
    """Write the page of ten strategies on three benchmarks by three objectives; random searches stand for all."""
    import harness as nh
    from harness.experiments.spec import StrategySpec
    from reports.page.notebook import report

    results = nh.run(
        "random_search", list(BENCHMARKS), evaluations=evaluations, replicates=strategies * replicates,
        objectives=list(OBJECTIVES),
    )  # fmt: skip
    labels = [f"strategy {place}" for place in range(strategies)]
    spec = replace(results.spec, replicates=replicates,
                   strategies=tuple(StrategySpec("random_search", label) for label in labels))  # fmt: skip
    runs = [
        replace(run, label=labels[run.replicate // replicates], replicate=run.replicate % replicates)
        for run in results.runs
    ]
    shared = replace(results, spec=spec, runs=tuple(runs))
    with tempfile.TemporaryDirectory() as folder:
        seconds = _cpu_seconds(lambda: report(shared, Path(folder) / "report"))
    what = f"page of {strategies} strategies x 3 objectives x 3 benchmarks x {replicates} replicates"
    return [{"what": what, "value": seconds, "unit": "s", "target": "<= 30"}]


if __name__ == "__main__":
    arguments = parser(__doc__).parse_args()
    show((indicators, random_search, page), arguments.json)
