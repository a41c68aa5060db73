"""The critical-difference diagram: mean ranks over benchmarks, with bars beside what is not told apart (F5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures.captions import study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import shown_name
from reports.study.critical import critical
from reports.study.naming import OVERALL
from reports.study.provenance import budget_sentence
from reports.study.study import Study
from reports.study.wording import split_words


def exhibit(study: Study) -> Exhibit:
    """Return mean ranks over benchmarks with their groups; no rows where the test across benchmarks is refused."""
    found = critical(study)
    labels = study.labels if len(found.mean_ranks) else ()
    columns = {"benchmark": OVERALL, "series": list(labels), "rank": found.mean_ranks}
    frame = pd.DataFrame(columns).sort_values("rank", kind="stable", ignore_index=True)
    bars = "Strategies beside one bar are not told apart. " if found.groups else ""
    if np.isnan(found.difference):
        bars = "No bars: no ranks are called different. "
    caption = (
        f"Mean rank over benchmarks by the mean final {split_words(study, 'validation')} {study.measure}; 1 is best."
        f" {found.sentence} {bars}{budget_sentence(study)}"
    )
    words = ", ".join(f"{row['series']} {row['rank']:.2f}" for row in frame.to_dict("records"))
    meta = {
        "title": "Critical difference of mean ranks",
        "x_label": "mean rank",
        "y_label": {OVERALL: ""},
        "left_out": {},
        "groups": [[study.labels[place] for place in group] for group in found.groups],
        "difference": None if np.isnan(found.difference) else found.difference,
        "alt": f"Mean ranks of strategies over benchmarks, the best first: {words}.",
        "centre": "mean",
        "band": "none",
    }
    return study_exhibit(study, "critical-difference", KIND.name, frame, caption, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw each strategy at its mean rank, one a row, and the bars of groups over them."""
    ranks = dict(zip(frame["series"], frame["rank"], strict=True))
    places = {name: place for place, name in enumerate(ranks)}
    for name, place in places.items():
        style = meta["styles"][name]
        axes.plot([1, ranks[name]], [place, place], color=style["color"], linewidth=0.6, alpha=0.6)
        axes.plot([ranks[name]], [place], color=style["color"], marker=style["marker"], markeredgewidth=0)
    for group in meta["groups"]:
        inside = [places[name] for name in group]
        right = max(ranks[name] for name in group)
        axes.plot([right + 0.08] * 2, [min(inside) - 0.2, max(inside) + 0.2], color="#222222", linewidth=2.2)
    axes.set_yticks(range(len(places)), [shown_name(name) for name in places])
    axes.set_xlim(1, max(len(places), 2) + 0.25)
    axes.set_ylim(len(places) - 0.4, -0.9)
    if meta["difference"] is not None:
        axes.plot([1, 1 + meta["difference"]], [-0.65, -0.65], color="#222222", linewidth=1.4, clip_on=False)
        axes.annotate("critical difference", (1, -0.65), (2, -1), textcoords="offset points", fontsize=6.0, va="top")
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


KIND = FigureKind("critical", (2.6, 1.6), draw, names_background=True)
