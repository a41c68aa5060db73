"""Operations over time: how often each stands in what strategies propose, from begin to end of a run (F20)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from reports.figures.captions import background_sentence, runs_sentence, study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import draw_background, draw_band, name_ends
from reports.study.study import Study
from reports.why.searched import WINDOWS, Proposed

MOST_OPERATIONS = 4
"""Operations that have a panel: those whose share differs most among strategies and over time."""


def exhibit(study: Study, name: str, proposed: Proposed) -> Exhibit:
    """Return the shares of operations on a benchmark, a panel for each operation."""
    every = proposed.operations()
    spread = every.groupby("operation", sort=False)["share"].agg(lambda part: part.max() - part.min())
    kept = spread.nlargest(MOST_OPERATIONS).index
    every = every[every["operation"].isin(kept)].reset_index(drop=True)
    percent = 100 * every["share"]
    frame = pd.DataFrame({"benchmark": every["operation"], "series": every["label"], "x": 100 * every["x"],
                          "centre": percent, "low": percent, "high": percent})  # fmt: skip
    fewer = len(kept) < len(spread)
    few = f" Shown are the {MOST_OPERATIONS} operations whose share differs most." if fewer else ""
    caption = (
        f"Share of each operation, in %, among the genes that hold one, of what was proposed on {name}, in {WINDOWS}"
        f" parts of equally many proposals, over all runs.{few} {runs_sentence(study)}{background_sentence(study)}"
    )
    panels = list(dict.fromkeys(frame["benchmark"]))
    last = frame[frame["x"] == frame["x"].max()]
    words = "; ".join(
        f"{panel}: " + ", ".join(f"{row.series} {row.centre:.0f} %" for row in part.itertuples())
        for panel, part in last.groupby("benchmark", sort=False)
    )
    meta = {
        "title": "Operations over the time of a run",
        "x_label": "proposals of the run, %",
        "y_label": dict.fromkeys(panels, "share, %"),
        "left_out": {},
        "alt": f"Share of each operation among proposals over the run. At the end: {words}.",
        "centre": "share of all runs",
        "band": "none",
    }
    return study_exhibit(study, "operations", KIND.name, frame, caption, meta, (name,))


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the share of one operation, a line for each strategy."""
    names = list(dict.fromkeys(frame["series"]))
    ends: dict[str, tuple[float, float]] = {}
    for index, name in enumerate(names):
        part = frame[frame["series"] == name]
        if name in meta.get("background", ()):
            draw_background(axes, part, meta["styles"][name])
        else:
            ends[name] = draw_band(axes, part, meta["styles"][name], index, len(names), log=False)
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(0.0, None)
    name_ends(axes, ends, meta["styles"])


KIND = FigureKind("operations", (1.75, 1.25), draw, left=0.5, right=0.3, names="right")
