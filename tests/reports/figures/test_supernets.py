"""Curves of supernets: the room of numbers beside them, and markers where something was measured."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import pyplot

from reports.figures import supernets
from reports.figures.style import style_map


def test_a_curve_that_hardly_moves_has_short_numbers_and_no_marker_where_nothing_was_measured():
    values = [2.0785, 2.0775]
    frame = pd.DataFrame({"series": "tas", "x": [1.0, 2.0], "centre": values, "low": values, "high": values})
    figure, axes = pyplot.subplots(figsize=supernets.KIND.panel_inches)
    supernets.draw(axes, frame, {"styles": style_map(["tas"])})
    low, high = axes.get_ylim()
    assert high - low == pytest.approx(0.01), "numbers of three decimals"
    assert (low + high) / 2 == pytest.approx(sum(values) / 2)
    (curve,) = (line for line in axes.lines if line.get_drawstyle() == "steps-post")
    assert curve.get_xdata()[curve.get_markevery()].tolist() == [1.0, 2.0]
    assert curve.get_xdata()[-1] == 2.5, "it holds for half an epoch"
    pyplot.close(figure)
