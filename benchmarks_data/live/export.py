"""The table of what a live benchmark has trained: a file like any other, with the rows that searches asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks_data.file import recorded
from benchmarks_data.live.benchmark import SECONDS, TEST, open_oracle
from benchmarks_data.live.entries import live
from harness.training.recipe import TrainingSetup


def export(name: str, path: Path) -> int:
    """Write the full trainings of a live benchmark as a table; return how many rows it has.

    Its rows were chosen by searches: a search on it is a search among what others thought good.

    Raises
    ------
    TableError
        If nothing was trained in full.
    """
    entry, oracle = live(name), open_oracle(name)
    setup = entry.full.setup
    seeds = tuple(oracle.finished.seeds.tolist())
    params, macs = (np.rint(1e6 * oracle.values(column)) for column in ("params_m", "macs_m"))
    recorded.write(
        path,
        name=f"{entry.name.replace('@', '-')}-trained",
        space=entry.space,
        epochs=setup.load_recipe().epochs,
        archs=oracle.archs,
        trained_on="full",
        seeds=seeds,
        made=oracle.finished.made,
        values={column: oracle.column(column) for column in ("valid_accuracy", TEST, SECONDS)}
        | {"params": params.astype(np.int64), "macs": macs.astype(np.int64)},
        training=TrainingSetup(**{**vars(setup), "seeds": seeds}).as_dict(),
        about={
            "title": f"What was trained of {entry.title}",
            "dataset": entry.dataset,
            "replicates": f"the seeds {', '.join(map(str, seeds))}, as searches drew them, who chose the rows too",
            "licence": "your own measurements",
            "citation": "",
            "source": f"trained by {entry.name} at level {entry.level} on {entry.device}",
            "source_sha256": entry.digest,
        },
    )
    return len(oracle.archs)
