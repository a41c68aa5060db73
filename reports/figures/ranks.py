"""Ranks: the mean rank of every strategy over the budget, the best on top (F4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.figures.captions import background_sentence, final_words, runs_sentence, study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import draw_background, draw_band, log_ticks, name_ends
from reports.study.align import AXIS_LABEL
from reports.study.curves import ranks
from reports.study.naming import OVERALL
from reports.study.provenance import budget_sentence
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.truth import TABLE
from reports.study.wording import split_words


def exhibit(study: Study) -> Exhibit:
    """Return mean rank over the budget."""
    frame = ranks(study)
    axis = AXIS_LABEL[study.aligned[0].budget_axis]
    met = ", where they met the same noise" if {item.truth.kind for item in study.aligned} == {TABLE} else ""
    caption = (
        f"Mean rank by {split_words(study, 'validation')} {study.measure} against {axis}; 1 is best. Strategies are"
        f" ranked within each replicate{met} (average ranks for ties), then replicates"
        f"{' and benchmarks are' if (frame['benchmark'] == OVERALL).any() else ' are'} averaged. Band: 95 % bootstrap"
        f" interval ({CURVE_REPETITIONS:,} stratified resamples of replicates). {runs_sentence(study)}"
        f"{background_sentence(study)} {budget_sentence(study)}"
    )
    meta = {
        "title": "Rank over the budget",
        "x_label": axis,
        "y_label": dict.fromkeys(frame["benchmark"].unique(), "mean rank"),
        "left_out": {},
        "alt": f"Mean rank of each strategy over the budget: {final_words(frame)}",
        "centre": "mean",
        "band": f"95 % percentile bootstrap interval, {CURVE_REPETITIONS} repetitions",
    }
    return study_exhibit(study, "rank", KIND.name, frame, caption, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw mean ranks over the budget, the best on top."""
    axes.set_xscale("log")
    first, last = float(frame["x"].min()), float(frame["x"].max())
    log_ticks(axes.xaxis, first, last)
    parts = dict([*frame.groupby("series", sort=False)])
    axes.set_ylim(len(parts) + 0.05, 0.95)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlim(first, last if last > first else first * 10)
    ends = {}
    for index, (name, part) in enumerate(parts.items()):
        style = meta["styles"][name]
        if name in meta.get("background", ()):
            draw_background(axes, part, style)
        else:
            ends[name] = draw_band(axes, part, style, index, len(parts))
    name_ends(axes, ends, meta["styles"])


KIND = FigureKind("ranks", (2.15, 1.85), draw, left=0.55, right=0.32, names="right")
