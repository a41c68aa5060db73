"""How long a large page takes, and how large it is; run as a program to see a table.  Nothing is asserted."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.bench.figures import Row, parser, show


def page(strategies: int = 20, benchmarks: int = 13, replicates: int = 100, evaluations: int = 300) -> list[Row]:
    """Write the page of a study on made-up tables, in which each strategy takes the better of ever more draws."""
    from harness.experiments.manifest import BenchmarkFacts
    from harness.experiments.results import Results
    from harness.experiments.spec import Spec, StrategySpec
    from harness.problem import Budget
    from harness.records import Run, Trace
    from reports.page.notebook import report
    from tests.reports.support import ACCURACY, FakeOracle, opener, trace_of

    oracles = [FakeOracle(f"table {place}") for place in range(benchmarks)]
    labels = ["random_search", *(f"strategy {place}" for place in range(1, strategies))]
    runs = []
    for place, oracle in enumerate(oracles):
        for greed, label in enumerate(labels):
            traces = []
            for replicate in range(replicates):
                rng = np.random.default_rng([place, greed, replicate])
                draws = oracle.space.sample((1 + greed // 4) * evaluations, rng).reshape(evaluations, -1, 3)
                codes = oracle.space.code(draws.reshape(-1, 3)).astype(np.int64).reshape(evaluations, -1)
                best = np.argmax(oracle.runs[codes, 0], axis=1)
                archs, code = draws[np.arange(evaluations), best], codes[np.arange(evaluations), best]
                shown = oracle.runs[code, np.random.default_rng(replicate).integers(0, 2, 216)[code]]
                traces.append(trace_of(archs, shown, 100 + 50 * archs.sum(axis=1) + rng.random(evaluations)))
            block = Trace.concatenate(traces).lean()  # as results are held that were read
            for replicate in range(replicates):
                trace = block.part(replicate * evaluations, (replicate + 1) * evaluations)
                runs.append(Run(oracle.name, label, replicate, trace, "budget", 0.01 * (greed + 1)))
    facts = {item.name: BenchmarkFacts(item.name, item.digest, (ACCURACY,), item.has_seconds) for item in oracles}
    specs = tuple(StrategySpec("random_search" if not place else "other", label) for place, label in enumerate(labels))
    spec = Spec("large", tuple(facts), specs, Budget(evaluations=evaluations), replicates=replicates)
    results = Results(spec, facts, tuple(runs), ())
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        page = report(results, Path(folder) / "report", open_oracle=opener(*oracles))
        seconds, size = time.perf_counter() - start, page.path.stat().st_size / 1e6
    what = f"page of {strategies} strategies x {benchmarks} benchmarks x {replicates} replicates x {evaluations}"
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    return [
        {"what": what, "value": seconds, "unit": "s", "target": "<= 60, two cores"},
        {"what": f"{what}: the file", "value": size, "unit": "MB", "target": "<= 3 (12 benchmarks)"},
        {"what": f"{what}: memory of both processes", "value": peak, "unit": "GB", "target": "<= 2"},
    ]


if __name__ == "__main__":
    show((page,), parser(__doc__).parse_args().json)
