"""Winners: which learner agrees best at a size of training set and a limit on the time of a fit, a map (F14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from harness.checks import FloatArray
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import shown_name
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.statistics.significance import ALPHA, holm, wilcoxon_p

LIMITS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""CPU seconds that a fit may take."""


def best(target: Target, labels: Sequence[str], column: int) -> tuple[str, list[str]]:
    """Return the learner of the largest mean tau on the first test set, and those that are not shown to be worse.

    Wilcoxon signed-rank tests of each other learner against the best over the same trials, adjusted by Holm.
    """
    taus = {label: np.nan_to_num(target.learnt[label].scores["kendall"][:, column, 0]) for label in labels}
    winner = max(labels, key=lambda label: float(taus[label].mean()))
    others = [label for label in labels if label != winner]
    return winner, [label for label, p in zip(others, _tests(taus, winner, others), strict=True) if not p < ALPHA]


def _tests(taus: Mapping[str, FloatArray], winner: str, others: Sequence[str]) -> FloatArray:
    p = [
        wilcoxon_p(taus[winner] - taus[label]) if len(taus[label]) == len(taus[winner]) else np.nan for label in others
    ]
    return holm(np.array(p, dtype=np.float64))


def exhibit(results: Evaluated) -> Exhibit:
    """Return the map: sizes from left to right, limits of the time of a fit upwards."""
    rows = []
    for target in results.targets:
        for column, size in enumerate(results.sizes):
            for limit in LIMITS:
                fast = [name for name, one in target.learnt.items() if np.median(one.fit_seconds[:, column]) <= limit]
                if fast:
                    winner, tied = best(target, fast, column)
                    tau = float(np.nan_to_num(target.learnt[winner].scores["kendall"][:, column, 0]).mean())
                    rows.append((target.name, winner, size, limit, tau, len(tied)))
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "limit", "tau", "tied"])
    words = TEST_WORDS[results.tests[0]]
    caption = (
        f"The learner of the largest mean tau on {words} among those whose fit takes at most the CPU seconds on the"
        " left, by the number of architectures learnt from. Number: its tau. Hatched: at least one other learner is not"
        " shown to be worse (Wilcoxon signed-rank over trials, Holm's adjustment in each field, alpha = .05)."
    )
    said = "; ".join(f"{r.benchmark}, n {r.x}, {r.limit:g} s: {r.series} {r.tau:.2f}" for r in frame.itertuples())
    return Exhibit(
        "winners",
        KIND.name,
        frame,
        {
            "title": "Which learner wins at this budget",
            "caption": caption,
            "alt": f"Map of the best learner by size and time: {said}.",
            "x_label": "architectures learnt from",
            "y_label": {target.name: "CPU seconds of a fit, at most" for target in results.targets},
            "styles": results.styles,
            "left_out": {},
            "provenance": results.provenance(),
        },
    )


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a field for each size and limit in the colour of its winner."""
    sizes, limits = sorted(set(frame["x"])), sorted(set(frame["limit"]))
    for row in frame.itertuples():
        x, y = sizes.index(row.x), limits.index(row.limit)
        color = meta["styles"][row.series]["color"]
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, alpha=0.55, linewidth=0.5, edgecolor="white"))
        if row.tied:
            axes.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch="////", linewidth=0, edgecolor="white", alpha=0.7))
        axes.text(x + 0.5, y + 0.5, f"{row.tau:.2f}", ha="center", va="center", fontsize=6)
    axes.set_xlim(0, len(sizes))
    axes.set_ylim(0, len(limits))
    axes.set_xticks([x + 0.5 for x in range(len(sizes))], [f"{size:g}" for size in sizes])
    axes.set_yticks([y + 0.5 for y in range(len(limits))], [f"{limit:g}" for limit in limits])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    handles = _handles(frame, meta)
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=6.5, frameon=False)


def _handles(frame: pd.DataFrame, meta: Mapping[str, Any]) -> list[Patch]:
    names = dict.fromkeys(frame["series"])
    return [Patch(facecolor=meta["styles"][name]["color"], alpha=0.55, label=shown_name(name)) for name in names]


KIND = FigureKind("winners", (2.15, 1.85), draw, left=0.55, right=0.45, names="right")
