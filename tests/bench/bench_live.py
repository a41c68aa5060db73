"""How fast a live benchmark trains ten networks packed and one by one, and what a search adds to its trainings.

Run as a program to see a table.  Nothing is asserted.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

import harness as nh
from benchmarks_data.live.entries import live
from benchmarks_data.live.trained import Trained
from harness.checks import Archs
from harness.files.whole import HOME_VARIABLE
from tests.bench.figures import Row, parser, show

NAME, NETWORKS, EVALUATIONS = "live-mnist1d-nb201", 10, 20
EPOCHS = 2
"""Of the ten that a full training has: what is compared is the pace."""


def _archs(trained: Trained) -> Archs:
    """Return ten different architectures of middling cost, (10, 6)."""
    drawn = trained.space.sample(60, np.random.default_rng(0))
    _, first = np.unique(trained.canonical(drawn)[1], return_index=True)
    return drawn[np.sort(first)[:NETWORKS]]


def _seconds(folder: Path, level: str, *, one_by_one: bool) -> float:
    """Return what the first epochs of ten trainings take, kept rows included."""
    trained = Trained(live(f"{NAME}@{level}" if level == "R0" else NAME), folder)
    archs, fidelities = _archs(trained), np.full(NETWORKS, EPOCHS - 1)
    seeds = np.zeros(NETWORKS, dtype=np.int64)
    parts = [slice(row, row + 1) for row in range(NETWORKS)] if one_by_one else [slice(None)]
    started = time.process_time()  # of one thread: others on the machine do not count
    for part in parts:
        trained.values(archs[part], fidelities[part], seeds[part])
    return time.process_time() - started


def packed() -> list[Row]:
    """Train the same ten networks three times, by turns; the best of two counts."""
    ways = {"at R0, one by one": ("R0", True), "at R4, one by one": ("R4", True), "at R4, packed": ("R4", False)}
    best = dict.fromkeys(ways, np.inf)
    with tempfile.TemporaryDirectory() as folder:
        _seconds(Path(folder) / "warm", "R4", one_by_one=False)  # the dataset, and the proof of the level
        for turn in range(2):
            for place, (way, (level, one_by_one)) in enumerate(ways.items()):
                took = _seconds(Path(folder) / f"{turn}-{place}", level, one_by_one=one_by_one)
                best[way] = min(best[way], took)
    rows: list[Row] = [
        {"what": f"{EPOCHS} epochs of ten networks {way}, one thread", "value": took, "unit": "CPU s", "target": ""}
        for way, took in best.items()
    ]
    gain = best["at R0, one by one"] / best["at R4, packed"]
    return [*rows, {"what": "packed against one by one at R0", "value": gain, "unit": "times", "target": ">= 2"}]


def overhead() -> list[Row]:
    """Search, then search again where all is trained already: what is left is not training."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[HOME_VARIABLE] = folder
        took = []
        for _ in range(2):
            started = time.perf_counter()
            nh.run("regularized_evolution", NAME, evaluations=EVALUATIONS, replicates=2)
            took.append(time.perf_counter() - started)
        trained = Trained(live(NAME)).grown.rows()
    seconds = 0.0 if trained is None else float(trained.real_seconds.sum())
    return [
        {"what": f"{EVALUATIONS} evaluations x 2, trained now", "value": took[0], "unit": "s", "target": ""},
        {"what": "its trainings alone", "value": seconds, "unit": "s", "target": ""},
        {"what": "the same again, nothing to train", "value": took[1], "unit": "s", "target": ""},
        {"what": "what a search adds", "value": 100 * took[1] / took[0], "unit": "%", "target": "<= 5"},
    ]


if __name__ == "__main__":
    show((packed, overhead), parser(__doc__).parse_args().json)
