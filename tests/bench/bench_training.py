"""How many micro networks train in a minute at R0, R3 and R4; run as a program to see a table.  Nothing is asserted."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from harness.checks import Archs
from harness.seeding import generator
from harness.spaces.nb201.operations import CARDINALITIES
from harness.training import data
from harness.training import recipe as recipes
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe
from harness.training.trainer import train
from tests.bench.figures import Row, parser, show

NETWORKS, SEEDS, EPOCHS = 32, 4, 2
"""Networks of a pack, seeds of a cell where they are packed, and epochs that are really trained."""


def _cells(count: int) -> Archs:
    """Return different random cells, (count, 6)."""
    drawn = generator(0, "bench", "training").integers(0, CARDINALITIES, (4 * count, len(CARDINALITIES)))
    _, first = np.unique(drawn, axis=0, return_index=True)
    return drawn[np.sort(first)[:count]].astype(np.uint8)


def _seconds_per_network(
    level: str, recipe: Recipe, dataset: Dataset, device: str, *, archs: Archs, seeds: int
) -> Callable[[], float]:
    """Return what trains once, set-up and evaluations included, and tells the seconds of a network with all epochs."""
    few = recipe.but(epochs=EPOCHS)

    def once() -> float:
        started = time.perf_counter()
        train(archs, np.arange(seeds), few, dataset, device, level=level)
        return (time.perf_counter() - started) / (len(archs) * seeds) * recipe.epochs / EPOCHS

    return once


def _compare(channels: int, device: str, repeats: int) -> list[Row]:
    """Train the same 32 cells at R0 and R4, and 8 of them with 4 seeds at R3, by turns; the best of each counts."""
    recipe, dataset = recipes.load("micro").but(channels=channels), data.load("mnist1d")
    seconds = partial(_seconds_per_network, recipe=recipe, dataset=dataset, device=device)
    archs = _cells(NETWORKS)
    calls = {
        "R0": seconds("R0", archs=archs, seeds=1),
        "R3": seconds("R3", archs=archs[: NETWORKS // SEEDS], seeds=SEEDS),
        "R4": seconds("R4", archs=archs, seeds=1),
    }
    # R3 trains other cells than R0: it is compared with R0 on its own.
    own = seconds("R0", archs=archs[: NETWORKS // SEEDS], seeds=1)
    best = {level: np.inf for level in (*calls, "own")}
    for _ in range(repeats):
        for level, call in (*calls.items(), ("own", own)):
            best[level] = min(best[level], call())
    where = f"{device}, {channels} channels"
    rows: list[Row] = [{"what": f"a micro network at R0, {where}", "value": best["R0"], "unit": "s", "target": "<= 3"}]
    for level in calls:
        what = f"micro networks a minute at {level}, {where}"
        rows.append({"what": what, "value": 60 / best[level], "unit": "networks/min", "target": ""})
    for level, base, what in (("R3", "own", "4 seeds of 8 cells"), ("R4", "R0", "32 cells")):
        what = f"{level} against R0, {what}, {where}"
        rows.append({"what": what, "value": best[base] / best[level], "unit": "times", "target": ">= 3"})
    return rows


def on_cpu(repeats: int = 2) -> list[Row]:
    """Measure on one CPU thread, with the recipe's width and with half of it."""
    width = recipes.load("micro").channels
    return [row for channels in (width, width // 2) for row in _compare(channels, "cpu", repeats)]


def on_cuda(repeats: int = 2) -> list[Row]:
    """Measure on a CUDA device, where there is one."""
    if not torch.cuda.is_available():
        what, nothing = "micro networks a minute on CUDA", float("nan")
        return [{"what": what, "value": nothing, "unit": "not measured:", "target": "no CUDA device"}]
    return _compare(recipes.load("micro").channels, "cuda", repeats)


if __name__ == "__main__":
    show((on_cpu, on_cuda), parser(__doc__).parse_args().json)
