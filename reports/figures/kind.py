"""The record of a kind of figure: the room that a panel needs, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

Draw = Callable[[Axes, pd.DataFrame, Mapping[str, Any]], None]
Legend = Callable[[pd.DataFrame, Mapping[str, Any]], Sequence[Artist]]


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure: everything that drawing an exhibit of it takes besides the exhibit.

    The file of a kind holds this record as ``KIND``, what it draws, and a function that makes exhibits of it: frame,
    caption and metadata.  A kind of one's own is one line in a mapping from names to records, a provider
    of the entry-point group ``harness.figures``.

    Attributes
    ----------
    name : str
        What stands in the JSON of an exhibit under ``kind``.
    panel_inches : tuple of float
        Width and height of the axes of one panel.
    draw : callable
        ``(axes, frame, meta)``: draws one panel from the rows of the exhibit's frame that belong to it, and from the
        exhibit's metadata, alone.
    left, right : float
        Inches beside a panel, without the names of the strategies.
    below : float
        Inches under a panel, for tick labels and the label of the axis.
    names : {"left", "right", "none"}
        The side on which strategies are named: it is widened by the longest name.  None where a legend names them.
    most_columns : int
        Panels to a row: two, or three where three are all.
    legend : callable, optional
        ``(frame, meta)`` to the entries of a legend above all panels; none where there is nothing to explain.
    names_background : bool
        Whether strategies in the background have names, too.
    widens : bool
        Whether a panel that is the only one is drawn as wide as two; not where its two axes are alike.
    shaded : bool
        Whether shades of areas say something: by night pages turn them round, and what is written on them.
    """

    name: str
    panel_inches: tuple[float, float]
    draw: Draw
    left: float = 0.32
    right: float = 0.18
    below: float = 0.42
    names: Literal["left", "right", "none"] = "left"
    most_columns: Literal[2, 3] = 2
    legend: Legend | None = None
    names_background: bool = False
    widens: bool = True
    shaded: bool = False

    def named(self, meta: Mapping[str, Any]) -> list[str]:
        """Return the strategies whose names stand beside a panel: those in the background only where all have rows."""
        if self.names == "none":
            return []
        background = () if self.names_background else meta.get("background", ())
        return [name for name in meta["styles"] if name not in background]

    def margins(self, names_inches: float) -> tuple[float, float]:
        """Return the room left and right of a panel in inches, given the width of the longest name."""
        if self.names == "left":
            return names_inches + self.left, self.right
        return self.left, names_inches + self.right

    def columns(self, panels: int) -> int:
        """Return how many panels stand in a row.

        >>> kind = FigureKind("points", (2.0, 2.0), draw=lambda axes, frame, meta: None)
        >>> [kind.columns(panels) for panels in (1, 2, 3, 4)]
        [1, 2, 2, 2]
        """
        if panels == 1:
            return 1
        return self.most_columns if panels == self.most_columns else 2
