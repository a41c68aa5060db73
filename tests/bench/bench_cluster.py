"""Small shards on two workers: processes of this machine against workers of Dask, and one worker of Dask against two.

Run by ``make bench``; prints a table and asserts nothing.  ``--shards`` takes fewer than 10,000.  On a machine that
others use, read the rows of CPU time: what two workers spend, and what this process does, in which the scheduler runs.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness.experiments import execute as execution
from harness.experiments.cluster.client import connected
from harness.experiments.cluster.executor import Cluster
from harness.experiments.prepare import Prepared, prepare
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from tests.bench.figures import Row, parser, show

EVALUATIONS = 50


def small_shards(count: int) -> Prepared:
    """Return random searches of one replicate each."""
    spec = Spec(
        "bench", ("nb201-cifar10",), (StrategySpec("random_search", "random"),), Budget(EVALUATIONS), replicates=1
    )
    prepared = prepare(spec)
    ((label, shard),) = prepared.shards.values()
    units: list[Any] = [replace(shard, first=place, stop=place + 1) for place in range(count)]  # type: ignore[type-var]
    return replace(prepared, shards={unit.digest: (label, unit) for unit in units})


@contextmanager
def without_manifest() -> Iterator[None]:
    """Leave out the manifest, which would refuse shards that no spec has."""
    with patch.object(execution, "write_manifest"):
        yield


def seconds(prepared: Prepared, **how: Any) -> float:
    """Return the wall seconds of a run."""
    with tempfile.TemporaryDirectory() as folder, without_manifest():
        began = time.perf_counter()
        outcome = execution.execute(prepared, Path(folder), **how)
        if outcome.failed or outcome.computed != len(prepared.shards):
            raise RuntimeError(f"{len(outcome.failed)} failed, {outcome.computed} computed")
        return time.perf_counter() - began


def spent(cluster: Cluster) -> tuple[float, float]:
    """Return the CPU seconds of this process, and of all workers, so far."""
    return time.process_time(), sum(cluster.client.run(time.process_time).values())


def memory() -> float:
    """Return the most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measures(count: int) -> Iterator[Row]:
    """Yield all rows, for so many shards."""
    prepared = small_shards(count)
    few = replace(prepared, shards=dict(list(prepared.shards.items())[: count // 10]))
    told = f"{count:,} small shards, 2 workers"
    pool = seconds(prepared, workers=2)
    yield {"what": f"{told}: processes", "value": pool, "unit": "s", "target": ""}
    with connected("local:2") as cluster, cluster:
        seconds(few, executor=cluster)  # workers import what they need
        before, both = memory(), seconds(few, executor=cluster)
        began = spent(cluster)
        dask = seconds(prepared, executor=cluster)
        here, there = (end - start for start, end in zip(began, spent(cluster), strict=True))
    yield {"what": f"{told}: Dask", "value": dask, "unit": "s", "target": ""}
    yield {"what": "Dask over processes", "value": dask / pool, "unit": "times", "target": "<= 1.2"}
    yield {"what": "client, with ten times the shards", "value": memory() - before, "unit": "MB more", "target": "0"}
    with connected("local:1") as cluster, cluster:
        seconds(few, executor=cluster)
        alone = seconds(few, executor=cluster)
    yield {"what": "efficiency, 1 to 2 workers", "value": 50 * alone / both, "unit": "%", "target": ">= 90"}
    share = 100 * there / (here + there)
    yield {"what": "efficiency by CPU, two cores", "value": share, "unit": "%", "target": ">= 90"}
    yield {"what": "CPU of a shard: workers", "value": 1e3 * there / count, "unit": "ms", "target": ""}
    yield {"what": "CPU of a shard: client, scheduler", "value": 1e3 * here / count, "unit": "ms", "target": ""}


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--shards", type=int, default=10_000)
    given = arguments.parse_args()
    show([lambda: measures(given.shards)], given.json)


if __name__ == "__main__":
    main()
