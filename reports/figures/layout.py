"""The layout of a figure: how large it is, and where its panels lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import axis_label, names_high_inches, names_inches

_WIDEST = 50
"""Letters of one line of the label of a horizontal axis."""
_SECOND_LINE = 0.13
"""Inches that a second line of a label needs."""
_ALONE = 1.9
"""How much wider a panel is that has no other beside it."""
_ABOVE = 0.24
"""Inches above a panel, for its title."""
_LEGEND_ROW = 0.16
"""Inches that a further row of a legend needs."""
_POINTS = 72.0


@dataclass(frozen=True)
class Box:
    """A rectangle of a page in points, from its upper left corner."""

    name: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Room for the panels of a figure, in inches.

    Attributes
    ----------
    panels : tuple of str
    columns : int
    inner : tuple of float
        Width and height of the axes of each.
    left, right, below, top : float
        Room beside and below each, and above all.
    """

    panels: tuple[str, ...]
    columns: int
    inner: tuple[float, float]
    left: float
    right: float
    below: float
    top: float

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a panel with its labels."""
        return self.left + self.inner[0] + self.right, _ABOVE + self.inner[1] + self.below

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        rows = math.ceil(len(self.panels) / self.columns)
        return self.columns * self.cell[0], rows * self.cell[1] + self.top

    def axes(self, index: int) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of the axes of a panel, in parts of the figure."""
        row, column = divmod(index, self.columns)
        width, height = self.size
        x = column * self.cell[0] + self.left
        y = height - self.top - (row + 1) * (_ABOVE + self.inner[1]) - row * self.below
        return x / width, y / height, self.inner[0] / width, self.inner[1] / height

    def boxes(self) -> list[Box]:
        """Return where panels lie with their labels."""
        width, height = (_POINTS * side for side in self.cell)
        return [
            Box(name, index % self.columns * width, _POINTS * self.top + index // self.columns * height, width, height)
            for index, name in enumerate(self.panels)
        ]


def x_label(exhibit: Exhibit, panel: str) -> str:
    """Return the label of the horizontal axis of a panel, in one line or two."""
    label = exhibit.meta["x_label"]
    return axis_label(str(label if isinstance(label, str) else label[panel]), _WIDEST)


def layout(exhibit: Exhibit, kind: FigureKind, panels: Sequence[str], *, entries: int) -> Layout:
    """Return the room that panels of an exhibit need: two to a row, and one alone larger, see `FigureKind.widens`.

    `entries` are those of the legend above them, two to a row.
    """
    width, height = kind.panel_inches
    if len(panels) == 1:
        width, height = 1.15 * width, 1.15 * height
        width *= _ALONE if kind.widens else 1.0
    named = kind.named(exhibit.meta)
    height = max(height, names_high_inches(named, in_rows=kind.names == "left"))
    left, right = kind.margins(names_inches(named))
    left += _SECOND_LINE * any("\n" in axis_label(label) for label in exhibit.meta["y_label"].values())
    below = kind.below + _SECOND_LINE * any("\n" in x_label(exhibit, name) for name in panels)
    columns = kind.columns(len(panels))
    return Layout(
        tuple(panels),
        columns,
        (width, height),
        left,
        right,
        below,
        0.22 + _LEGEND_ROW * (math.ceil(entries / 2) - 1) if entries else 0.04,
    )
