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
from matplotlib.path import Path
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
MEMBERS = "members"
"""What the column of a frame says of points that are members of fronts, and no corners of a surface."""
MOST_BANDS = 4
"""Strategies whose bands can be told apart: where more are named, lines are drawn alone."""
_CELLS = 30
"""Hexagons across a panel."""
_INCHES = (2.15, 1.85)
_ROOM = (0.06, 0.3)
"""Part of the range of the true front that is shown beyond its better and its worse end."""
_FEWEST = 3
"""Points of the true front that are always shown."""
_TRUE: dict[str, Any] = {"color": "#111111", "linewidth": 1.0, "linestyle": "-"}
_IMAGE: dict[str, Any] = {"color": "#111111", "marker": "o", "markersize": 3.4, "markerfacecolor": "white",
                          "markeredgewidth": 0.8, "linestyle": ""}  # fmt: skip


def exhibits(study: Study, split: str) -> list[Exhibit]:
    """Return the attained surfaces of all strategies: a figure for each objective that is drawn across."""
    by_axes: dict[str, list[tuple[str, Plane]]] = {}
    for item in study.aligned:
        for plane in planes(item, split):
            across, up = (objective.name for objective in plane.objectives)
            by_axes.setdefault(f"{across}-{up}" if plane.members else across, []).append((item.name, plane))
    return [_exhibit(study, split, name, shown, len(by_axes) > 1) for name, shown in by_axes.items()]


def _exhibit(study: Study, split: str, axes: str, shown: Sequence[tuple[str, Plane]], projected: bool) -> Exhibit:
    log, word = study.spec.report.log, split_words(study, split)
    windows = {name: _window(plane, log) for name, plane in shown}
    frames = [_frame(name, plane, windows[name], log) for name, plane in shown]
    band = "; band: that of a quarter to that of three quarters" if len(study.drawn) <= MOST_BANDS else ""
    ends = "; ".join(
        f"{name}: true front from {_words(plane, plane.true[0])} to {_words(plane, plane.true[-1])}"
        for name, plane in shown
    )
    drawn = (
        f"Line: the surface that half of the runs attain (median empirical attainment surface){band}. Black: the true"
        " front of the table"
    )
    if shown[0][1].members:
        drawn = (
            "Points: members of the front of the run with the median hypervolume gap. Hollow: the true front of the"
            " table, in all objectives: what lies behind others here is better in what is not shown"
        )
    caption = (
        f"Final fronts by {word} values ({judged_by(study, split)}). {drawn}; grey: its architectures, the darker the"
        " more."
        + (" Hollow points: the true validation front as it is on test: apparent against actual." * (split == "test"))
        + (" Fronts are projected on the two axes." if projected else "")
        + " The panel shows the range of the true front, without points at its ends that alone would take a quarter of"
        " an axis; what lies further out is cut."
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
        "centre": "run with the median gap" if shown[0][1].members else "surface attained by half of the runs",
        "band": "none" if shown[0][1].members else "surfaces attained by a quarter and by three quarters of the runs",
    }
    name = f"front-{split}-{axes}" if projected else f"front-{split}"
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
    is_log = np.array([objective.name in log for objective in plane.objectives])
    kept = without_outliers(np.where(is_log, np.log10(np.where(is_log, plane.true, 1.0)), plane.true))
    ends = []
    for values, objective, logged in zip(kept.T, plane.objectives, is_log.tolist(), strict=True):
        low, high = float(values.min()), float(values.max())
        room = high - low if high > low else max(abs(low), 1.0) * 0.1
        better, worse = low - _ROOM[0] * room, high + _ROOM[1] * room
        raised = [10**better, 10**worse] if logged else [better, worse]
        ends.append([float(objective.to_published(value)) for value in raised])
    return ends


def without_outliers(front: FloatArray) -> FloatArray:
    """Return a front without the points at its worse ends that lie far from the others: (p, 2) to (q, 2).

    The worst point of an axis goes while its distance to the next is more than a quarter of the range and more than
    twice what it were if all were evenly spaced, and more than `_FEWEST` are left.

    >>> without_outliers(np.array([[1.0, 90.0], [2.0, 12.0], [3.0, 11.0], [4.0, 10.0], [5.0, 9.0]])).tolist()
    [[2.0, 12.0], [3.0, 11.0], [4.0, 10.0], [5.0, 9.0]]
    """
    for place in (0, 1):
        front = front[np.argsort(front[:, place], kind="stable")]
        while len(front) > _FEWEST:
            far = max(0.25, 2 / (len(front) - 1)) * (front[-1] - front[0])[place]
            if (front[-1] - front[-2])[place] <= far:
                break
            front = front[:-1]
    return front[np.argsort(front[:, 0], kind="stable")]


def _frame(name: str, plane: Plane, window: list[list[float]], log: Sequence[str]) -> pd.DataFrame:
    """Return hexagons of the table, its front, and the corners of every surface as they are drawn."""
    published = _published(plane, plane.table)
    logged = [objective.name in log for objective in plane.objectives]
    parts = [_cells(published, window, logged).assign(series=ROWS, column="")]
    # the first and the last corner lie beyond the table and the panel
    edges = [objective.to_minimised(ends[1]) for objective, ends in zip(plane.objectives, window, strict=True)]
    worst = np.maximum(plane.table.max(axis=0), np.array(edges, dtype=np.float64))
    parts.append(_line(plane, plane.true if plane.members else _stairs(plane.true, worst), TRUE, _members(plane)))
    parts += [_line(plane, points, label, MEMBERS) for label, points in plane.members.items()]
    if len(plane.image):
        parts.append(_line(plane, plane.image, IMAGE, ""))
    for label, surfaces in plane.surfaces.items():
        parts += [_line(plane, _stairs(corners, worst), label, f"{level:g} %") for level, corners in surfaces.items()]
    frame = pd.concat(parts, ignore_index=True).assign(benchmark=name)
    return frame[COLUMNS]


def _members(plane: Plane) -> str:
    return MEMBERS if plane.members else ""


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
    true = frame[frame["series"] == TRUE]
    has_members = (true["column"] == MEMBERS).any()
    _draw_cells(axes, frame[frame["series"] == ROWS], None if has_members else _behind(true, window))
    axes.plot(true["x"], true["y"], zorder=2.6, **(_IMAGE if has_members else _TRUE))
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
        if MEMBERS in lines:
            ends_at |= _draw_members(axes, lines[MEMBERS], name, style, inside, named=name in named)
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


def _draw_members(
    axes: Axes,
    points: FloatArray,
    name: str,
    style: Mapping[str, Any],
    inside: Sequence[Sequence[float]],
    *,
    named: bool,
) -> dict[str, tuple[float, float]]:
    """Draw points; return where the name of a strategy that is named points to."""
    look = line_style(style) | {"linestyle": "", "markersize": 2.6 if named else 1.2, "markeredgewidth": 0}
    axes.plot(points[:, 0], points[:, 1], zorder=3 if named else 1.5, alpha=0.8, **look)
    if not named:
        return {}
    last = points[int(np.argmax(points[:, 0]))]
    x, y = (float(np.clip(last[place], inside[place][0], inside[place][1])) for place in (0, 1))
    return {name: (x, y)}


def _behind(true: pd.DataFrame, window: list[list[float]]) -> Path:
    """Return the part of a panel that the true front dominates: nothing of the table lies before it."""
    corners = true[["x", "y"]].to_numpy()
    lows, highs = (np.array([pick(ends) for ends in window]) for pick in (min, max))
    outline = np.concatenate([np.clip(corners, lows, highs), [[ends[1] for ends in window]]])
    return Path(np.concatenate([outline, outline[:1]]), closed=True)


def _draw_cells(axes: Axes, cells: pd.DataFrame, behind: Path | None) -> None:
    """Draw hexagons that fill the panel without gaps, whatever its scales and its shape; only where `behind` is."""
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
    drawn = PolyCollection(list(corners), transform=axes.transAxes, facecolors=shades, linewidths=0, zorder=0.5)
    axes.add_collection(drawn)
    if behind is not None:
        drawn.set_clip_path(behind, axes.transData)


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D | Patch]:
    """Return what explains the grey and the black."""
    has_members = ((frame["series"] == TRUE) & (frame["column"] == MEMBERS)).any()
    handles: list[Line2D | Patch] = [Line2D([], [], label=TRUE, **(_IMAGE if has_members else _TRUE))]
    if (frame["series"] == IMAGE).any():
        handles.append(Line2D([], [], label=IMAGE, **_IMAGE))
    else:
        handles.append(Patch(color="0.8", label=ROWS))
    return handles


KIND = FigureKind("fronts", _INCHES, draw, left=0.55, right=0.32, names="right", legend=_legend)
