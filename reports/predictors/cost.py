"""Cost: rank agreement of each learner against what a fit, or a prediction, takes (F14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import log_ticks, name_ends
from reports.figures.style import line_style
from reports.predictors.results import TEST_WORDS, Evaluated

_AXES = {"fit": "CPU seconds of a fit", "query": "CPU milliseconds of 1,000 predictions"}


def exhibit(results: Evaluated, what: str) -> Exhibit | None:
    """Return Kendall's tau on the first test set against the time of a fit ("fit") or of predictions ("query").

    None where nothing was tested.
    """
    rows = []
    for target in results.targets:
        for label, one in target.learnt.items():
            seconds = one.fit_seconds if what == "fit" else 1e6 * (one.query_seconds + one.signal_seconds)
            for column, size in enumerate(results.sizes):
                if np.isfinite(tau := one.tau(column)):
                    rows.append((target.name, label, size, max(float(np.median(seconds[:, column])), 1e-6), tau))
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "size", "x", "y"])
    if frame.empty:
        return None
    words = TEST_WORDS[results.tests[0]]
    caption = (
        f"Kendall's tau-b on {words} against the {_AXES[what]}, one point for each size of the training set"
        f" ({', '.join(map(str, results.sizes))}), larger for larger sets; medians of times and means of tau over"
        f" {counted(results.spec.replicates, 'trial')}. Trials are fitted side by side where a learner can; a time is"
        f" its share.{results.background_words}"
    )
    if what == "query" and any(one.signals for target in results.targets for one in target.learnt.values()):
        caption += " The seconds of signals that a learner reads are added, as tables record them."
    title = f"Rank agreement against the time of a {'fit' if what == 'fit' else 'prediction'}"
    return Exhibit(
        f"tau-{what}-time",
        KIND.name,
        frame,
        {
            "title": title,
            "caption": caption,
            "alt": f"{title}, one line of points for each learner: "
            + "; ".join(f"{r.benchmark}, {r.series}, n {r.size}: {r.x:.3g}, {r.y:.2f}" for r in frame.itertuples()),
            "x_label": _AXES[what],
            "y_label": {target.name: "Kendall's tau" for target in results.targets},
            **results.common(),
        },
    )  # fmt: skip


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw points that grow with the training set, joined by a thin line."""
    axes.set_xscale("log")
    ends: dict[str, tuple[float, float]] = {}
    for name, part in frame.groupby("series", sort=False):
        style = line_style(meta["styles"][name])
        ranks = np.arange(len(part))
        if name in meta.get("background", ()):
            axes.plot(part["x"], part["y"], color=style["color"], linewidth=0.5, marker=".", markersize=2, zorder=1.5)
            continue
        axes.plot(part["x"], part["y"], color=style["color"], linewidth=0.6, alpha=0.7, zorder=2)
        axes.scatter(part["x"], part["y"], s=5 + 5 * ranks, color=style["color"], marker=style["marker"], zorder=3,
                     linewidths=0)  # fmt: skip
        ends[str(name)] = float(part["x"].iloc[-1]), float(part["y"].iloc[-1])
    low, high = float(frame["x"].min()), float(frame["x"].max())
    axes.set_xlim(low / 1.6, high * 1.6)
    log_ticks(axes.xaxis, *axes.get_xlim())
    name_ends(axes, ends, meta["styles"], led=False)


KIND = FigureKind("cost", (2.15, 1.85), draw, left=0.55, right=0.32, names="right")
