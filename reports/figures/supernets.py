"""Curves over what a supernet has cost, or over its epochs: the mean of replicates, and their range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.figures.kind import FigureKind
from reports.figures.lines import draw_band, log_ticks, name_ends

_LEAST_SPAN = 0.01
"""Of weights and entropies: of what differs by less nothing was chosen yet."""


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a step curve with its band for each series.

    Beside what all figures have, `meta` says whether an axis is logarithmic (``log_x``, ``log_y``), below which
    value nothing is drawn (``floor``), and whether values are numbers of things (``counts``).
    """
    log_x, log_y, floor = meta.get("log_x", False), meta.get("log_y", False), meta.get("floor", -np.inf)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    groups = [(name, _held(part, log_x=log_x)) for name, part in frame.groupby("series", sort=False)]
    ends = {
        str(name): draw_band(axes, part, meta["styles"][name], place, len(groups), floor, log=log_x, held=True)
        for place, (name, part) in enumerate(groups)
    }
    low, high = float(frame["x"].min()), max(float(part["x"].max()) for _, part in groups)
    axes.set_xlim(low, high if high > low else low + 1)
    if log_x:
        log_ticks(axes.xaxis, *axes.get_xlim())
    else:  # epochs
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    if log_y:
        log_ticks(axes.yaxis, *axes.get_ylim())
    elif meta.get("counts", False):
        axes.set_ylim(0, 1.06 * max(float(frame["high"].max()), 1.0))
        axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    else:
        _widen(axes)
    name_ends(axes, ends, meta["styles"])


def _widen(axes: Axes) -> None:
    """Make the vertical axis long enough that its numbers need no more than three decimals, and so little room."""
    low, high = axes.get_ylim()
    more = max(0.0, _LEAST_SPAN - (high - low)) / 2
    axes.set_ylim(low - more, high + more)


def _held(part: pd.DataFrame, *, log_x: bool) -> pd.DataFrame:
    """Return a curve that holds its last value for a little: half an epoch, or a twentieth of what was spent."""
    last = part.iloc[[-1]]
    return pd.concat([part, last.assign(x=last["x"] * 1.05 if log_x else last["x"] + 0.5)], ignore_index=True)


KIND = FigureKind("supernets", (2.15, 1.85), draw, left=0.55, right=0.32, names="right")
