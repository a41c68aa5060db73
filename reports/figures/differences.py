"""Differences: real training minus table for each architecture, with its interval against the margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.verdicts import LINE, MARGIN, drawn_rows, joined, mark, points, verification_exhibit
from reports.study.verdicts import Verification
from reports.tables.numbers import signed


def exhibit(origin: Mapping[str, Any], verified: Sequence[Verification]) -> Exhibit:
    """Return the difference of each architecture with its interval, against the margin; `origin` is as elsewhere."""
    parts = [
        points(item, rows).assign(difference=rows["difference"], low=rows["low"], high=rows["high"])
        for item in verified
        if len(rows := drawn_rows(item))
    ]
    frame = joined(parts)
    words = "; ".join(
        f"{row['benchmark']}, {row['row']}: {signed(row['difference'])}, {row['column']}"
        for row in frame.to_dict("records")
    )
    meta = {
        "title": "Difference of each architecture",
        "x_label": "real training minus table (percentage points)",
        "y_label": dict.fromkeys(frame["benchmark"], ""),
        "alt": f"Interval plot of the difference between real training and table for each architecture. {words}.",
        "centre": "difference of means over seeds",
        "band": "90 % interval",
    }
    caption = (
        "Real training minus table with the 90 % interval of the equivalence test; grey: the margin. An architecture is"
        " confirmed if its interval lies inside, drifted if it lies outside (Holm-adjusted). Filled: confirmed; hollow:"
        " inconclusive; cross: drifted."
    )
    return verification_exhibit(origin, verified, KIND.name, frame, caption, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw real minus table for each architecture with its 90 % interval against the margin."""
    margin = float(frame["margin"].iloc[0])
    axes.axvspan(-margin, margin, zorder=1, **MARGIN)
    axes.axvline(0.0, zorder=1.5, **LINE)
    for place, row in enumerate(frame.to_dict("records")):
        style = mark(meta["styles"][row["series"]], row["column"])
        axes.errorbar(
            [row["difference"]], [place], xerr=[[row["difference"] - row["low"]], [row["high"] - row["difference"]]],
            linestyle="", zorder=3, elinewidth=1.1, **style,
        )  # fmt: skip
    axes.set_yticks(range(len(frame)), list(frame["row"]))
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


KIND = FigureKind("differences", (2.5, 2.3), draw)
