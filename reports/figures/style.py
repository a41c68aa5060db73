"""Colours, line styles, markers and names of strategies: the same in all figures of an experiment."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.colors import to_rgb

from harness.printable import printable

# Without black, which is the true front's; wine and orange stand in its place.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#882255", "#F0E442")
TOL_MUTED = (
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#EE7733",
)  # fmt: skip
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.5, 1)), (0, (7, 1.5, 1.5, 1.5)))
_LONGEST_NAME, _LONGEST_LINE = 44, 20
"""Letters of a name in a figure, and of one of its lines."""
_JOINT = "\x1f"
"""Where a line may end without a blank; what is shown holds none, for it cannot be printed."""
GREY = "#b4b4b4"
"""Of strategies in the background."""
PALE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.3}
"""Paper below words that lines would cross."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


def style_map(labels: Sequence[str], background: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Return one colour, line style and marker for each label: the same in all figures of an experiment.

    Those in the background are grey, and come last.
    """
    labels = [label for label in labels if label not in background]
    palette = OKABE_ITO if len(labels) <= len(OKABE_ITO) else TOL_MUTED
    return {
        label: {
            "color": palette[index % len(palette)],
            "linestyle": _LINES[index % len(_LINES)],
            "marker": _MARKERS[index % len(_MARKERS)],
        }
        for index, label in enumerate(labels)
    } | {label: {"color": GREY, "linestyle": "-", "marker": "."} for label in background}


def line_style(style: Mapping[str, Any]) -> dict[str, Any]:
    """Return a style as matplotlib wants it; read back from JSON it has lists in place of tuples."""
    line = style["linestyle"]
    return {**style, "linestyle": line if isinstance(line, str) else (line[0], tuple(line[1]))}


def darker(color: str) -> tuple[float, float, float]:
    """Return a darker shade of a colour, for outlines on it, and for words that are read on white."""
    red, green, blue = (0.7 * part for part in to_rgb(color))
    return red, green, blue


def shown_name(label: str, width: int = 14) -> str:
    r"""Return a label as figures write it: wrapped, after underscores too, and cut in the middle where it is very long.

    >>> shown_name("regularized_evolution")
    'regularized_\nevolution'
    """
    parts = re.sub("(_+)(?=[^_])", rf"\1{_JOINT} ", shortened(label, _LONGEST_NAME))
    wrapped = textwrap.wrap(parts, width + 1, break_long_words=False)
    lines = [line.replace(f"{_JOINT} ", "").replace(_JOINT, "") for line in wrapped]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, _LONGEST_LINE)) or printable(label)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many letters: begin and end of a longer one, which tell more than its middle.

    >>> shortened("a table with a very long name", 20)
    'a table with…ng name'
    """
    text = printable(text)
    if len(text) <= most:
        return text
    end = most * 2 // 5 - 1
    return f"{text[: most - end - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}{text[-end:].lstrip()}"


def axis_label(text: str, most: int = 38) -> str:
    r"""Return the label of an axis: in two lines where it is long, its unit in the second.

    >>> axis_label("validation regret (mean squared error of positions)")
    'validation regret\n(mean squared error of positions)'
    """
    if len(text) <= most:
        return printable(text)
    quantity, mark, unit = text.partition(" (")
    return "\n".join(shortened(line, most) for line in ([quantity, f"({unit}"] if mark else [text]))


def names_high_inches(labels: Sequence[str], *, in_rows: bool) -> float:
    """Return the height that all names need one below the other, in rows of one height or not, at seven points."""
    lines = [shown_name(name).count("\n") + 1 for name in labels]
    return sum(0.035 + 0.11 * (max(lines) if in_rows else count) for count in lines)


def names_inches(labels: Sequence[str]) -> float:
    """Return the width of the longest line of all names in inches, at seven points."""
    longest = max((len(line) for name in labels for line in shown_name(name).split("\n")), default=0)
    return 0.062 * longest  # a little over half an em for each letter
