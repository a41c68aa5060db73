"""Kinds of figures by name, and labels at the ends of lines."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from harness.benchmark import Column
from harness.errors import HarnessError
from reports.figures import KINDS, curves, strips
from reports.figures.exhibit import Exhibit
from reports.figures.lines import spread
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
