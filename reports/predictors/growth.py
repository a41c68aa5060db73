"""Growth: a score of each learner against the size of its training set (F14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy import stats

from harness.checks import FloatArray
from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import log_ticks, name_ends
from reports.figures.style import line_style
from reports.predictors.results import TEST_WORDS, Evaluated
from reports.statistics.significance import ALPHA

_CEILING: dict[str, Any] = {"color": "#999999", "linestyle": (0, (5, 3)), "linewidth": 0.9}


def interval(values: FloatArray) -> tuple[float, float, float]:
    """Return mean and t interval of the mean of trials, (n,); no interval of one, all NaN where a trial is missing."""
    mean, n = float(values.mean()), len(values)
    half = 0.0 if n < 2 else float(stats.t.ppf(1 - ALPHA / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def of_kendall(results: Evaluated, test: str) -> Exhibit | None:
    """Return Kendall's tau on a test set against the size of the training set; None where no set is large enough."""
    place = results.tests.index(test)
    rows = [
        (target.name, label, size, *interval(one.taus(column, place)))
        for target in results.targets
        for label, one in target.learnt.items()
        for column, size in enumerate(results.sizes)
    ]
    words = TEST_WORDS[test]
    caption = (
        f"Kendall's tau-b between prediction and the mean over the table's trainings on {words}, against the number of"
        " architectures learnt from, each trained once. Line: mean over trials; band: 95 % t interval of the mean. A"
        " prediction without two values counts as 0."
    )
    ceilings = {target.name: target.ceiling for target in results.targets} if test == "random" else {}
    if any(np.isfinite(list(ceilings.values()))):
        caption += (
            " Dashed: tau between one training and the mean of the others: no learner of such labels does much better."
        )
    name, title = f"tau-{test.replace('_', '-')}", f"Rank agreement on {words}"
    return _exhibit(results, name, title, rows, "Kendall's tau", caption,
                    {"ceilings": {name: value for name, value in ceilings.items() if np.isfinite(value)}})  # fmt: skip


def of_regret(results: Evaluated, top: int) -> Exhibit | None:
    """Return the regret of the best predicted against the size of the training set; None where fewer are left."""
    rows = [
        (target.name, label, size, *interval(one.regrets[top][:, column]))
        for target in results.targets
        for label, one in target.learnt.items()
        for column, size in enumerate(results.sizes)
    ]
    caption = (
        f"Of all architectures that were not learnt from, the {top} best predicted: how much the best of them by the"
        " table is worse than the best there is. Line: mean over trials; band: 95 % t interval of the mean."
    )
    return _exhibit(results, f"regret-{top}", f"Regret of the {top} best predicted", rows, "regret", caption, {})


def _exhibit(
    results: Evaluated,
    name: str,
    title: str,
    rows: Sequence[tuple[Any, ...]],
    label: str,
    caption: str,
    more: Mapping[str, Any],
) -> Exhibit | None:
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "centre", "low", "high"]).dropna(subset=["centre"])
    if frame.empty:
        return None
    last = frame[frame["x"] == results.sizes[-1]]
    words = "; ".join(f"{row.benchmark}, {row.series}: {row.centre:.2f}" for row in last.itertuples())
    units = {
        target.name: f" ({target.unit})" if label == "regret" and target.unit else "" for target in results.targets
    }
    return Exhibit(
        name,
        KIND.name,
        frame,
        {
            "title": title,
            "caption": f"{caption} n = {counted(results.spec.replicates, 'trial')}.{results.background_words}",
            "alt": f"{title} against the size of the training set; at {results.sizes[-1]}: {words}.",
            "x_label": "architectures learnt from",
            "y_label": {target.name: f"{label}{units[target.name]}" for target in results.targets},
            **results.common(),
            **more,
        },
    )


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a line with its band for each learner, and the ceiling."""
    ends: dict[str, tuple[float, float]] = {}
    axes.set_xscale("log")
    sizes = sorted(set(frame["x"]))
    for name, part in frame.groupby("series", sort=False):
        style = line_style(meta["styles"][name])
        x = part["x"].to_numpy()
        if name in meta.get("background", ()):
            axes.plot(x, part["centre"], color=style["color"], linewidth=0.6, zorder=1.5)
            continue
        axes.fill_between(x, part["low"], part["high"], color=style["color"], alpha=0.13, linewidth=0)
        axes.plot(x, part["centre"], zorder=3, markeredgewidth=0, markersize=3, **style)
        ends[str(name)] = float(x[-1]), float(part["centre"].iloc[-1])
    ceiling = meta.get("ceilings", {}).get(frame["benchmark"].iloc[0])
    low, high = float(frame["centre"].min()), float(frame["centre"].max())
    if ceiling is not None:
        axes.axhline(ceiling, **_CEILING)
        high = max(high, ceiling)
    room = 0.06 * max(high - low, 1e-9)
    axes.set_xlim(sizes[0], sizes[-1] if len(sizes) > 1 else sizes[0] * 2)
    axes.set_ylim(low - room, high + room)
    log_ticks(axes.xaxis, *axes.get_xlim())
    name_ends(axes, ends, meta["styles"])


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D]:
    return [Line2D([], [], label="one training against the others", **_CEILING)] if meta.get("ceilings") else []


KIND = FigureKind("growth", (2.15, 1.85), draw, left=0.55, right=0.32, names="right", legend=_legend)
