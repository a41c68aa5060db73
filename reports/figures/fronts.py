"""Fronts: what the median run of every strategy attains, over the whole table and its true front (F12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from harness.checks import FloatArray
from harness.problem import Objective
from reports.figures.captions import background_sentence, runs_sentence, study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import log_ticks, name_ends
from reports.figures.style import line_style
from reports.study.front_measures import Plane, planes
from reports.study.naming import IMAGE, ROWS, TRUE
from reports.study.provenance import budget_sentence
from reports.study.study import Study
from reports.study.wording import judged_by, split_words

COLUMNS = ["benchmark", "series", "column", "x", "y", "count"]
MOST_BANDS = 4
"""Strategies whose bands can be told apart: where more are named, lines are drawn alone."""
_CELLS = 30
"""Hexagons across a panel."""
_INCHES = (2.15, 1.85)
_ROOM = (0.06, 0.3)
"""Part of the range of the true front that is shown beyond its better and its worse end."""
_TRUE: dict[str, Any] = {"color": "#111111", "linewidth": 1.0, "linestyle": "-"}
_IMAGE: dict[str, Any] = {"color": "#111111", "marker": "o", "markersize": 3.4, "markerfacecolor": "white",
                          "markeredgewidth": 0.8, "linestyle": ""}  # fmt: skip


def exhibits(study: Study, split: str) -> list[Exhibit]:
    """Return the attained surfaces of all strategies: a figure for each objective that is drawn across."""
    by_across: dict[str, list[tuple[str, Plane]]] = {}
    for item in study.aligned:
        for plane in planes(item, split):
            by_across.setdefault(plane.objectives[0].name, []).append((item.name, plane))
    return [_exhibit(study, split, name, shown, len(by_across) > 1) for name, shown in by_across.items()]


def _exhibit(study: Study, split: str, across: str, shown: Sequence[tuple[str, Plane]], projected: bool) -> Exhibit:
    log, word = study.spec.report.log, split_words(study, split)
    windows = {name: _window(plane, log) for name, plane in shown}
    frames = [_frame(name, plane, windows[name], log) for name, plane in shown]
    band = "; band: that of a quarter to that of three quarters" if len(study.drawn) <= MOST_BANDS else ""
    ends = "; ".join(
        f"{name}: true front from {_words(plane, plane.true[0])} to {_words(plane, plane.true[-1])}"
        for name, plane in shown
    )
    caption = (
        f"Final fronts by {word} values ({judged_by(study, split)}). Line: the surface that half of the runs attain"
        f" (median empirical attainment surface){band}. Black: the true"
        " front of the table; grey: its architectures, the darker the more."
        + (" Hollow points: the true validation front as it is on test: apparent against actual." * (split == "test"))
        + (" Fronts are projected on the two axes." if projected else "")
        + " The panel shows the range of the true front; what lies further out is cut."
        f" {runs_sentence(study)}{background_sentence(study)} {budget_sentence(study)}"
    )
    (first, up) = shown[0][1].objectives
    meta = {
        "title": f"Fronts on {word}: {up.name} and {first.name}",
        "x_label": _label(first),
        "y_label": {name: _label(plane.objectives[1]) for name, plane in shown},
        "left_out": {
            item.name: item.truth.why_no_test for item in study.aligned if split == "test" and item.truth.why_no_test
        },
        "log": [objective.name in log for objective in (first, up)],
        "windows": windows,
        "alt": f"Fronts of all strategies with the true front of the table, one panel for each benchmark. {ends}.",
        "centre": "surface attained by half of the runs",
        "band": "surfaces attained by a quarter and by three quarters of the runs",
    }
    name = f"front-{split}-{across}" if projected else f"front-{split}"
    return study_exhibit(study, name, KIND.name, pd.concat(frames, ignore_index=True), caption, meta)


def _label(objective: Objective) -> str:
    name = objective.name.replace("_", " ")
    unit = {"percent": "%"}.get(objective.unit, objective.unit)
    return f"{name} ({unit})" if unit else name


def _words(plane: Plane, point: FloatArray) -> str:
    pairs = zip(plane.objectives, point, strict=True)
    return " with ".join(f"{item.name} {float(item.to_published(value)):.4g}" for item, value in pairs)


def _window(plane: Plane, log: Sequence[str]) -> list[list[float]]:
    """Return the better and the worse end of both axes, in published values."""
    ends = []
    for place, objective in enumerate(plane.objectives):
        values, logged = plane.true[:, place], objective.name in log
        low, high = (float(value) for value in (values.min(), values.max()))
        low, high = (np.log10(low), np.log10(high)) if logged else (low, high)
        room = high - low if high > low else max(abs(low), 1.0) * 0.1
        better, worse = low - _ROOM[0] * room, high + _ROOM[1] * room
        raised = [10**better, 10**worse] if logged else [better, worse]
        ends.append([float(objective.to_published(value)) for value in raised])
    return ends


def _frame(name: str, plane: Plane, window: list[list[float]], log: Sequence[str]) -> pd.DataFrame:
    """Return hexagons of the table, its front, and the corners of every surface as they are drawn."""
    published = _published(plane, plane.table)
    logged = [objective.name in log for objective in plane.objectives]
    parts = [_cells(published, window, logged).assign(series=ROWS, column="")]
    # the first and the last corner lie beyond the table and the panel
    edges = [objective.to_minimised(ends[1]) for objective, ends in zip(plane.objectives, window, strict=True)]
    worst = np.maximum(plane.table.max(axis=0), np.array(edges, dtype=np.float64))
    parts.append(_line(plane, _stairs(plane.true, worst), TRUE, ""))
    if len(plane.image):
        parts.append(_line(plane, plane.image, IMAGE, ""))
    for label, surfaces in plane.surfaces.items():
        parts += [_line(plane, _stairs(corners, worst), label, f"{level:g} %") for level, corners in surfaces.items()]
    frame = pd.concat(parts, ignore_index=True).assign(benchmark=name)
    return frame[COLUMNS]


def _published(plane: Plane, points: FloatArray) -> FloatArray:
    columns = [objective.to_published(points[:, place]) for place, objective in enumerate(plane.objectives)]
    return np.stack(columns, axis=1)


def _line(plane: Plane, points: FloatArray, series: str, column: str) -> pd.DataFrame:
    x, y = _published(plane, points).T
    return pd.DataFrame({"series": series, "column": column, "x": x, "y": y, "count": np.nan})


def _stairs(corners: FloatArray, worst: FloatArray) -> FloatArray:
    """Return the boundary of what corners, ascending, attain, between the worst values: (k, 2) to (2 k + 1, 2)."""
    if not len(corners):
        return worst[None]
    x = np.repeat(np.append(corners[:, 0], max(worst[0], corners[-1, 0])), 2)[:-1]
    y = np.repeat(np.append(max(worst[1], corners[0, 1]), corners[:, 1]), 2)[1:]
    return np.stack([x, y], axis=1)


def _cells(points: FloatArray, window: list[list[float]], log: Sequence[bool]) -> pd.DataFrame:
    """Return the hexagons of a panel that hold points: their centres, in published values, and how many they hold."""
    lows, highs = np.array([min(ends) for ends in window]), np.array([max(ends) for ends in window])
    inside = points[np.all((points >= lows) & (points <= highs), axis=1)]
    scale = np.array(log)
    low, high = (np.where(scale, np.log10(np.where(scale, ends, 1.0)), ends) for ends in (lows, highs))
    placed = (np.where(scale, np.log10(np.where(scale, inside, 1.0)), inside) - low) / (high - low)
    width = np.array([1.0 / _CELLS, np.sqrt(3.0) / _CELLS * _INCHES[0] / _INCHES[1]])  # of both lattices
    even, odd = np.round(placed / width), np.round(placed / width - 0.5) + 0.5
    ratio = np.array([1.0, 3.0])  # distances as on paper: lattices are higher than wide
    nearer = ((placed / width - even) ** 2 @ ratio) <= ((placed / width - odd) ** 2 @ ratio)
    centres, counts = np.unique(np.where(nearer[:, None], even, odd), axis=0, return_counts=True)
    back = centres * width * (high - low) + low
    x, y = np.where(scale, 10.0 ** np.where(scale, back, 0.0), back).T
    return pd.DataFrame({"x": x, "y": y, "count": counts.astype(np.float64)})


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw the table in grey, its true front in black, and the median surface of every strategy with its band."""
    window = meta["windows"][frame["benchmark"].iloc[0]]
    for axis, set_scale, set_limits, ends, logged in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim, window[0], meta["log"][0]),
        (axes.yaxis, axes.set_yscale, axes.set_ylim, window[1], meta["log"][1]),
    ):
        low, high = min(ends), max(ends)
        set_scale("log" if logged else "linear")
        set_limits(low, high)
        if logged:
            log_ticks(axis, low, high)
        else:
            axis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(False)
    _draw_cells(axes, frame[frame["series"] == ROWS])
    true = frame[frame["series"] == TRUE]
    axes.plot(true["x"], true["y"], zorder=2.6, **_TRUE)
    image = frame[frame["series"] == IMAGE]
    axes.plot(image["x"], image["y"], zorder=2.8, **_IMAGE)
    ends_at: dict[str, tuple[float, float]] = {}
    background = set(meta.get("background", ()))
    inside = [sorted(ends) for ends in window]
    present = [name for name in meta["styles"] if (frame["series"] == name).any()]
    named = [name for name in present if name not in background]
    for name in present:
        part, style = frame[frame["series"] == name], meta["styles"][name]
        lines = {column: lines[["x", "y"]].to_numpy() for column, lines in part.groupby("column", sort=False)}
        middle = lines.get("50 %")
        if middle is None:
            continue
        if name in background:
            axes.plot(middle[:, 0], middle[:, 1], color=style["color"], linewidth=0.6, zorder=1.5)
            continue
        if len(named) <= MOST_BANDS and {"25 %", "75 %"} <= set(lines):
            outline = np.concatenate([lines["25 %"], lines["75 %"][::-1]])
            axes.fill(outline[:, 0], outline[:, 1], color=style["color"], alpha=0.16, linewidth=0, zorder=2)
        axes.plot(middle[:, 0], middle[:, 1], zorder=3, **(line_style(style) | {"marker": ""}))
        x, y = (float(np.clip(middle[-1, place], *inside[place])) for place in (0, 1))
        ends_at[name] = (x, y)
    name_ends(axes, ends_at, meta["styles"])


def _draw_cells(axes: Axes, cells: pd.DataFrame) -> None:
    """Draw hexagons that fill the panel without gaps, whatever its scales and its shape."""
    if not len(cells):
        return
    to_axes = axes.transData + axes.transAxes.inverted()
    centres = to_axes.transform(cells[["x", "y"]].to_numpy())
    angles = np.deg2rad(30 + 60 * np.arange(6))
    radius = np.array([1.0, _INCHES[0] / _INCHES[1]]) / (_CELLS * np.sqrt(3.0))
    corners = centres[:, None] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    counts = cells["count"].to_numpy()
    part = np.log1p(counts) / np.log1p(counts.max())
    shades = [str(round(0.95 - 0.3 * float(value), 2)) for value in part]
    axes.add_collection(
        PolyCollection(list(corners), transform=axes.transAxes, facecolors=shades, linewidths=0, zorder=0.5)
    )


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D | Patch]:
    """Return what explains the grey and the black."""
    handles: list[Line2D | Patch] = [Line2D([], [], label=TRUE, **_TRUE)]
    if (frame["series"] == IMAGE).any():
        handles.append(Line2D([], [], label=IMAGE, **_IMAGE))
    else:
        handles.append(Patch(color="0.8", label=ROWS))
    return handles


KIND = FigureKind("fronts", _INCHES, draw, left=0.55, right=0.32, names="right", legend=_legend)
