"""Figures of one-shot methods as exhibits: the captions, styles and provenance that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import Archs
from harness.printable import counted
from harness.space import SearchSpace
from reports.figures import architectures
from reports.figures.exhibit import Exhibit
from reports.figures.style import style_map
from reports.figures.supernets import KIND
from reports.supernets.held import SPLIT
from reports.supernets.results import SupernetResults, provenance
from reports.tables.numbers import three_digits

Rows = Sequence[tuple[str, str, float, float, float, float]]
"""Panel, series, x, centre, low and high."""


def curves(
    results: SupernetResults,
    name: str,
    title: str,
    rows: Rows,
    caption: str,
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    styles: Mapping[str, Any] | None = None,
    unit: bool = True,
    counts: bool = False,
) -> Exhibit | None:
    """Return curves with bands; None where there is nothing to draw.

    `unit` says whether the values are in the unit of the table's metric, `counts` whether they are numbers of things.
    """
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "centre", "low", "high"])
    if frame.empty:
        return None
    positive = frame["centre"][frame["centre"] > 0]
    floor = float(positive.min()) / 2 if log_y and len(positive) else -np.inf
    ends = frame.groupby(["benchmark", "series"], sort=False).last()["centre"]
    named = zip(ends.index.to_list(), ends.to_list(), strict=True)
    words = "; ".join(f"{', '.join(map(str, key))}: {three_digits(float(value))}" for key, value in named)
    units = {panel.truth.name: panel.truth.unit(SPLIT) for panel in results.panels} if unit and not counts else {}
    shared = next(iter(units.values())) if len(set(units.values())) == 1 else ""  # where panels are of methods
    labels = [item.label for item in results.spec.strategies]
    clipped = f" What is below {three_digits(floor)} is drawn there." if log_y and (frame["low"] < floor).any() else ""
    return Exhibit(
        name,
        KIND.name,
        frame,
        {
            "title": title,
            "caption": f"{caption} n = {counted(results.spec.replicates, 'replicate')}.{clipped}",
            "alt": f"{title}; at the end: {words}.",
            "x_label": x_label,
            "y_label": {
                panel: f"{y_label} ({shown})" if (shown := units.get(panel, shared)) else y_label
                for panel in dict.fromkeys(frame["benchmark"])
            },
            "styles": style_map(labels) if styles is None else styles,
            "left_out": {},
            "log_x": log_x,
            "log_y": log_y,
            **({"floor": floor} if np.isfinite(floor) else {}),
            **({"counts": True} if counts else {}),
            "provenance": provenance(results),
        },
    )


def drawings(results: SupernetResults, shown: Sequence[tuple[str, SearchSpace, Archs]], caption: str) -> Exhibit | None:
    """Return drawings of cells, by the names of their panels; None where none can be drawn."""
    frame, meta = architectures.drawn(shown)
    if frame.empty:
        return None
    title = {"title": "Derived cells", "caption": f"{meta['caption']} {caption}", "styles": {}}
    return Exhibit(
        "one-shot-drawings", architectures.KIND.name, frame, {**meta, **title, "provenance": provenance(results)}
    )
