"""Wins: a heat-map of the probability that one strategy beats another, with stars where that is significant (F11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from reports.figures.captions import runs_sentence, study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.night import written_on
from reports.figures.style import shown_name
from reports.study.comparisons import pairs_at
from reports.study.provenance import budget_sentence
from reports.study.study import Study
from reports.study.wording import split_words

SHADES = mpl.colormaps["PuOr_r"]
"""Of probabilities."""
_TOLD = 60
"""Pairs that the words for those who do not see the figure name."""


def exhibit(study: Study, split: str, comparisons: pd.DataFrame) -> Exhibit:
    """Return the probability of improvement for all pairs."""
    rows, word = [], split_words(study, split)
    kept = pairs_at(comparisons, split, study.checkpoints[-1])
    kept = kept[kept["a"].isin(study.drawn) & kept["b"].isin(study.drawn)]
    for row in kept.dropna(subset=["poi"]).to_dict("records"):
        significant = row["better"] != ""
        rows.append((row["benchmark"], row["a"], row["b"], row["poi"], significant))
        rows.append((row["benchmark"], row["b"], row["a"], 1.0 - row["poi"], significant))
    frame = pd.DataFrame(rows, columns=["benchmark", "row", "column", "poi", "significant"])
    few = (
        f" Shown are the {len(study.drawn)} strategies in colour elsewhere; the CSV file of the table has all pairs."
        if study.background
        else ""
    )
    caption = (
        f"Probability that a run of the row's strategy ends with lower {word} {study.measure} than one of the column's"
        " (ties count half; 0.5 is no difference). Star: Holm-adjusted p < 0.05 in the paired Wilcoxon signed-rank"
        f" test over replicates, one family over all benchmarks and pairs. {runs_sentence(study)}{few}"
        f" {budget_sentence(study)}"
    )
    words = "; ".join(f"{row[0]}: {row[1]} against {row[2]} {row[3]:.2f}" for row in rows[: 2 * _TOLD : 2])
    words += f"; and {len(rows) // 2 - _TOLD} more, all in the table of pairs" if len(rows) > 2 * _TOLD else ""
    meta = {
        "title": f"Who beats whom ({word})",
        "x_label": "",
        "y_label": dict.fromkeys(frame["benchmark"], ""),
        "left_out": {},
        "alt": f"Heat-map of the probability that one strategy beats another. {words}.",
        "centre": "probability of improvement",
        "band": "none",
    }
    return study_exhibit(study, f"wins-{split}", KIND.name, frame, caption, meta)


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the probability that the row's strategy beats the column's; a star where the difference is significant."""
    names = [name for name in meta["styles"] if name not in meta.get("background", ())]
    grid = np.full((len(names), len(names)), np.nan)
    for row in frame.to_dict("records"):
        i, j = names.index(row["row"]), names.index(row["column"])
        grid[i, j] = row["poi"]
        text = f"{row['poi']:.2f}{'*' if row['significant'] else ''}"
        ink = written_on(to_hex(SHADES(row["poi"])))
        axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=min(7.0, 49.0 / len(names)))
    edges = np.arange(len(names) + 1) - 0.5
    axes.pcolormesh(edges, edges, grid, cmap=SHADES, vmin=0.0, vmax=1.0)  # vectors, where imshow makes an image
    axes.set_ylim(edges[-1], edges[0])
    axes.set_xticks(range(len(names)), [str(place + 1) for place in range(len(names))])
    named = [f"{shown_name(name)}  {place + 1}" for place, name in enumerate(names)]
    axes.set_yticks(range(len(names)), named)
    axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.grid(False, which="major")
    axes.grid(True, which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


KIND = FigureKind("wins", (1.9, 1.6), draw, below=0.28, most_columns=3, widens=False, shaded=True)
