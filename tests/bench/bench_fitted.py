"""How long surrogate benchmarks take to fit, to open and to answer; run as a program.  Nothing is asserted."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks_data.catalogue.entries import others
from tests.bench.figures import Row, parser, show


def fitted(path: Path) -> list[Row]:
    """Fit to all of NAS-Bench-201, CIFAR-10, and write the file."""
    from benchmarks_data import provider
    from benchmarks_data.predicted.fitted import fit
    from benchmarks_data.predicted.fitted.file import write
    from benchmarks_data.predicted.fitted.sample import sample_of

    start, cpu = time.perf_counter(), time.process_time()
    write(path, fit.fit(sample_of(provider.told("nb201-cifar10"), None, 0), {"name": fit.DEFAULT}, name="whole"))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return [
        {"what": "fit to nb201-cifar10, with a fold that judges, wall", "value": wall, "unit": "s", "target": ""},
        {"what": "fit to nb201-cifar10, with a fold that judges, CPU", "value": cpu, "unit": "s", "target": "< 60"},
        {"what": "its file", "value": path.stat().st_size / 1e6, "unit": "MB", "target": "< 8"},
    ]  # fmt: skip


def answers(path: Path, count: int = 20_000, repeats: int = 5) -> list[Row]:
    """Open a file and answer, when what answers is imported already."""
    from benchmarks_data.predicted.fitted.benchmark import FittedBenchmark
    from benchmarks_data.predicted.fitted.file import read
    from harness.records import Proposals

    rows, rng = list[Row](), np.random.default_rng(0)
    read(path, check_content=True)
    opening, answering = [], []
    benchmark = FittedBenchmark(read(path))
    asked = Proposals.of(benchmark.space.sample(count, rng), 0)
    seeds = rng.integers(0, 2**63, count).astype(np.uint64)
    for _ in range(repeats):
        cpu = time.process_time()
        benchmark = FittedBenchmark(read(path, check_content=True))
        opening.append(1e3 * (time.process_time() - cpu))
        cpu = time.process_time()
        benchmark.query(asked, noise_seed=seeds)
        answering.append(count / (time.process_time() - cpu))
    rows.append({"what": f"open {path.stem}, CPU", "value": min(opening), "unit": "ms", "target": "< 50"})
    rows.append(
        {"what": f"answers of {path.stem} with noise, CPU", "value": max(answering), "unit": "1/s", "target": "> 20000"}
    )
    return rows


def searches(benchmark: str, replicates: int = 50, evaluations: int = 300) -> list[Row]:
    """Search in lockstep, by the benchmark's name or its path."""
    import harness as nh

    rows = list[Row]()
    for name, target in (("random_search", "< 30"), ("regularized_evolution", "< 60")):
        cpu = time.process_time()
        nh.run(name, benchmark, evaluations=evaluations, replicates=replicates)
        each, what = 1e3 * (time.process_time() - cpu) / replicates, f"{name} on {Path(benchmark).stem}"
        rows.append({"what": f"{what}, {evaluations} evaluations, CPU a trial", "value": each, "unit": "ms",
                     "target": target})  # fmt: skip
    return rows


if __name__ == "__main__":
    given = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "whole.h5"
        micro = others()["micro-darts"].paths()[0]
        measured = (
            partial(fitted, place),
            *(partial(answers, path) for path in (place, micro)),
            *(partial(searches, benchmark) for benchmark in (str(place), "micro-darts")),
        )
        show(measured, given.json)
