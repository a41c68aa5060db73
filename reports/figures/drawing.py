"""Panels: one function for each kind of figure, drawing on given axes from a tidy frame alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from harness.checks import FloatArray
from reports.study.measures import FLOOR, RANDOM

REGRET_FLOOR = 1e-3
"""Regrets below are drawn here on log axes; the caption says so."""
_OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
_TOL_MUTED = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.5, 1)), (0, (7, 1.5, 1.5, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
REFERENCES: dict[str, dict[str, Any]] = {
    RANDOM: {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 1.1},
    FLOOR: {"color": "#999999", "linestyle": (0, (5, 3)), "linewidth": 0.9},
}
_LABEL_POINTS = 7.0


def style_map(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return one colour, line style and marker for each label: the same in all figures of an experiment."""
    palette = _OKABE_ITO if len(labels) <= len(_OKABE_ITO) else _TOL_MUTED
    return {
        label: {
            "color": palette[index % len(palette)],
            "linestyle": _LINES[index % len(_LINES)],
            "marker": _MARKERS[index % len(_MARKERS)],
        }
        for index, label in enumerate(labels)
    }


def shown_name(label: str, width: int = 14) -> str:
    """Return a label as figures write it: underscores as spaces, wrapped."""
    return "\n".join(textwrap.wrap(label.replace("_", " "), width, break_long_words=False)) or label


def draw_curves(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw step curves with bands on log axes; references dotted and dashed; names at the ends of the lines."""
    _log_axes(axes, frame, meta)
    ends: dict[str, tuple[float, float]] = {}
    series = list(dict.fromkeys(frame["series"]))
    for index, name in enumerate(series):
        part = frame[frame["series"] == name]
        x = part["x"].to_numpy()
        middle = np.maximum(part["centre"].to_numpy(), REGRET_FLOOR)
        if name in REFERENCES:
            axes.plot(x, middle, drawstyle="steps-post", zorder=2.5, **REFERENCES[name])
            continue
        style = meta["styles"][name]
        low, high = (np.maximum(part[column].to_numpy(), REGRET_FLOOR) for column in ("low", "high"))
        axes.fill_between(x, low, high, step="post", color=style["color"], alpha=0.16, linewidth=0)
        every = _marked(np.log(x), index, len(series))
        axes.plot(x, middle, drawstyle="steps-post", markevery=every, zorder=3, markeredgewidth=0, **_line(style))
        ends[name] = (float(x[-1]), float(middle[-1]))
    _name_ends(axes, ends, meta)


def draw_ranks(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw mean ranks over the budget, the best on top."""
    axes.set_xscale("log")
    _log_ticks(axes.xaxis, float(frame["x"].min()), float(frame["x"].max()))
    count = len(set(frame["series"]))
    axes.set_ylim(count + 0.05, 0.95)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    first, last = float(frame["x"].min()), float(frame["x"].max())
    axes.set_xlim(first, last if last > first else first * 10)
    ends = {}
    for index, name in enumerate(dict.fromkeys(frame["series"])):
        part = frame[frame["series"] == name]
        x, middle, style = part["x"].to_numpy(), part["centre"].to_numpy(), meta["styles"][name]
        band = (part["low"].to_numpy(), part["high"].to_numpy())
        axes.fill_between(x, *band, step="post", color=style["color"], alpha=0.16, linewidth=0)
        every = _marked(np.log(x), index, count)
        axes.plot(x, middle, drawstyle="steps-post", markevery=every, zorder=3, markeredgewidth=0, **_line(style))
        ends[name] = (float(x[-1]), float(middle[-1]))
    _name_ends(axes, ends, meta)


def draw_strips(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw one horizontal box for each strategy with all its runs as points."""
    names = list(dict.fromkeys(frame["series"]))
    values = [np.maximum(frame.loc[frame["series"] == name, "regret"].to_numpy(), REGRET_FLOOR) for name in names]
    every = np.concatenate(values)
    axes.set_xscale("log")
    low, high = float(every.min()) / 1.35, float(every.max()) * 1.35
    axes.set_xlim(low, high)
    _log_ticks(axes.xaxis, low, high)
    for place, (name, column) in enumerate(zip(names, values, strict=True)):
        color = meta["styles"][name]["color"]
        offsets = frame.loc[frame["series"] == name, "offset"].to_numpy()
        marker = meta["styles"][name]["marker"]
        axes.plot(column, place + offsets, linestyle="", marker=marker, markersize=2.6, color=color, alpha=0.45,
                  markeredgewidth=0, zorder=2, clip_on=False)  # fmt: skip
        line = {"color": _darker(color), "linewidth": 0.9}
        axes.boxplot(column, positions=[place], orientation="horizontal", widths=0.58, showfliers=False, zorder=3,
                     boxprops=line, whiskerprops=line, capprops=line, manage_ticks=False,
                     medianprops={"color": _darker(color), "linewidth": 2.0})  # fmt: skip
    axes.set_yticks(range(len(names)), [shown_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def draw_wins(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the probability that the row's strategy beats the column's; a star where the difference is significant."""
    names = list(meta["styles"])
    grid = np.full((len(names), len(names)), np.nan)
    for _, row in frame.iterrows():
        i, j = names.index(row["row"]), names.index(row["column"])
        grid[i, j] = row["poi"]
        shade = "white" if abs(row["poi"] - 0.5) > 0.3 else "#222222"
        text = f"{row['poi']:.2f}{'*' if row['significant'] else ''}"
        axes.text(j, i, text, ha="center", va="center", color=shade, fontsize=7)
    edges = np.arange(len(names) + 1) - 0.5
    axes.pcolormesh(edges, edges, grid, cmap="PuOr_r", vmin=0.0, vmax=1.0)  # vectors, where imshow makes an image
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


DRAWERS: dict[str, Callable[[Axes, pd.DataFrame, Mapping[str, Any]], None]] = {
    "curves": draw_curves,
    "ranks": draw_ranks,
    "strips": draw_strips,
    "wins": draw_wins,
}
"""How each kind of figure draws a panel."""


def _line(style: Mapping[str, Any]) -> dict[str, Any]:
    line = style["linestyle"]
    # a style that was read back from JSON has lists where matplotlib wants tuples
    return {**style, "linestyle": line if isinstance(line, str) else (line[0], tuple(line[1]))}


def _darker(color: str) -> tuple[float, float, float]:
    red, green, blue = (0.7 * part for part in to_rgb(color))
    return red, green, blue


def _marked(position: FloatArray, index: int, count: int, marks: int = 5) -> list[int]:
    """Return where to put markers: evenly along the axis, shifted so that those of different lines do not meet."""
    if len(position) < 2:
        return [0]
    shift = (index + 0.5) / max(count, 1)
    wanted = position[0] + (np.arange(marks) + shift) / marks * (position[-1] - position[0])
    return sorted({int(np.argmin(np.abs(position - place))) for place in wanted})


def _log_axes(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Set log scales whose limits show every centre line; bands may be cut by the frame of the panel."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    runs = frame[~frame["series"].isin(list(REFERENCES))]
    x_low, x_high = float(runs["x"].min()), float(runs["x"].max())
    axes.set_xlim(x_low, x_high if x_high > x_low else x_low * 10)
    centres = np.maximum(frame["centre"].to_numpy(), REGRET_FLOOR)
    low = min(float(centres.min()), max(float(np.quantile(runs["low"], 0.05)), REGRET_FLOOR))
    high = max(float(centres.max()), float(np.quantile(runs["high"], 0.95)))
    low, high = max(low / 1.25, REGRET_FLOOR / 1.25), high * 1.15
    axes.set_ylim(low, high)
    _log_ticks(axes.xaxis, *axes.get_xlim())
    _log_ticks(axes.yaxis, low, high)


def _log_ticks(axis: Any, low: float, high: float) -> None:
    """Label 1, 2 and 5 of each decade where there are few decades, powers of ten where there are many."""
    decades = np.log10(high / low) if high > low > 0 else 1.0
    subs: tuple[float, ...] = (1.0, 2.0, 5.0) if decades < 2.4 else (1.0,)
    if 0.5 <= decades < 1.0:
        subs = (1.0, 2.0, 3.0, 5.0, 7.0)
    elif decades < 0.5:
        subs = tuple(float(value) for value in range(1, 10))
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axis.set_minor_locator(LogLocator(base=10, subs=tuple(range(1, 10)), numticks=20) if decades < 6 else NullLocator())
    axis.set_minor_formatter(NullFormatter())


def short_number(value: float) -> str:
    """Write an axis number: 0.01, 5, 200, 10k, 2M.

    >>> [short_number(value) for value in (0.05, 200.0, 20000.0, 2e6)]
    ['0.05', '200', '20k', '2M']
    """
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= size * 0.9999 and (size > 1e3 or value >= 9_999):
            return f"{value / size:.6g}{suffix}"
    return f"{value:.6g}"


def _name_ends(axes: Axes, ends: Mapping[str, tuple[float, float]], meta: Mapping[str, Any]) -> None:
    """Write each line's name at its end, moved apart where they would overlap, with its marker as a key."""
    names = sorted(ends, key=lambda name: axes.transData.transform(ends[name])[1])
    box = axes.get_window_extent()
    height = box.height / axes.figure.dpi * 72.0  # of the panel, in points
    lines = {name: shown_name(name).count("\n") + 1 for name in names}
    sizes = [(lines[name] * _LABEL_POINTS * 1.12 + 2.5) / height for name in names]
    true = [(axes.transData.transform(ends[name])[1] - box.y0) / box.height for name in names]
    beside = blended_transform_factory(axes.transAxes, axes.transAxes)
    for name, place, end in zip(names, spread(true, sizes), true, strict=True):
        style = meta["styles"][name]
        start = axes.transAxes.inverted().transform(axes.transData.transform(ends[name]))[0]
        axes.plot([start, 1.035], [end, place], transform=beside, color=style["color"], linewidth=0.5, clip_on=False,
                  alpha=0.8)  # fmt: skip
        axes.plot([1.055], [place], transform=beside, color=style["color"], marker=style["marker"], clip_on=False,
                  markeredgewidth=0)  # fmt: skip
        axes.text(1.085, place, shown_name(name), transform=beside, va="center", ha="left", fontsize=_LABEL_POINTS,
                  color="#222222", linespacing=1.05)  # fmt: skip


def spread(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Move labels along a line as little as needed so that none overlap and, if they fit, all lie within [0, 1].

    Parameters
    ----------
    wanted : sequence of float
        Centres, ascending.
    sizes : sequence of float
        Extents, in the same unit.

    >>> spread([0.5, 0.5], [0.2, 0.2])
    [0.4, 0.6]
    """
    groups: list[tuple[float, float, list[float]]] = []  # centre, extent, offsets of members from the group's low end
    for place, size in zip(wanted, sizes, strict=True):
        groups.append((place, size, [size / 2]))
        while True:
            groups[-1] = (_inside(groups[-1][0], groups[-1][1]), *groups[-1][1:])
            if len(groups) < 2 or groups[-2][0] + groups[-2][1] / 2 <= groups[-1][0] - groups[-1][1] / 2 + 1e-12:
                break
            (c1, e1, m1), (c2, e2, m2) = groups[-2:]
            # the merged group keeps the mean place of its members
            centre = (c1 * len(m1) + c2 * len(m2)) / (len(m1) + len(m2))
            groups[-2:] = [(centre, e1 + e2, m1 + [e1 + offset for offset in m2])]
    return [round(centre - extent / 2 + offset, 9) for centre, extent, offsets in groups for offset in offsets]


def _inside(centre: float, extent: float) -> float:
    return 0.5 if extent >= 1 else min(max(centre, extent / 2), 1 - extent / 2)
