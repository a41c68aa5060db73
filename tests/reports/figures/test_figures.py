"""Kinds of figures by name, and labels at the ends of lines."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.benchmark import Column
from harness.errors import HarnessError
from reports.figures import KINDS, curves, strips
from reports.figures.exhibit import Exhibit
from reports.figures.lines import draw_band, log_ticks, spread
from reports.figures.render import draw, kind_of
from reports.study.naming import RANDOM
from reports.study.study import prepare
from tests.reports.support import FakeOracle, make_results, opener


def test_every_kind_is_found_under_its_own_name():
    assert [kind_of(name).name for name in KINDS] == list(KINDS)


def test_an_unknown_kind_imports_nothing_that_a_folder_names():
    exhibit = Exhibit("x", "os:getcwd", pd.DataFrame({"benchmark": ["alpha"]}), {"styles": {}})
    with pytest.raises(HarnessError, match="unknown figure 'os:getcwd'"):
        draw(exhibit)
    with pytest.raises(HarnessError, match="Did you mean 'curves'"):
        kind_of("curve")


def test_labels_are_spread_without_overlap():
    sizes = [0.2, 0.1, 0.3]
    places = spread([0.01, 0.02, 0.03], sizes)
    ends = [(place - size / 2, place + size / 2) for place, size in zip(places, sizes, strict=True)]
    assert ends[0][0] >= -1e-9
    assert all(low >= high - 1e-9 for (_, high), (low, _) in pairwise(ends))
    assert spread([0.1, 0.9], [0.1, 0.1]) == [0.1, 0.9]


def test_axes_have_marks_at_the_multiples_of_powers_of_ten():
    axes = Figure().add_subplot()
    axes.set_xscale("log")
    axes.set_xlim(3, 250)
    log_ticks(axes.xaxis, 3, 250)
    (marks,) = (part for part in axes.get_children() if isinstance(part, Line2D))
    assert marks.get_xdata().round(9).tolist() == [*range(3, 10), *range(10, 100, 10), 100, 200]


def test_a_curve_is_drawn_by_its_changes_and_keeps_its_marks():
    x, middle = np.arange(1.0, 301.0), np.repeat([5.0, 2.0, 1.0], 100)
    part = pd.DataFrame({"x": x, "centre": middle, "low": middle - 0.5, "high": middle + 0.5})
    axes = Figure().add_subplot()
    style = {"color": "#000000", "linestyle": "-", "marker": "o"}
    assert draw_band(axes, part, style, 0, 1) == (300.0, 1.0)
    (line,) = axes.get_lines()
    drawn, marks = line.get_xdata(), line.get_xdata()[line.get_markevery()]
    assert {1.0, 101.0, 201.0, 300.0} <= set(drawn)
    assert len(drawn) <= 4 + len(marks)
    assert len(marks) == 5
    np.testing.assert_array_equal(line.get_ydata(), middle[drawn.astype(int) - 1])


UNIT = "mean squared error of the positions that were predicted, in millimetres"
LONG = ("a", "b", "c", "d", "a strategy of a very long name that goes on and on, without an end", "Unbroken" * 12)


def test_a_legend_explains_what_its_panels_have_and_is_not_cut_off():
    oracles = FakeOracle("alpha"), FakeOracle("cora")
    study = prepare(make_results(oracles, replicates=3, evaluations=6), opener(*oracles))
    exhibit = curves.exhibit(study, "validation", "evaluations")
    frame = exhibit.frame
    exhibit = replace(exhibit, frame=frame[(frame["benchmark"] == "alpha") | (frame["series"] != RANDOM)])
    named = {}
    for panel in ("alpha", "cora", None):
        shown = exhibit.frame if panel is None else exhibit.frame[exhibit.frame["benchmark"] == panel]
        figure = draw(replace(exhibit, frame=shown))
        figure.canvas.draw()
        named[panel] = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
        width, _ = figure.canvas.get_width_height()
        for box in (legend.get_window_extent() for legend in figure.legends):
            assert -1 <= box.x0 <= box.x1 <= width + 1, panel
    assert RANDOM in named["alpha"] & named[None]
    assert RANDOM not in named["cora"]


def test_no_name_and_no_label_of_an_axis_is_cut_off():
    oracle = FakeOracle("alpha", test=False)
    oracle.columns["valid_accuracy"] = Column("valid_accuracy", UNIT, "maximise", "x-valid")
    study = prepare(make_results([oracle], LONG, replicates=2, evaluations=3), opener(oracle))
    for exhibit in (curves.exhibit(study, "validation", "evaluations"), strips.exhibit(study, "validation")):
        figure = draw(exhibit)
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        (axes,) = figure.axes
        inches = axes.get_position().width * figure.get_size_inches()[0]
        assert inches > 2 * kind_of(exhibit.kind).panel_inches[0], "the only panel takes the room of two"
        names = axes.get_yticklabels() if exhibit.kind == "strips" else axes.texts
        boxes = [text.get_window_extent() for text in names]
        assert len(boxes) == len(LONG)
        for box in [*boxes, axes.xaxis.label.get_window_extent(), axes.yaxis.label.get_window_extent()]:
            assert -1 <= box.x0 <= box.x1 <= width + 1, exhibit.name
            assert -1 <= box.y0 <= box.y1 <= height + 1, exhibit.name
        for lower, upper in pairwise(sorted(boxes, key=lambda box: box.y0)):
            assert lower.y1 <= upper.y0 + 2, f"names of {exhibit.name} overlap"
