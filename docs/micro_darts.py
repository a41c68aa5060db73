"""The figure of `examples/micro-darts.toml`: the surrogate, searches on it, and the verdict of real training.

``python -m docs.micro_darts results/micro-darts micro-darts-judged`` draws ``docs/micro-darts.png`` from the figures of
the report of an experiment that was verified, and of ``nas-harness table judge micro-darts``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from docs.strategies import ROOT
from reports.figures.exhibit import Exhibit
from reports.figures.render import house_style, kind_of

PICTURE = ROOT / "docs" / "micro-darts.png"
PANELS = (
    ("held-out", "What the surrogate knows", "measured validation accuracy (%)", "predicted, left out (%)"),
    ("validation-regret-evaluations", "Searches on it", "evaluations", "validation regret (points)"),
    (
        "verification-agreement",
        "What they found, trained for real",
        "predicted validation accuracy (%)",
        "trained for real (%)",
    ),
)


def main(report: Path, judged: Path) -> None:
    """Draw the picture.

    Parameters
    ----------
    report : Path
        The folder of results, with a report that has a verification.
    judged : Path
        What `table judge` wrote.
    """
    with house_style():
        figure, panels = plt.subplots(1, len(PANELS), figsize=(9.6, 3.0), layout="constrained")
        for axes, (name, title, x_label, y_label) in zip(panels, PANELS, strict=True):
            folder = judged if name == "held-out" else report / "report"
            exhibit = Exhibit.read(folder / "figures", name)
            first = exhibit.frame[exhibit.frame["benchmark"] == exhibit.panels[0]]
            kind_of(exhibit.kind).draw(axes, first, exhibit.meta)
            axes.set(title=title, xlabel=x_label, ylabel=y_label)
        figure.savefig(PICTURE, dpi=160, metadata={"Software": None})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
