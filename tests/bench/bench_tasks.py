"""Tasks of one's own that train for no time: what an evaluation costs besides, in a batch and one by one.

Run by ``make bench``; prints a table and asserts nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness import registry
from harness.records import Proposals
from tests.bench.figures import Row, parser, show

TASK = """
from harness import Column, Genes, Task

class Quick(Task):
    space = Genes(x=range(1000), y=range(1000))
    columns = (Column("loss", "", "minimise", "validation"), Column("test_loss", "", "minimise", "test"))

    def train(self, config, seed):
        return {"loss": float(config["x"]), "test_loss": float(seed)}
"""
BATCH, ALONE = 500, 200


def overheads() -> Iterator[Row]:
    """Measure evaluations that nobody has asked for before, and such as were."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAS_HARNESS_HOME"] = folder
        path = Path(folder) / "quick.py"
        path.write_text(TASK)
        benchmark = registry.benchmark(f"{path}:Quick")
        archs = benchmark.space.sample(1 + BATCH + ALONE, np.random.default_rng(0))

        def timed(parts: list[slice]) -> tuple[float, float]:
            began = time.perf_counter(), time.process_time()
            for part in parts:
                rows = Proposals.of(archs[part], 0)
                benchmark.query(rows, noise_seed=np.zeros(len(rows), dtype=np.uint64))
            return time.perf_counter() - began[0], time.process_time() - began[1]

        wall, _ = timed([slice(0, 1)])
        yield {"what": "the first evaluation, with a new process, wall", "value": wall, "unit": "s", "target": ""}
        batch, alone = slice(1, 1 + BATCH), [slice(row, row + 1) for row in range(1 + BATCH, len(archs))]
        for what, parts, count, target in (
            (f"one of a batch of {BATCH}", [batch], BATCH, "<= 1 ms"),
            ("one by one", alone, ALONE, "<= 5 ms"),
            ("one by one, known", alone, ALONE, ""),
        ):
            wall, cpu = timed(parts)
            yield {"what": f"{what}, CPU", "value": cpu / count * 1e3, "unit": "ms", "target": target}
            yield {"what": f"{what}, wall", "value": wall / count * 1e3, "unit": "ms", "target": ""}


if __name__ == "__main__":
    show((overheads,), parser(__doc__).parse_args().json)
