"""Figures as matplotlib objects and files; the same data with the same versions gives the same bytes."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from harness import registry
from harness.checks import choice
from harness.errors import ResultError
from harness.experiments.results import Results
from reports.figures import curves
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import axis_label, names_high_inches, names_inches, shortened
from reports.study.align import AXES
from reports.study.opening import OpenOracle
from reports.study.study import prepare
from reports.study.truth import SPLITS

FORMATS = ("pdf", "svg", "png")
_LONGEST_TITLE = 40
"""Letters of the title of a panel."""
_WIDEST = 50
"""Letters of one line of the label of a horizontal axis."""
_ALONE = 1.9
"""How much wider a panel is that has no other beside it."""
_SECOND_LINE = 0.13
"""Inches that a second line of a label needs."""
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def kind_of(name: str) -> FigureKind:
    """Return a kind of figure by name: one of `KINDS`, or one that another package registers in ``harness.figures``.

    Only what is installed is imported, so an exhibit read from a folder of someone else runs nothing of that folder.

    Raises
    ------
    HarnessError
        If the name is unknown; names the nearest match.
    """
    kind: FigureKind = registry.load("figure", name)
    return kind


class NotebookFigure(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self) -> bytes:
        with house_style():
            out = io.BytesIO()
            self.savefig(out, format="png", dpi=150)
            return out.getvalue()


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the project's style, whatever the user's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(mpl.rc_params_from_file(str(Path(__file__).parent / "paper.mplstyle"), False, False))
        with warnings.catch_warnings():  # of letters that the font lacks; SVG and page have them all the same
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            yield


def plot(
    results: Results,
    *,
    axis: str | None = None,
    split: str = "validation",
    open_oracle: OpenOracle = registry.oracle,
) -> Figure:
    """Draw regret of the incumbent over the budget, one panel for each benchmark.

    Parameters
    ----------
    results : Results
    axis : {"evaluations", "seconds", "epochs"}
        Evaluations charged, simulated seconds, or epochs trained; the default is evaluations, and, where they do not
        count alike, what the budget limits.
    split : {"validation", "test"}
        What the incumbent is judged by; it is always chosen by validation.
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ResultError
        If no benchmark has what is asked for; says why.
    """
    choice("axis", axis or AXES[0], AXES)
    choice("split", split, SPLITS)
    study = prepare(results, open_oracle, allow_missing=True)
    exhibit = curves.exhibit(study, split, axis or study.aligned[0].axes[0])
    if not len(exhibit.frame):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in exhibit.meta["left_out"].items())
        raise ResultError(f"nothing to plot: {reasons or 'no run has an incumbent'}")
    return draw(exhibit)


def draw(exhibit: Exhibit, panel: str | None = None) -> Figure:
    """Draw an exhibit from its frame and metadata alone.

    Parameters
    ----------
    exhibit : Exhibit
    panel : str, optional
        Draw this panel alone, a little larger; the default is all of them, two to a row.  The only panel of an exhibit
        takes the width of two, see `FigureKind.widens`.
    """
    kind = kind_of(exhibit.kind)
    panels = exhibit.panels if panel is None else [panel]
    columns = kind.columns(len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = kind.panel_inches
    if len(panels) == 1:
        width, height = 1.15 * width, 1.15 * height
        width *= _ALONE if len(exhibit.panels) == 1 and kind.widens else 1.0
    named = kind.named(exhibit.meta)
    height = max(height, names_high_inches(named, in_rows=kind.names == "left"))
    left, right = kind.margins(names_inches(named))
    left += _SECOND_LINE * any("\n" in axis_label(label) for label in exhibit.meta["y_label"].values())
    below = kind.below + _SECOND_LINE * any("\n" in axis_label(_x_label(exhibit, name), _WIDEST) for name in panels)
    above = 0.24
    with house_style():
        shown = exhibit.frame[exhibit.frame["benchmark"].isin(panels)]  # of other panels nothing is explained
        legend = kind.legend(shown, exhibit.meta) if kind.legend else ()
        top = 0.22 if legend else 0.04
        size = (columns * (left + width + right), rows * (below + height + above) + top)
        figure = NotebookFigure(figsize=size)
        FigureCanvasAgg(figure)
        for index, name in enumerate(panels):
            row, column = divmod(index, columns)
            x = column * (left + width + right) + left
            y = size[1] - top - (row + 1) * (above + height) - row * below
            axes = figure.add_axes((x / size[0], y / size[1], width / size[0], height / size[1]))
            kind.draw(axes, exhibit.frame[exhibit.frame["benchmark"] == name], exhibit.meta)
            axes.set_title(shortened(name, _LONGEST_TITLE))
            _label(axes, exhibit, name, first=column == 0)
        if legend:
            # over one panel alone it may be wider than the panel, and goes on over the names
            alone = columns == 1
            place = 0.0 if alone else 1.0 - right / size[0]
            figure.legend(
                handles=list(legend), loc="upper left" if alone else "upper right", bbox_to_anchor=(place, 1.0),
                ncols=2, handlelength=2.2, borderpad=0.2,
            )  # fmt: skip
        for text in figure.findobj(Text):  # a label is no formula, wherever the figure is drawn later
            if isinstance(text, Text):
                text.set_parse_math(False)
    return figure


def _x_label(exhibit: Exhibit, panel: str) -> str:
    label = exhibit.meta["x_label"]
    return str(label if isinstance(label, str) else label[panel])


def _label(axes: Any, exhibit: Exhibit, panel: str, *, first: bool) -> None:
    axes.set_xlabel(axis_label(_x_label(exhibit, panel), _WIDEST))
    labels = exhibit.meta["y_label"]
    if first or len(set(labels.values())) > 1:
        axes.set_ylabel(axis_label(labels[panel]))


def rendered(figure: Figure, file_format: str) -> bytes:
    """Return the bytes of a figure in one of `FORMATS`, without dates or program names."""
    choice("file_format", file_format, FORMATS)
    out = io.BytesIO()
    with house_style():
        figure.savefig(out, format=file_format, metadata=_METADATA[file_format])
    return out.getvalue()


def save(exhibit: Exhibit, folder: Path) -> None:
    """Write ``NAME.{pdf,svg,png,csv,json}``."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw(exhibit)
    for file_format in FORMATS:
        (folder / f"{exhibit.name}.{file_format}").write_bytes(rendered(figure, file_format))
    exhibit.write(folder)


def inline_svg(exhibit: Exhibit, panel: str) -> str:
    """Return one panel as an SVG element for a page: it scales, and its ids meet no other figure's."""
    text = rendered(draw(exhibit, panel), "svg").decode()
    text = text[text.index("<svg") :]
    prefix = f"{exhibit.name}-{exhibit.panels.index(panel) + 1}-"
    for old in (r"<metadata>.*?</metadata>", r"<!--.*?-->\s*"):
        text = re.sub(old, "", text, flags=re.DOTALL)

    def rewritten(tag: re.Match[str]) -> str:
        """Make ids of the page's own; a hundredth of a point is enough, and halves the page."""
        found = tag.group(0)
        for old, new in (
            ('\\bid="', f'id="{prefix}'),
            (r"url\(#", f"url(#{prefix}"),
            ('xlink:href="#', f'href="#{prefix}'),
        ):
            found = re.sub(old, new, found)
        return re.sub(r"(\d\.\d\d)\d+", r"\1", found)

    text = re.sub(r"<[^>]+>", rewritten, text)  # what is between tags is text for people
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    width = re.search(r'viewBox="0 0 ([\d.]+)', head)
    limit = f' style="max-width:{float(width.group(1)) * 1.75:.0f}px"' if width else ""
    return f'<svg {box.group(0) if box else ""}{limit} aria-hidden="true">{body}'.strip()
