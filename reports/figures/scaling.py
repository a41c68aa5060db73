"""Accuracy against multiply-adds: a line for each family of sizes, the front by validation, and test on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.figures.kind import FigureKind
from reports.figures.lines import log_ticks, name_ends
from reports.figures.style import line_style

_TEST: dict[str, Any] = {"linestyle": (0, (1, 1.4)), "linewidth": 0.8}
_RING: dict[str, Any] = {"marker": "o", "markersize": 7.5, "markerfacecolor": "none", "markeredgecolor": "#222222",
                         "markeredgewidth": 0.8, "linestyle": ""}  # fmt: skip


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw means with their bands, test means dotted, and a ring around each network of the front."""
    axes.set_xscale("log")
    ends: dict[str, tuple[float, float]] = {}
    for name, part in frame.groupby("series", sort=False):
        style, x = line_style(meta["styles"][name]), part["x"].to_numpy()
        axes.fill_between(x, part["low"], part["high"], color=style["color"], alpha=0.13, linewidth=0)
        axes.plot(x, part["centre"], zorder=3, markeredgewidth=0, markersize=3.5, **style)
        axes.plot(x, part["test"], color=style["color"], marker=style["marker"], markersize=2.5, zorder=2,
                  markerfacecolor="none", markeredgewidth=0.6, **_TEST)  # fmt: skip
        ends[str(name)] = float(x[-1]), float(part["centre"].iloc[-1])
    held = frame[frame["front"] > 0]
    axes.plot(held["x"], held["centre"], zorder=4, **_RING)
    low, high = float(frame["x"].min()), float(frame["x"].max())
    axes.set_xlim(low / 1.12, (high if high > low else 2 * low) * 1.12)
    log_ticks(axes.xaxis, *axes.get_xlim())
    name_ends(axes, ends, meta["styles"])


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D]:
    grey: dict[str, Any] = {"color": "#555555"}
    return [
        Line2D([], [], label="validation", marker="o", markersize=3.5, linewidth=1.2, **grey),
        Line2D([], [], label="test", marker="o", markersize=2.5, markerfacecolor="none", **_TEST, **grey),
        Line2D([], [], label="front by validation", **_RING),
    ]


KIND = FigureKind("scaling", (2.15, 1.85), draw, left=0.55, right=0.32, names="right", legend=_legend)
