"""Reliability: how often intervals of a stated level hold what they predict (F15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import name_ends
from reports.figures.style import line_style
from reports.predictors.results import TEST_WORDS, Evaluated

_LINE: dict[str, Any] = {"color": "#999999", "linestyle": (0, (1, 1.4)), "linewidth": 0.9}


def exhibit(results: Evaluated) -> Exhibit | None:
    """Return observed against stated coverage at the largest training set; None where no learner has intervals."""
    rows = []
    for target in results.targets:
        for label, one in target.learnt.items():
            shares = one.histograms[:, -1]
            if not np.isfinite(shares).all():
                continue
            shares = shares.mean(axis=0)
            bins = len(shares)
            for inner in reversed(range(bins // 2 + 1)):  # the central interval without so many bins on either side
                level = 1 - 2 * inner / bins
                rows.append((target.name, label, 100 * level, 100 * shares[inner : bins - inner].sum()))
    if not rows:
        return None
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "y"])
    words = TEST_WORDS[results.tests[0]]
    caption = (
        f"How often the central interval of a level holds the mean over the table's trainings, on {words}, after"
        f" {results.sizes[-1]} architectures. Dotted: as stated; below it a learner is too sure. Standard deviations"
        " are those of a new training where a learner models noise, so that means lie inside more often."
        f"{results.background_words}"
    )
    said = "; ".join(f"{r.benchmark}, {r.series}: {r.y:.0f}" for r in frame[frame["x"].round() == 80].itertuples())
    return Exhibit(
        "reliability",
        KIND.name,
        frame,
        {
            "title": "Honesty of the stated uncertainty",
            "caption": caption,
            "alt": f"Observed against stated coverage in %; of 80 % intervals: {said}.",
            "x_label": "stated level (%)",
            "y_label": {target.name: "observed (%)" for target in results.targets},
            **results.common(),
        },
    )


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a line for each learner, and the diagonal."""
    axes.plot([0, 100], [0, 100], **_LINE)
    ends: dict[str, tuple[float, float]] = {}
    for name, part in frame.groupby("series", sort=False):
        style = line_style(meta["styles"][name])
        if name in meta.get("background", ()):
            axes.plot(part["x"], part["y"], color=style["color"], linewidth=0.6, zorder=1.5)
            continue
        axes.plot(part["x"], part["y"], markersize=2.5, markeredgewidth=0, **style)
        row = part.iloc[(part["x"] - 80).abs().argmin()]
        ends[str(name)] = float(row["x"]), float(row["y"])
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    name_ends(axes, ends, meta["styles"])


KIND = FigureKind("reliability", (2.15, 1.85), draw, left=0.55, right=0.32, names="right")
