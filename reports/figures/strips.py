"""Strips: the final regret of every run as a point, over a box of its strategy (F8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures.captions import (
    background_sentence,
    clip_sentence,
    floors,
    regret_labels,
    runs_sentence,
    study_exhibit,
)
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import log_ticks
from reports.figures.style import darker, shown_name
from reports.study.finals import finals
from reports.study.provenance import budget_sentence
from reports.study.study import Study
from reports.study.wording import split_words


def exhibit(study: Study, split: str) -> Exhibit:
    """Return final regrets of all runs."""
    word = split_words(study, split)
    values = finals(study)
    frame = values[values["split"] == split].drop(columns="split").rename(columns={"label": "series"})
    rng = study.resampler.generator("offsets", split)
    frame = frame.assign(offset=rng.uniform(-0.24, 0.24, size=len(frame)).round(3)).reset_index(drop=True)
    labels = regret_labels(study, split)
    caption = (
        f"{word.capitalize()} {study.measure} of the final {study.holder}: every run is a point (spread at random"
        f" across its box); box: quartiles and median; whiskers: the furthest run within 1.5 interquartile ranges."
        f" {runs_sentence(study)}{background_sentence(study)}{clip_sentence(study, split, frame, 'regret')}"
        f" {budget_sentence(study)}"
    )
    medians = frame.groupby(["benchmark", "series"], sort=False)["regret"].median().reset_index()
    words = "; ".join(f"{row.benchmark}, {row.series}: median {row.regret:.3g}" for row in medians.itertuples())
    meta = {
        "title": f"Final {word} {study.measure} of every run",
        "x_label": labels,
        "y_label": dict.fromkeys(labels, ""),
        "left_out": {},
        "floors": floors(study, split),
        "alt": f"Box plots of final {word} {study.measure} with all runs as points. {words}.",
        "centre": "median",
        "band": "quartiles of runs",
    }
    return study_exhibit(study, f"final-{split}-{study.short}", KIND.name, frame, caption, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw one horizontal box for each strategy with all its runs as points."""
    parts = dict([*frame.groupby("series", sort=False)])
    names = [*parts]
    floor = float(meta["floors"][frame["benchmark"].iloc[0]])
    values = [np.maximum(part["regret"].to_numpy(), floor) for part in parts.values()]
    every = np.concatenate(values)
    axes.set_xscale("log")
    low, high = float(every.min()) / 1.35, float(every.max()) * 1.35
    axes.set_xlim(low, high)
    log_ticks(axes.xaxis, low, high)
    for place, (name, column) in enumerate(zip(names, values, strict=True)):
        color = meta["styles"][name]["color"]
        offsets = parts[name]["offset"].to_numpy()
        axes.plot(column, place + offsets, linestyle="", marker="o", markersize=2.6, color=color, alpha=0.45,
                  markeredgewidth=0, zorder=2, clip_on=False)  # fmt: skip
    line = {"linewidth": 0.9}
    drawn = axes.boxplot(values, positions=range(len(names)), orientation="horizontal", widths=0.58, showfliers=False,
                         zorder=3, boxprops=line, whiskerprops=line, capprops=line, manage_ticks=False,
                         medianprops={"linewidth": 2.0})  # fmt: skip
    for lines in drawn.values():
        for place, one in enumerate(lines):  # one a box, or two
            one.set_color(darker(meta["styles"][names[place * len(names) // len(lines)]]["color"]))
    axes.set_yticks(range(len(names)), [shown_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


KIND = FigureKind("strips", (2.3, 1.75), draw, left=0.18, names_background=True)
