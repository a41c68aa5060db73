"""Importance: how much of the variance each gene explains alone, and each two together, as a triangle of shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from harness.checks import IntArray
from reports.figures.captions import study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.night import written_on
from reports.figures.style import shown_name
from reports.statistics.importance import Anova
from reports.study.study import Study
from reports.why.explained import BEST_WORDS, Explained

SHADES, DARKEST = mpl.colormaps["Blues"], 1.25
"""Of shares, and how much more than the largest the darkest is."""
MOST_GENES = 10
"""Genes that a panel shows: those that explain most, alone and in pairs."""


def exhibit(study: Study, shown: Sequence[tuple[str, Explained]]) -> Exhibit:
    """Return the shares of all benchmarks whose genes are independent, over all and for being among the best."""
    rows, rests, fewer = [], [], False
    for name, found in shown:
        if not found.independent:
            continue
        kept = _foremost(found)
        fewer |= len(kept) < found.space.genes
        genes = list(found.space.legend())
        for where, shares in ((name, found.everywhere), (f"{name}, {BEST_WORDS}", found.into_best)):
            rests.append(f"{where} {_percent(shares.rest)}")
            rows += [
                (where, genes[a], genes[b], 100 * float(shares.main_shares[a] if a == b else shares.pair_shares[a, b]))
                for place, a in enumerate(kept)
                for b in kept[: place + 1]
            ]
    frame = pd.DataFrame(rows, columns=["benchmark", "row", "column", "percent"])
    panels = list(dict.fromkeys(frame["benchmark"]))
    few = f" Shown are the {MOST_GENES} genes that explain most." if fewer else ""
    caption = (
        "Share of the variance in %, by functional ANOVA: on the diagonal what a gene explains alone, below it what two"
        f" explain together and neither alone. First of the regret, then of being among the {BEST_WORDS} (PED-ANOVA,"
        " with pairs), which asks what tells good architectures from others. What three genes or more explain together"
        f" is left over: {'; '.join(rests)}.{few}"
    )
    top = [frame[frame["benchmark"] == name].nlargest(3, "percent").to_dict("records") for name in panels]
    words = "; ".join(
        f"{part[0]['benchmark']}: " + ", ".join(f"{_pair(row)} {row['percent']:.0f} %" for row in part) for part in top
    )
    meta = {
        "title": "What explains how good an architecture is",
        "x_label": "",
        "y_label": dict.fromkeys(panels, ""),
        "left_out": {name: "its genes are not independent" for name, found in shown if not found.independent},
        "alt": f"Triangles of shares of variance by gene and pair of genes. Largest: {words}.",
    }
    made = study_exhibit(study, "importance", KIND.name, frame, caption, meta)
    return Exhibit(made.name, made.kind, made.frame, {**made.meta, "styles": {name: {} for name in frame["row"]}})


def _pair(row: Mapping[Any, Any]) -> str:
    return str(row["row"]) if row["row"] == row["column"] else f"{row['column']} with {row['row']}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _foremost(found: Explained) -> list[int]:
    """Return the genes that explain most, alone and in pairs, over all or for being among the best; ascending."""
    weights = np.maximum(_weights(found.everywhere), _weights(found.into_best))
    order: IntArray = np.argsort(-weights, kind="stable")[:MOST_GENES]
    return sorted(order.tolist())


def _weights(shares: Anova) -> Any:
    return np.nan_to_num(shares.main_shares + shares.pair_shares.sum(axis=1))


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the triangle of shares with their numbers."""
    genes = list(dict.fromkeys(frame["row"]))
    grid = np.full((len(genes), len(genes)), np.nan)
    most = max(float(frame["percent"].max()), 1e-9)
    for row in frame.to_dict("records"):
        i, j = genes.index(row["row"]), genes.index(row["column"])
        grid[i, j] = max(row["percent"], 0.0)
        ink = written_on(to_hex(SHADES(grid[i, j] / (DARKEST * most))))
        axes.text(j, i, f"{row['percent']:.1f}".replace("-0.0", "0.0"), ha="center", va="center", color=ink,
                  fontsize=min(7.0, 49.0 / len(genes)), fontweight="bold" if i == j else "normal")  # fmt: skip
    edges = np.arange(len(genes) + 1) - 0.5
    axes.pcolormesh(edges, edges, grid, cmap=SHADES, vmin=0.0, vmax=DARKEST * most, edgecolor="white", linewidth=1.5)
    axes.set_ylim(edges[-1], edges[0])
    axes.set_xticks(range(len(genes)), [str(place + 1) for place in range(len(genes))])
    axes.set_yticks(range(len(genes)), [f"{shown_name(name)}  {place + 1}" for place, name in enumerate(genes)])
    axes.grid(False)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


KIND = FigureKind("importance", (1.9, 1.6), draw, below=0.28, widens=False, shaded=True)
