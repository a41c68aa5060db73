"""Step curves: ticks of log axes, bands, marks, and each line's name at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from harness.checks import FloatArray, IntArray
from reports.figures.style import line_style, shown_name

_LABEL_POINTS = 7.0
_BESIDE_POINTS = (5.4, 8.5, 13.2)
"""How far right of a panel the line to a name ends, its key stands, and the name begins."""


def draw_band(
    axes: Axes,
    part: pd.DataFrame,
    style: Mapping[str, Any],
    index: int,
    count: int,
    floor: float = -np.inf,
    *,
    log: bool = True,
    held: bool = False,
) -> tuple[float, float]:
    """Draw one step curve with its band and a few markers; return where it ends.

    Parameters
    ----------
    axes : Axes
    part : pandas.DataFrame
        ``x``, ``centre``, ``low`` and ``high`` of one strategy.
    style : mapping
        Of `style_map`.
    index, count : int
        Which of how many curves: their markers do not meet.
    floor : float
        Values below are drawn here.
    log : bool
        Whether the horizontal axis is a log axis.
    held : bool
        Whether the last point only holds the value before it, and so has no marker.
    """
    x = part["x"].to_numpy()
    middle, low, high = (np.maximum(part[column].to_numpy(), floor) for column in ("centre", "low", "high"))
    wide = changes(low, high)
    axes.fill_between(x[wide], low[wide], high[wide], step="post", color=style["color"], alpha=0.16, linewidth=0)
    measured = x[:-1] if held else x
    marks = _marked(np.log(measured) if log else measured, index, count)
    kept = np.union1d(changes(middle), marks)
    every = np.searchsorted(kept, marks).tolist()
    axes.plot(x[kept], middle[kept], drawstyle="steps-post", markevery=every, zorder=3, markeredgewidth=0,
              **line_style(style))  # fmt: skip
    return float(x[-1]), float(middle[-1])


def draw_background(axes: Axes, part: pd.DataFrame, style: Mapping[str, Any], floor: float = -np.inf) -> None:
    """Draw the step curve of a strategy that is not named: thin, without a band, behind the others."""
    x, middle = part["x"].to_numpy(), np.maximum(part["centre"].to_numpy(), floor)
    kept = changes(middle)
    axes.plot(x[kept], middle[kept], drawstyle="steps-post", color=style["color"], linewidth=0.6, zorder=1.5)


def changes(*columns: FloatArray) -> IntArray:
    """Return where step curves change, and their ends: to draw these is to draw all.

    >>> changes(np.array([3.0, 3.0, 2.0, 2.0, 2.0])).tolist()
    [0, 2, 4]
    """
    changed = np.any([np.diff(column, prepend=np.nan) != 0 for column in columns], axis=0)
    changed[-1:] = True
    return np.flatnonzero(changed)


def _marked(position: FloatArray, index: int, count: int, marks: int = 5) -> list[int]:
    """Return where to put markers: evenly along the axis, shifted so that those of different lines do not meet."""
    if len(position) < 2:
        return [0]
    shift = (index + 0.5) / max(count, 1)
    wanted = position[0] + (np.arange(marks) + shift) / marks * (position[-1] - position[0])
    return sorted({int(np.argmin(np.abs(position - place))) for place in wanted})


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Label 1, 2 and 5 of each decade where there are few decades, powers of ten where there are many."""
    decades = np.log10(high / low) if high > low > 0 else 1.0
    few = ((0.5, range(1, 10)), (1.0, (1, 2, 3, 5, 7)), (2.4, (1, 2, 5)))
    subs = next((tuple(map(float, marks)) for below, marks in few if decades < below), (1.0,))
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    if decades < 6:
        _minor_ticks(axis, low, high if high > low else 10 * low)


def _minor_ticks(axis: Any, low: float, high: float) -> None:
    """Draw ticks at the multiples of each power of ten, as one line of marks: as ticks, each would be five objects."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    places = np.outer(powers, np.arange(1, 10)).ravel()
    places = places[(places >= low * (1 - 1e-9)) & (places <= high * (1 + 1e-9))]
    edge, axes, mark = np.zeros(len(places)), axis.axes, dict[str, Any]()
    if axis.axis_name == "x":
        line, mark["marker"], mark["transform"] = (places, edge), TICKDOWN, axes.get_xaxis_transform()
    else:
        line, mark["marker"], mark["transform"] = (edge, places), TICKLEFT, axes.get_yaxis_transform()
    size, width = mpl.rcParams["xtick.minor.size"], mpl.rcParams["xtick.minor.width"]
    axes.add_artist(
        Line2D(*line, linestyle="", markersize=size, markeredgewidth=width, color=mpl.rcParams["xtick.color"],
               clip_on=False, zorder=axis.get_zorder(), **mark)
    )  # fmt: skip


def short_number(value: float) -> str:
    """Write an axis number: 0.01, 5, 200, 10k, 2M; with an exponent what is smaller or larger.

    >>> [short_number(value) for value in (0.05, 200.0, 20000.0, 2e6, 5e-7, 1e12)]
    ['0.05', '200', '20k', '2M', '5e-7', '1e12']
    """
    if value > 0 and not 0.9999e-3 <= value < 0.9999e9:
        mantissa, _, exponent = f"{value:.6e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= size * 0.9999 and (size > 1e3 or value >= 9_999):
            return f"{value / size:.6g}{suffix}"
    return f"{value:.6g}"


def name_ends(
    axes: Axes, ends: Mapping[str, tuple[float, float]], styles: Mapping[str, Any], *, led: bool = True
) -> None:
    """Write each line's name at its end, moved apart where they would overlap, with its marker as a key.

    A thin line leads from the end to the name if `led`: not among points in the midst of a panel, where it would be
    taken for data.
    """
    names = sorted(ends, key=lambda name: axes.transData.transform(ends[name])[1])
    box = axes.get_window_extent()
    width, height = (side / axes.figure.dpi * 72.0 for side in (box.width, box.height))  # of the panel, in points
    elbow, key, text = (1.0 + points / width for points in _BESIDE_POINTS)
    lines = {name: shown_name(name).count("\n") + 1 for name in names}
    sizes = [(lines[name] * _LABEL_POINTS * 1.12 + 2.5) / height for name in names]
    true = [(axes.transData.transform(ends[name])[1] - box.y0) / box.height for name in names]
    beside = blended_transform_factory(axes.transAxes, axes.transAxes)
    for name, place, end in zip(names, spread(true, sizes), true, strict=True):
        style = styles[name]
        if led:
            start = axes.transAxes.inverted().transform(axes.transData.transform(ends[name]))[0]
            axes.plot([start, elbow], [end, place], transform=beside, color=style["color"], linewidth=0.5,
                      clip_on=False, alpha=0.8)  # fmt: skip
        axes.plot([key], [place], transform=beside, color=style["color"], marker=style["marker"], clip_on=False,
                  markeredgewidth=0)  # fmt: skip
        axes.text(text, place, shown_name(name), transform=beside, va="center", ha="left", fontsize=_LABEL_POINTS,
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
