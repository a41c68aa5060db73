"""Footprints: where in the space the proposals of a run lie, in the plane in which these differ most (F19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.figures.captions import study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.statistics.plane import principal_plane
from reports.study.study import Study
from reports.study.wording import split_words
from reports.why.searched import Proposed

BOUNDS = (0.01, 0.1)
"""Shares of the table, from the best, that have a colour of their own."""
_COLORS = ("#D55E00", "#56B4E9", "#b4b4b4")
_WORDS = tuple(f"best {100 * bound:.0f} %" for bound in BOUNDS)
MOST = 6
"""Strategies that have a panel."""


def exhibit(study: Study, name: str, proposed: Proposed, bounds: tuple[float, float]) -> Exhibit:
    """Return the proposals of the first replicate on a benchmark, a panel for each strategy.

    Parameters
    ----------
    study : Study
    name : str
        What captions call the benchmark.
    proposed : Proposed
        On it.
    bounds : tuple of float
        Regrets of the last of the shares in `BOUNDS`.
    """
    first = int(proposed.replicates.min())
    kept = np.isin(proposed.run, np.flatnonzero(proposed.replicates == first))
    labels = [label for label in study.drawn if label in proposed.labels][:MOST]
    numbers = [proposed.labels.index(label) for label in labels]
    kept &= np.isin(proposed.strategy, numbers)
    rows = np.unique(proposed.row[kept])
    places, share = principal_plane(proposed.item.truth.oracle.space.one_hot(proposed.archs[rows]))
    levels = np.searchsorted(np.array(bounds), proposed.losses[rows])
    parts = []
    for label, number in zip(labels, numbers, strict=True):
        own = np.unique(proposed.row[kept & (proposed.strategy == number)])
        at = np.searchsorted(rows, own)
        parts.append(
            pd.DataFrame({"benchmark": label, "x": places[at, 0].round(3), "y": places[at, 1].round(3),
                          "level": levels[at].astype(np.float64)})
        )  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    counts = {label: len(part) for label, part in zip(labels, parts, strict=True)}
    few = f" Shown are {len(labels)} of {len(study.labels)} strategies." if len(labels) < len(study.labels) else ""
    word = split_words(study, "validation")
    caption = (
        f"What replicate {first} of each strategy proposed on {name}, every architecture once, by the first two"
        " principal components of the indicators of all genes: distances stand for genes that differ, as far as these"
        f" two show them ({100 * share:.0f} % of the squared distances). Colour: {word} regret"
        f" among the {_WORDS[0]} and {_WORDS[1]} of the architectures analysed, by the mean over trainings and"
        f" afterwards; grey: worse.{few}"
    )
    words = ", ".join(f"{label} {count}" for label, count in counts.items())
    meta = {
        "title": "Where searches went",
        "x_label": "first component",
        "y_label": dict.fromkeys(labels, "second component"),
        "left_out": {},
        "alt": f"Architectures that one run of each strategy proposed, as points of a plane. How many: {words}.",
        "limits": [*_limits(places[:, 0]), *_limits(places[:, 1])],
    }
    made = study_exhibit(study, "footprint", KIND.name, frame, caption, meta, (name,))
    return Exhibit(made.name, made.kind, made.frame, {**made.meta, "styles": {}})


def _limits(values: Any) -> list[float]:
    low, high = float(values.min()), float(values.max())
    room = 0.06 * max(high - low, 0.1)
    return [round(low - room, 3), round(high + room, 3)]


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the architectures of one strategy, the best on top."""
    for level in range(len(BOUNDS), -1, -1):
        part = frame[frame["level"] == level]
        axes.plot(part["x"], part["y"], linestyle="", marker="o", color=_COLORS[level], markeredgewidth=0,
                  markersize=2.6 if level == len(BOUNDS) else 3.4, zorder=5 - level)  # fmt: skip
    left, right, low, high = meta["limits"]
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.set_xticks([])
    axes.set_yticks([])


def legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> list[Artist]:
    """Return the colours of the best."""
    return [
        Line2D([], [], linestyle="", marker="o", markersize=3.4, color=color, label=word, markeredgewidth=0)
        for color, word in zip(_COLORS, _WORDS, strict=False)
    ]


KIND = FigureKind(
    "footprint", (1.6, 1.45), draw, left=0.3, below=0.3, most_columns=3, legend=legend, widens=False
)  # fmt: skip
