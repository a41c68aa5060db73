"""Agreement: real training against the table, a point for each architecture (F18)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy import stats

from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import PALE
from reports.figures.verdicts import LINE, MARGIN, drawn_rows, joined, mark, points, verification_exhibit
from reports.statistics.agreement import SIMULATIONS
from reports.statistics.significance import ALPHA
from reports.study.verdicts import CONFIRMED, Verification
from reports.tables.numbers import ceiling_words


def exhibit(origin: Mapping[str, Any], verified: Sequence[Verification]) -> Exhibit:
    """Return table against real training; `origin` is the provenance of the results."""
    parts = []
    for item in verified:
        rows = drawn_rows(item)
        if not len(rows):
            continue
        half = stats.t.ppf(1 - ALPHA / 2, item.overall.df) * item.overall.sd
        parts.append(
            points(item, rows).assign(
                x=rows["table_mean"], x_half=half / np.sqrt(rows["table_n"]),
                y=rows["real_mean"], y_half=half / np.sqrt(rows["real_n"]),
            )
        )  # fmt: skip
    frame = joined(parts)
    corner = {item.measurements.benchmark: _corner(item) for item in verified}
    words = "; ".join(
        f"{row.benchmark}, {row.row}: table {row.x:.2f}, real {row.y:.2f}" for row in frame.itertuples(index=False)
    )
    meta = {
        "title": "Table against real training",
        "x_label": "validation accuracy in the table (%)",
        "y_label": dict.fromkeys(frame["benchmark"], "trained for real (%)"),
        "corner": corner,
        "alt": f"Scatter plot of validation accuracy trained for real against the table's. {words}.",
        "centre": "mean over seeds",
        "band": "95 % interval of the mean from the pooled spread",
    }
    caption = (
        "Validation accuracy of real training with fresh seeds against the table, one point for each architecture."
        " Bars: 95 % intervals of either mean, from the spread of one training pooled over architectures and both"
        " sides. Dotted: identity; grey: the equivalence margin. Filled: confirmed; hollow: inconclusive; cross:"
        " drifted. Corner: Kendall's tau-b on the stratified sample, and what it would be between the table and a"
        f" faultless re-training (median and 5 to 95 % of {SIMULATIONS:,} simulations)."
    )
    return verification_exhibit(origin, verified, KIND.name, frame, caption, meta)


def _corner(item: Verification) -> str:
    if math.isnan(item.overall.tau):
        return ""
    return f"tau {item.overall.tau:.2f}\nceiling {ceiling_words(item.overall.ceiling)}"


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw real training against the table with both intervals, identity line, margin band, ceiling in the corner."""
    ends = [frame[name] + sign * frame[f"{name}_half"] for name in ("x", "y") for sign in (-1, 1)]
    low, high = min(end.min() for end in ends), max(end.max() for end in ends)
    room = 0.06 * max(high - low, float(frame["margin"].iloc[0]))
    limits = np.array([low - room, high + room])
    margin = float(frame["margin"].iloc[0])
    axes.fill_between(limits, limits - margin, limits + margin, zorder=1, **MARGIN)
    axes.plot(limits, limits, zorder=1.5, **LINE)
    for role, part in frame.groupby("series", sort=False):
        for verdict, shown in part.groupby("column", sort=False):
            axes.errorbar(
                shown["x"], shown["y"], xerr=shown["x_half"], yerr=shown["y_half"], linestyle="", zorder=3,
                elinewidth=0.8, **mark(meta["styles"][role], str(verdict)),
            )  # fmt: skip
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    corner = meta["corner"][frame["benchmark"].iloc[0]]
    axes.text(0.97, 0.04, corner, transform=axes.transAxes, ha="right", va="bottom", fontsize=6.5, linespacing=1.25,
              bbox=PALE, zorder=4)  # fmt: skip
    roles = list(dict.fromkeys(frame["series"]))
    handles = [Line2D([], [], linestyle="", label=role, **mark(meta["styles"][role], CONFIRMED)) for role in roles]
    axes.legend(handles=handles, loc="upper left", fontsize=6.5, handletextpad=0.2, borderpad=0.3)


KIND = FigureKind("agreement", (2.5, 2.5), draw, left=0.55, names="none", widens=False)
