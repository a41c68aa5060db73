"""A live benchmark that trains in milliseconds, and searches on it as processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks_data.live import entries
from benchmarks_data.live.entries import Live, Offer
from harness.files.whole import replacing
from harness.training.data import exported
from harness.training.recipe import TrainingSetup
from tests.harness.training.support import signals

NAME = "live-tiny"


def tiny(folder: Path, *, level: str = "R0", seeds: tuple[int, ...] = (0, 1)) -> Live:
    """Return a live benchmark on 100 signals of length 12, three epochs, beside one on as many epochs of half width."""
    data = folder / "signals.npz"
    if not data.exists():
        with replacing(data) as temporary:
            exported.save(signals((100, 40, 40)), temporary)
    changes = {"epochs": 3, "channels": 4, "batch_size": 50}
    full = TrainingSetup("nb201", "micro", str(data), seeds=seeds, margin_percent=20.0, recipe_changes=changes)
    half = TrainingSetup("nb201", "micro", str(data), seeds=seeds[:1], recipe_changes=changes | {"channels": 2})
    offers = (Offer(half, 100), Offer(full, 100))
    return Live(NAME, "Live, tiny", "made up", "nb201", offers, level, "cpu", 1e9)


def known(folder: Path) -> Mapping[str, Live]:
    """Return what stands in place of the catalogue."""
    return {NAME: tiny(folder)}


def search(folder: Path) -> None:
    """Run two strategies on the tiny benchmark and write what they were told."""
    import harness as nh

    entries.lives = lambda: known(folder)
    results = nh.run(["random_search", "regularized_evolution"], NAME, evaluations=12, replicates=2)
    with replacing(folder / sys.argv[2]) as temporary, temporary.open("wb") as file:
        np.savez(file, **{str(place): run.trace.objectives for place, run in enumerate(results.runs)})


if __name__ == "__main__":
    search(Path(sys.argv[1]))
