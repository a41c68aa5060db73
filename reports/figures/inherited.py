"""Inherited weights against training from scratch: accuracy over multiply-adds, two points for each architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.figures.kind import FigureKind

INHERITED, ALONE = "inherited", "alone"
"""What the column of a frame says of a point; what is not trained by itself has the first alone."""


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a hollow point for inherited weights, a full one with the range of its seeds, and a line between them."""
    for (name, column), part in frame.groupby(["series", "column"], sort=False):
        style = meta["styles"][name]
        axes.plot(part["x"], part["y"], zorder=3 if column == ALONE else 2, **_mark(style, str(column)))
        if column == ALONE:
            axes.vlines(part["x"], part["low"], part["high"], color=style["color"], linewidth=0.9, zorder=2.5)
    for _, pair in frame[frame["row"] != ""].groupby("row", sort=False):
        axes.plot(pair["x"], pair["y"], color="#b4b4b4", linewidth=0.7, linestyle=":", zorder=1)


def _mark(style: Mapping[str, Any], column: str) -> dict[str, Any]:
    full = column == ALONE
    return {
        "linestyle": "",
        "marker": style["marker"],
        "color": style["color"],
        "markersize": 4.2 if style["marker"] != "." else 3.0,
        "markerfacecolor": style["color"] if full or style["marker"] == "." else "white",
        "markeredgewidth": 0.8,
    }


def legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Artist]:
    """Return an entry for each series, as it is drawn last: alone, where it was trained."""
    drawn = dict(frame[["series", "column"]].itertuples(index=False, name=None))
    return [Line2D([], [], label=name, **_mark(meta["styles"][name], column)) for name, column in drawn.items()]


KIND = FigureKind("inherited", (2.6, 2.2), draw, left=0.55, names="none", legend=legend)
