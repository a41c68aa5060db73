"""Held-out predictions of a surrogate benchmark against what trainings gave, a point for each architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.checks import BoolArray, FloatArray
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import style_map

ALL, BEST = "all", "the best tenth"


def exhibit(
    predicted: FloatArray, observed: FloatArray, best: BoolArray, *, column: str, unit: str, provenance: Any
) -> Exhibit:
    """Return predicted against observed means: all, and the best tenth in a panel of its own."""
    parts = [
        pd.DataFrame({"benchmark": panel, "series": panel, "x": observed[rows], "y": predicted[rows]})
        for panel, rows in ((ALL, np.ones(len(best), dtype=bool)), (BEST, best))
    ]
    frame = pd.concat(parts, ignore_index=True)
    words = f" ({unit})" if unit else ""
    caption = (
        "Predictions by models that were not told of an architecture, or of any that computes the same function,"
        f" against the mean over its trainings: {len(observed):,} architectures, one of each functional class. Dotted:"
        " identity. Points off it by more than the noise of trainings are errors of the surrogate."
    )
    meta = {
        "title": "Held-out predictions",
        "caption": caption,
        "alt": f"Scatter plot of predicted against observed {column}, for all and for the best tenth.",
        "x_label": f"observed{words}",
        "y_label": dict.fromkeys((ALL, BEST), f"predicted{words}"),
        "styles": style_map([ALL, BEST]),
        "provenance": provenance,
    }
    return Exhibit("held-out", KIND.name, frame, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the points and the identity."""
    style = meta["styles"][frame["series"].iloc[0]]
    ends = np.array([frame[["x", "y"]].min().min(), frame[["x", "y"]].max().max()])
    axes.plot(ends, ends, color="#999999", linestyle=(0, (1, 1.4)), linewidth=0.9, zorder=3)
    axes.plot(frame["x"], frame["y"], linestyle="", marker=".", markersize=2, color=style["color"], alpha=0.5)


KIND = FigureKind("held_out", (2.5, 2.5), draw)
