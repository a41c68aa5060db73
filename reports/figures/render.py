"""Figures as matplotlib objects and files; the same data with the same versions gives the same bytes."""

from __future__ import annotations

import io
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
from reports.figures.inline import Sheet, panels_of
from reports.figures.kind import FigureKind
from reports.figures.layout import layout, x_label
from reports.figures.style import axis_label, shortened
from reports.study.align import AXES
from reports.study.opening import OpenOracle
from reports.study.study import prepare
from reports.study.truth import SPLITS

FORMATS = ("pdf", "svg", "png")
_LONGEST_TITLE = 40
"""Letters of the title of a panel."""
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
_PACKED: dict[str, dict[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 3}}}
"""A third less time for files that are one part in twenty larger."""


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


def draw(exhibit: Exhibit) -> Figure:
    """Draw an exhibit from its frame and metadata alone: all its panels, two to a row."""
    kind, panels = kind_of(exhibit.kind), exhibit.panels
    with house_style():
        legend = kind.legend(exhibit.frame, exhibit.meta) if kind.legend else ()
        room = layout(exhibit, kind, panels, entries=len(legend))
        figure = NotebookFigure(figsize=room.size)
        FigureCanvasAgg(figure)
        for index, name in enumerate(panels):
            axes = figure.add_axes(room.axes(index))
            kind.draw(axes, exhibit.frame[exhibit.frame["benchmark"] == name], exhibit.meta)
            axes.set_title(shortened(name, _LONGEST_TITLE))
            axes.set_xlabel(x_label(exhibit, name))
            axes.set_ylabel(axis_label(exhibit.meta["y_label"][name]))
        if legend:
            # over one panel alone it may be wider than the panel, and goes on over the names
            alone = room.columns == 1
            place = 0.0 if alone else 1.0 - room.right / room.size[0]
            figure.legend(
                handles=list(legend), loc="upper left" if alone else "upper right", bbox_to_anchor=(place, 1.0),
                ncols=2, handlelength=2.2, borderpad=0.2,
            )  # fmt: skip
        for text in figure.findobj(Text):  # a label is no formula, wherever the figure is drawn later
            if isinstance(text, Text):
                text.set_parse_math(False)
    return figure


def rendered(figure: Figure, file_format: str) -> bytes:
    """Return the bytes of a figure in one of `FORMATS`, without dates or program names."""
    choice("file_format", file_format, FORMATS)
    out = io.BytesIO()
    with house_style():
        figure.savefig(out, format=file_format, metadata=_METADATA[file_format], **_PACKED.get(file_format, {}))
    return out.getvalue()


def save(exhibit: Exhibit, folder: Path) -> None:
    """Write ``NAME.{pdf,svg,png,csv,json}``."""
    folder.mkdir(parents=True, exist_ok=True)
    save_drawing(exhibit, folder)
    exhibit.write(folder)


def save_drawing(exhibit: Exhibit, folder: Path) -> None:
    """Write ``NAME.{pdf,svg,png}``."""
    figure = draw(exhibit)
    for file_format in FORMATS:
        (folder / f"{exhibit.name}.{file_format}").write_bytes(rendered(figure, file_format))


def inline_panels(exhibit: Exhibit, sheet: Sheet, folder: Path) -> tuple[str, list[str]]:
    """Return the legend above several panels and the panels as SVG elements of a page.

    Parameters
    ----------
    exhibit : Exhibit
    sheet : Sheet
        Takes the styles of all figures of the page.
    folder : Path
        Where `save` wrote the figure; what is not there is drawn.
    """
    path, kind = folder / f"{exhibit.name}.svg", kind_of(exhibit.kind)
    text = path.read_text(encoding="utf-8") if path.exists() else rendered(draw(exhibit), "svg").decode()
    entries = len(kind.legend(exhibit.frame, exhibit.meta)) if kind.legend else 0
    room = layout(exhibit, kind, exhibit.panels, entries=entries)
    return panels_of(text, room.boxes(), sheet, shaded=kind.shaded)
