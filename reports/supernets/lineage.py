"""The table of lineages: cells that growing methods handed over, what they grew from, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from reports.supernets.results import Supernet, SupernetResults
from reports.tables.numbers import NONE, decimals, three_digits
from reports.tables.report_table import ReportTable

Cell = tuple[int, ...]


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


def table(results: SupernetResults) -> ReportTable | None:
    """Return the lineages of all methods that tell them; None where none does."""
    rows: list[dict[str, Any]] = []
    for panel in results.panels:
        truth, space = panel.truth, panel.truth.oracle.space
        for label, group in panel.supernets.items():
            for one in (each for each in group if "lineage" in each.logs):
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
