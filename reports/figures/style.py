"""Colours, line styles, markers and names of strategies: the same in all figures of an experiment."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.colors import to_rgb

_OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
_TOL_MUTED = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.5, 1)), (0, (7, 1.5, 1.5, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


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


def line_style(style: Mapping[str, Any]) -> dict[str, Any]:
    """Return a style as matplotlib wants it; read back from JSON it has lists in place of tuples."""
    line = style["linestyle"]
    return {**style, "linestyle": line if isinstance(line, str) else (line[0], tuple(line[1]))}


def darker(color: str) -> tuple[float, float, float]:
    """Return a darker shade of a colour, for outlines on it."""
    red, green, blue = (0.7 * part for part in to_rgb(color))
    return red, green, blue


def shown_name(label: str, width: int = 14) -> str:
    r"""Return a label as figures write it: underscores as spaces, wrapped.

    >>> shown_name("regularized_evolution")
    'regularized\nevolution'
    """
    return "\n".join(textwrap.wrap(label.replace("_", " "), width, break_long_words=False)) or label


def names_inches(labels: Sequence[str]) -> float:
    """Return the width of the longest line of all names in inches, at seven points."""
    longest = max(len(line) for name in labels for line in shown_name(name).split("\n"))
    return 0.062 * longest  # a little over half an em for each letter
