"""Figures of one-shot methods over what their supernets have cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.checks import FloatArray
from reports.figures.exhibit import Exhibit
from reports.supernets.exhibit import curves
from reports.supernets.held import SPLIT, held_at, looked_up
from reports.supernets.results import Panel, SupernetResults

_POINTS = 120
"""Points of a curve."""


def over_cost(results: SupernetResults) -> Iterator[Exhibit | None]:
    """Yield looked-up regrets over units of one training, and over real seconds."""
    for split in ("validation", "test"):
        yield _regret(results, split)
    yield _seconds(results)


def _curve(runs: Sequence[tuple[FloatArray, FloatArray]], grid: FloatArray) -> Iterator[tuple[float, ...]]:
    """Yield x, mean, least and largest value of replicates on a grid, where all have one."""
    ends = max(float(spent[-1]) if len(spent) else np.inf for spent, _ in runs)
    held = np.stack([held_at(spent, values, grid) for spent, values in runs])
    for x, column in zip(grid, held.T, strict=True):
        if np.isfinite(column).all() and x <= ends * (1 + 1e-9):
            yield float(x), float(column.mean()), float(column.min()), float(column.max())


def _rows(panel: Panel, split: str, cost: str) -> Iterator[tuple[Any, ...]]:
    found: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    for label, group in panel.supernets.items():
        found[label] = [(getattr(one, cost)[one.epochs - 1], one.regrets[one.derivations[0], split]) for one in group]
    if cost == "units":
        for label, runs in panel.searches.items():
            found[label] = [(spent, regrets[split]) for spent, regrets in runs]
    for label, drawn in found.items():
        points = np.concatenate([spent for spent, _ in drawn])
        if not len(points):
            continue
        grid = np.unique(points)
        if len(grid) > _POINTS:
            grid = np.geomspace(grid[0], grid[-1], _POINTS)
        yield from ((panel.truth.name, label, *row) for row in _curve(drawn, grid))


def _regret(results: SupernetResults, split: str) -> Exhibit | None:
    rows = [row for panel in looked_up(results) if split in panel.truth.splits for row in _rows(panel, split, "units")]
    caption = (
        f"Regret by the table's {split} mean of what would be handed over, against what has been spent, in units of one"
        " training of the mean architecture by multiply-adds. One-shot methods: the cell that they recommend after each"
        " epoch, never told what it is worth; searches: their incumbent. Line: mean over replicates; band: their range."
    )
    return curves(results, f"one-shot-{split}", f"Looked-up {split} regret over cost", rows, caption,
                  "units of one training", f"{split} regret", log_x=True, log_y=True)  # fmt: skip


def _seconds(results: SupernetResults) -> Exhibit | None:
    rows = [row for panel in looked_up(results) for row in _rows(panel, SPLIT, "seconds")]
    caption = (
        "The same against the real seconds of the supernets, on one core of some machine: another clock,"
        " on which searches of a table have no place."
    )
    return curves(results, "one-shot-seconds", "Looked-up validation regret over real time", rows, caption,
                  "real seconds", "validation regret", log_x=True, log_y=True)  # fmt: skip
