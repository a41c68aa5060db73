"""Architectures: what searches ended with and the best of the table, drawn from input to output (F17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from harness.checks import Archs, FloatArray
from harness.space import SearchSpace
from reports.figures.captions import study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import PALE, darker, shortened
from reports.figures.wiring import wiring
from reports.study.study import Study

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288")
_PLAIN = "#555555"
"""Of what is no operation, skips and nothing."""
_QUIET = ("", "none", "zero", "skip", "skip_connect", "input", "output", "sum", "identity")
_DEAD = (0, (1, 1.6))
_LONGEST = 18
_LETTERS = 45
"""Names of places that together, each as long as the longest, have more letters are turned."""
_POINTS = 6.2
"""Size of labels."""
_WIDTH, _HEIGHT = 0.62, 1.2
"""Mean width of a letter, and height of a line, in that size."""
_STEPS, _SAG = 9, 2.0
"""Half lines up or down within which a label finds its room, and points by which an arc sinks along a label."""
_FINE = 99
"""Corners of an arc between which no letter fits."""
_Box = tuple[float, float, float, float]
"""Left, low, right and high, in points."""
_OFFICIAL = (
    ("nor_", ""),
    ("sep_conv", "sep"),
    ("dil_conv", "dil"),
    ("_connect", ""),
    ("_pool", " pool"),
    ("-bn-relu", ""),
    ("_", " "),
)
"""What drawings leave out of the field's names of operations."""


def exhibit(study: Study, shown: Sequence[tuple[str, SearchSpace, Archs]], more: str = "") -> Exhibit:
    """Return a drawing of each architecture, by the name of its panel; no rows where none can be drawn.

    `more` goes into the caption: what the panels are of.
    """
    frame, meta = drawn(shown)
    caption = f"{meta['caption']}{more} How often runs ended with each, and their regret, is in a table below."
    meta["title"] = "Architectures that searches ended with"
    made = study_exhibit(study, "architectures", KIND.name, frame, caption, meta)
    return Exhibit(made.name, made.kind, made.frame, {**made.meta, "styles": {}})


def drawn(shown: Sequence[tuple[str, SearchSpace, Archs]]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the marks of drawings by the names of their panels, and what an exhibit says of them."""
    rows = [
        (f"{name}, {cell}" if cell else name, mark.what, mark.operation, mark.x, mark.end, mark.height, mark.live)
        for name, space, arch in shown
        for cell, marks in wiring(space, arch).items()
        for mark in marks
    ]
    columns = ["benchmark", "row", "column", "x", "end", "height", "live"]
    frame = pd.DataFrame(rows, columns=columns)
    panels = list(dict.fromkeys(frame["benchmark"]))
    texts = {name: space.format(arch[None])[0] for name, space, arch in shown}
    dead = " Dotted: on no way from input to output." if not frame["live"].all() else ""
    caption = (
        "Architectures, from the input at the left to the output at the right; what stands on an arc, or at a place, is"
        f" its operation, and a place adds up what comes in.{dead}"
    )
    return frame, {
        "caption": caption,
        "x_label": "",
        "y_label": dict.fromkeys(panels, ""),
        "left_out": {},
        "colors": _colors(shown),
        "alt": "Drawings of architectures. " + "; ".join(f"{name}: {text}" for name, text in texts.items()) + ".",
    }


def _colors(shown: Sequence[tuple[str, SearchSpace, Archs]]) -> dict[str, str]:
    """Return a colour for each operation, in the order of the spaces' own lists."""
    names = [
        _value(name.rpartition(":")[2])
        for space, arch in {item.name: (item, arch) for _, item, arch in shown}.values()
        for name in space.graph(arch[None]).labels
    ]
    loud = [name for name in dict.fromkeys(names) if name.rstrip(" 0123456789") not in _QUIET]
    return {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(loud)}


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw places and arcs, with labels that do not meet."""
    places, arcs = (frame[frame["row"] == what] for what in ("place", "arc"))
    for arc in arcs.to_dict("records"):
        _draw_arc(axes, arc, meta["colors"])
    below = set(arcs.loc[arcs["height"] < 0, "x"])
    last = places["x"].max()
    letters = places.loc[places["column"] != "", "column"].map(_short).str.len()
    crowded = len(letters) * letters.max() > _LETTERS
    high, low = frame["height"].max(), frame["height"].min()
    axes.set_xlim(-0.16 * last - 0.1, 1.16 * last + 0.1)
    room = 0.16 * max(high - low, 1.0)
    axes.set_ylim(low - (3.5 if crowded else 1.0) * room, high + room)
    labels = _Labels(axes, arcs.to_dict("records"))
    for place in places.to_dict("records"):
        color = meta["colors"].get(_value(place["column"]), _PLAIN) if place["live"] else "#b4b4b4"
        axes.plot([place["x"]], [0.0], "o", color=color, markersize=4.0 if crowded else 5.0,
                  markeredgewidth=0, zorder=4)  # fmt: skip
        if place["column"]:
            side = {places["x"].min(): -1, last: 1}.get(place["x"], 0) * (not crowded)
            shift = (4.5 * side, 0.0) if side else (-3.0 * (place["x"] in below), -4.5)
            sides = ("center", "left", "right")[-1 if place["x"] in below else side]
            text = axes.annotate(_short(place["column"]), (place["x"], 0.0), xytext=shift, textcoords="offset points",
                                 ha=sides, va="center" if side else "top", rotation=90 * crowded, fontsize=_POINTS,
                                 color=darker(color) if place["live"] else "#8a8a8a")  # fmt: skip
            labels.take(text, (place["x"], 0.0))
    for arc in sorted(arcs.to_dict("records"), key=lambda arc: (abs(arc["height"]), arc["x"])):
        _name_arc(axes, arc, meta["colors"], labels)
    axes.set_axis_off()


class _Labels:
    """The room that the labels of a panel take, and arcs that they do not lie on, in points."""

    def __init__(self, axes: Axes, arcs: Sequence[Mapping[Any, Any]]) -> None:
        box = axes.get_window_extent()
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        dots = axes.figure.dpi / 72.0
        self._scale = box.width / dots / (right - left), box.height / dots / (high - low)
        self._taken: list[_Box] = []
        lines = [_line(arc, _FINE) for arc in arcs if arc["height"]]
        self._lines = np.concatenate([np.empty((0, 2)), *(np.stack(line, 1) for line in lines)]) * self._scale

    def _box(self, text: Annotation, at: tuple[float, float]) -> _Box:
        """Return left, low, right and high of a label at a point."""
        along, across = _WIDTH * _POINTS * len(text.get_text()), _HEIGHT * _POINTS
        wide, tall = (across, along) if text.get_rotation() else (along, across)
        x, y = (part * scale + shift for part, scale, shift in zip(at, self._scale, text.xyann, strict=True))
        left = x - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[text.get_horizontalalignment()]
        low = y - tall * {"bottom": 0.0, "center": 0.5, "top": 1.0}[text.get_verticalalignment()]
        return left, low, left + wide, low + tall

    def take(self, text: Annotation, at: tuple[float, float]) -> None:
        """Take the room of a label as it stands."""
        self._taken.append(self._box(text, at))

    def place(self, text: Annotation, at: tuple[float, float], side: int) -> None:
        """Move a label up or down, to its own side first, until it meets no other; leave it where there is no room.

        What another arc would cross stands inside of its own arc, where it is free there, else before pale paper.
        """
        x, y = text.xyann
        steps = [sign * step * _HEIGHT * _POINTS / 2 for step in range(_STEPS) for sign in (side, -side)]
        inside = -2 * y - side * (_HEIGHT * _POINTS + _SAG)
        boxes = {shift: self._moved(text, (x, y + shift), at) for shift in (*steps, inside)}
        free = [shift for shift in (0.0, inside, *steps) if not self._meets(boxes[shift])]
        clear = [shift for shift in free if shift in (0.0, inside) and not self._crossed(boxes[shift])]
        text.xyann = (x, y + [*clear, *(shift for shift in free if shift != inside), 0.0][0])
        if not clear:
            text.set_bbox(PALE)
        self.take(text, at)

    def _moved(self, text: Annotation, shift: tuple[float, float], at: tuple[float, float]) -> _Box:
        text.xyann = shift
        return self._box(text, at)

    def _meets(self, box: _Box) -> bool:
        left, low, right, high = box
        return any(a < right and left < c and b < high and low < d for a, b, c, d in self._taken)

    def _crossed(self, box: _Box) -> bool:
        return bool(((self._lines > box[:2]) & (self._lines < box[2:])).all(axis=1).any())


def _draw_arc(axes: Axes, arc: Mapping[Any, Any], colors: Mapping[str, str]) -> None:
    """Draw half an ellipse, or a straight line."""
    known = colors.get(arc["column"], _PLAIN)
    color = known if arc["live"] else "#b4b4b4"
    axes.plot(*_line(arc, 25 if arc["height"] else 2), color=color, zorder=2,
              linestyle="-" if arc["live"] else _DEAD, linewidth=1.3 if arc["column"] else 0.6)  # fmt: skip


def _line(arc: Mapping[Any, Any], corners: int) -> tuple[FloatArray, FloatArray]:
    """Return the corners of an arc: x and y."""
    turn = np.linspace(0, np.pi, corners)
    middle, half = (arc["x"] + arc["end"]) / 2, (arc["end"] - arc["x"]) / 2
    return middle - half * np.cos(turn), arc["height"] * np.sin(turn)


def _name_arc(axes: Axes, arc: Mapping[Any, Any], colors: Mapping[str, str], labels: _Labels) -> None:
    """Write the operation of an arc at its middle, or above or below that where another stands there."""
    if not arc["column"]:
        return
    below, at = arc["height"] < 0, ((arc["x"] + arc["end"]) / 2, arc["height"])
    text = axes.annotate(_short(arc["column"]), at, xytext=(0, -1.5 if below else 1.5), textcoords="offset points",
                         ha="center", va="top" if below else "bottom", fontsize=_POINTS,
                         color=darker(colors.get(arc["column"], _PLAIN)) if arc["live"] else "#8a8a8a")  # fmt: skip
    labels.place(text, at, -1 if below else 1)


def _value(name: str) -> str:
    """Return what a place of a chain holds, without the gene that holds it."""
    return name.partition("=")[2] or name


def _short(name: str) -> str:
    """Return the name of an operation as drawings write it.

    >>> _short("nor_conv_3x3"), _short("skip_connect"), _short("layer 3=mb6_k5")
    ('conv 3x3', 'skip', 'mb6 k5')
    """
    name = _value(name)
    for old, new in _OFFICIAL:
        name = name.replace(old, new)
    return shortened(name, _LONGEST)


KIND = FigureKind("architectures", (2.5, 1.15), draw, left=0.08, right=0.08, below=0.06, most_columns=2)
