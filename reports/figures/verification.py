"""Panels of a verification: table against real training, and the difference of each architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.figures import drawing, render

_MARGIN: dict[str, Any] = {"color": "#000000", "alpha": 0.07, "linewidth": 0}
_LINE: dict[str, Any] = {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 0.9}
_FILLED = "confirmed"
_MARKS = {"confirmed": "filled", "inconclusive": "hollow", "drifted": "cross", "failed": "plus"}
"""How a verdict is drawn, besides the colour of the role."""


def draw_agreement(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw real training against the table with both intervals, identity line, margin band, ceiling in the corner."""
    ends = [frame[name] + sign * frame[f"{name}_half"] for name in ("x", "y") for sign in (-1, 1)]
    low, high = min(end.min() for end in ends), max(end.max() for end in ends)
    room = 0.06 * max(high - low, float(frame["margin"].iloc[0]))
    limits = np.array([low - room, high + room])
    margin = float(frame["margin"].iloc[0])
    axes.fill_between(limits, limits - margin, limits + margin, zorder=1, **_MARGIN)
    axes.plot(limits, limits, zorder=1.5, **_LINE)
    for role, part in frame.groupby("series", sort=False):
        for verdict, points in part.groupby("column", sort=False):
            axes.errorbar(
                points["x"], points["y"], xerr=points["x_half"], yerr=points["y_half"], linestyle="", zorder=3,
                elinewidth=0.8, **_mark(meta["styles"][role], str(verdict)),
            )  # fmt: skip
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    corner = meta["corner"][frame["benchmark"].iloc[0]]
    axes.text(0.97, 0.04, corner, transform=axes.transAxes, ha="right", va="bottom", fontsize=6.5, linespacing=1.25)
    roles = list(dict.fromkeys(frame["series"]))
    handles = [Line2D([], [], linestyle="", label=role, **_mark(meta["styles"][role], _FILLED)) for role in roles]
    axes.legend(handles=handles, loc="upper left", fontsize=6.5, handletextpad=0.2, borderpad=0.3)


def draw_differences(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw real minus table for each architecture with its 90 % interval against the margin."""
    margin = float(frame["margin"].iloc[0])
    axes.axvspan(-margin, margin, zorder=1, **_MARGIN)
    axes.axvline(0.0, zorder=1.5, **_LINE)
    for place, row in enumerate(frame.to_dict("records")):
        mark = _mark(meta["styles"][row["series"]], row["column"])
        axes.errorbar(
            [row["difference"]], [place], xerr=[[row["difference"] - row["low"]], [row["high"] - row["difference"]]],
            linestyle="", zorder=3, elinewidth=1.1, **mark,
        )  # fmt: skip
    axes.set_yticks(range(len(frame)), list(frame["row"]))
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def _mark(style: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    """Return the marker of a role under a verdict."""
    kind = _MARKS[verdict]
    marker = {"cross": "X", "plus": "P"}.get(kind, style["marker"])
    face = "white" if kind == "hollow" else style["color"]
    return {
        "marker": marker, "color": style["color"], "markerfacecolor": face, "markersize": 4.2, "markeredgewidth": 0.9,
    }  # fmt: skip


def register() -> None:
    """Make the two kinds known to `reports.figures.render.draw`."""
    drawing.DRAWERS.update({"agreement": draw_agreement, "differences": draw_differences})
    render.PANEL_INCHES.update({"agreement": (2.5, 2.5), "differences": (2.5, 2.3)})


register()
