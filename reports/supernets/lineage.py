"""Lineages: cells that growing methods handed over, what they grew from, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.figures.exhibit import Exhibit
from reports.figures.style import style_map
from reports.supernets.epochs import Row, spread
from reports.supernets.exhibit import curves
from reports.supernets.held import SPLIT
from reports.supernets.results import Panel, Supernet, SupernetResults
from reports.tables.numbers import NONE, decimals, three_digits
from reports.tables.report_table import ReportTable

Cell = tuple[int, ...]
INHERITED, SCRATCH = "inherited weights", "from scratch"
"""Series of the figure."""


def ancestors(one: Supernet) -> dict[Cell, Cell]:
    """Return the cell from which each cell first had its weights, of a method that tells its lineage.

    A cell that is trained on from itself has no entry by that.
    """
    found: dict[Cell, Cell] = {}
    for parent, child in np.asarray(one.logs.get("lineage", np.empty((0, 2, 6)))).astype(int).tolist():
        if parent != child:
            found.setdefault(tuple(child), tuple(parent))
    return found


def changes(one: Supernet) -> Iterator[tuple[int, Cell, Cell | None]]:
    """Yield each epoch, from 1, at which another cell is handed over, with the cell and its ancestor, if any."""
    came, last = ancestors(one), None
    for epoch, arch in zip(one.epochs.tolist(), one.archs[one.derivations[0]].tolist(), strict=True):
        cell = tuple(arch)
        if cell != last:
            yield epoch, cell, came.get(cell)
        last = cell


def figure(results: SupernetResults) -> Exhibit | None:
    """Return accuracies with inherited weights and from scratch, a panel for each method; None where none grows."""
    rows = list[Row]()
    for panel, label, group in _grown(results):
        several = len(results.panels) > 1
        where = f"{label}, {panel.truth.name}" if several else label
        inherited = [one.logs["inherited"] for one in group]
        rows += spread(where, INHERITED, [(np.arange(1, len(one) + 1), one) for one in inherited])
        looked_up = [(one.epochs, panel.truth.mean_where_known(one.archs[one.derivations[0]], SPLIT)) for one in group]
        rows += spread(where, SCRATCH, looked_up)
    caption = (
        "Validation accuracy of the network that is handed over after each epoch: with the weights that it inherited"
        " and was trained on from, and the table's mean of trainings of its cell from scratch, which the method is"
        " never told. Mean over replicates, and their range."
    )
    return curves(results, "one-shot-grown", "Inherited weights while networks grow", rows, caption, "epoch",
                  "validation accuracy (%)", styles=style_map([INHERITED, SCRATCH]), unit=False)  # fmt: skip


def _grown(results: SupernetResults) -> Iterator[tuple[Panel, str, Sequence[Supernet]]]:
    """Yield the supernets of methods that tell their lineage."""
    for panel in results.panels:
        yield from ((panel, label, panel.supernets[label]) for label in results.growing if label in panel.supernets)


def table(results: SupernetResults) -> ReportTable | None:
    """Return the lineages of all methods that tell them; None where none does."""
    rows: list[dict[str, Any]] = []
    for panel, label, group in _grown(results):
        truth, space = panel.truth, panel.truth.oracle.space
        for one in group:
            for epoch, cell, parent in changes(one):
                row = {"benchmark": truth.name, "method": label, "replicate": one.replicate}
                row["parent"] = "" if parent is None else space.format(np.array([parent]))[0]
                row["cell"] = space.format(np.array([cell]))[0]
                row |= {"epoch": epoch, "units": float(one.units[epoch - 1])}
                row["inherited"] = float(one.logs["inherited"][epoch - 1])
                for split in truth.splits:
                    row[split] = float(truth.mean_where_known(np.array([cell], dtype=space.dtype), split)[0])
                rows.append(row)
    if not rows:
        return None
    shown = tuple(
        tuple(
            (three_digits(value) if key == "units" else decimals(value))
            if isinstance(value, float)
            else str(value) or NONE
            for key, value in row.items()
        )
        for row in rows
    )
    caption = (
        "Every cell that a growing method handed over, at the epoch from which on it did, with what had been spent in"
        " units of one training; the cell from which it had its weights; its validation accuracy with these weights,"
        " then, in percent; and the table's means of trainings from scratch, in the unit of its metric. What weights"
        " that are inherited give enters no table."
    )
    headers = ("Benchmark", "Method", "Replicate", "Grown from", "Cell", "Epoch", "Units", "Inherited",
               *(split.capitalize() for split in results.panels[0].truth.splits))  # fmt: skip
    return ReportTable("one-shot-lineage", "Lineages", caption, pd.DataFrame(rows), headers, shown, text_columns=5)
