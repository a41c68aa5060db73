"""Loop: rank agreement of each learner against the regret of a search that it guides, because the two disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy import stats

from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import name_ends
from reports.figures.style import line_style
from reports.predictors.growth import interval
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.tables.numbers import MINUS

_RANDOM: dict[str, Any] = {"color": "#999999", "linestyle": (0, (1, 1.4)), "linewidth": 0.9}


def exhibit(results: Evaluated) -> Exhibit | None:
    """Return regrets at the end of searches against tau after about as many architectures; None without searches."""
    column = nearest(results)
    rows = [
        (target.name, label, one.tau(column), *interval(one.end))
        for target in results.targets
        for label, one in target.learnt.items()
    ]
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "y", "low", "high"]).dropna(subset=["x", "y"])
    if frame.empty:
        return None
    words = TEST_WORDS[results.tests[0]]
    agreements = {target.name: agreement(target, column) for target in results.targets}
    known = "; ".join(
        f"{name} {value:.2f}".replace("-", MINUS) for name, value in agreements.items() if np.isfinite(value)
    )
    correlation = f" Spearman's correlation of the two over learners: {known}." if known else ""
    caption = (
        f"Regret at the end of a search of {results.search} evaluations that a learner guides, against its Kendall's"
        f" tau-b on {words} after {results.sizes[column]} architectures. The search is the same for all: NPENAS-NP,"
        " which mutates the best and trains the ten mutants of the best predicted means. Points: means over"
        f" {counted(results.spec.replicates, 'trial')}; bars: 95 % t intervals. Dotted: random search, exactly."
        f"{correlation}{results.background_words}"
    )
    title = "Rank agreement against the regret of a search"
    units = {target.name: f" ({target.unit})" if target.unit else "" for target in results.targets}
    return Exhibit(
        "search",
        KIND.name,
        frame,
        {
            "title": title,
            "caption": caption,
            "alt": f"{title}, a point for each learner: "
            + "; ".join(f"{r.benchmark}, {r.series}: tau {r.x:.2f}, {r.y:.3g}" for r in frame.itertuples()),
            "x_label": f"Kendall's tau after {results.sizes[column]}",
            "y_label": {target.name: f"regret{units[target.name]}" for target in results.targets},
            "random": {target.name: target.random for target in results.targets if np.isfinite(target.random)},
            **results.common(),
        },
    )


def nearest(results: Evaluated) -> int:
    """Return the place of the size of a training set that is nearest to the evaluations of the searches."""
    return int(np.argmin(np.abs(np.array(results.sizes) - results.search)))


def agreement(target: Target, column: int) -> float:
    """Return Spearman's correlation over learners of tau at a size and the mean regret of searches.

    Negative where who orders better finds better architectures; NaN of fewer than three, and where all are equal.
    """
    pairs = np.array([(one.tau(column), float(one.end.mean())) for one in target.learnt.values()])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    varied = len(pairs) > 2 and (pairs != pairs[0]).any(axis=0).all()
    return float(stats.spearmanr(*pairs.T).statistic) if varied else float("nan")


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a point with its interval for each learner, and random search."""
    ends: dict[str, tuple[float, float]] = {}
    for name, x, y, low, high in zip(*(frame[key] for key in ("series", "x", "y", "low", "high")), strict=True):
        style, grey = line_style(meta["styles"][name]), name in meta.get("background", ())
        axes.plot([x, x], [low, high], color=style["color"], linewidth=0.7, zorder=1.5 if grey else 2)
        axes.plot([x], [y], color=style["color"], marker=style["marker"], markersize=3 if grey else 4,
                  markeredgewidth=0, zorder=1.5 if grey else 3)  # fmt: skip
        if not grey:
            ends[str(name)] = float(x), float(y)
    random = meta.get("random", {}).get(frame["benchmark"].iloc[0])
    if random is not None:
        axes.axhline(random, **_RANDOM)
    axes.margins(0.06)
    axes.set_ylim(bottom=min(0.0, float(frame["y"].min())))
    name_ends(axes, ends, meta["styles"], led=False)


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D]:
    return [Line2D([], [], label="random search", **_RANDOM)] if meta.get("random") else []


KIND = FigureKind("loop", (2.15, 1.85), draw, left=0.55, right=0.32, names="right", legend=_legend)
