"""Styles of strategies: as many as figures draw in colour are told apart."""

from __future__ import annotations

import pytest

from reports.figures.style import shown_name, style_map
from reports.study.study import MOST_DRAWN


@pytest.mark.parametrize("count", [4, 8, 9, MOST_DRAWN])
def test_no_two_strategies_look_alike(count):
    styles = style_map([f"strategy {place}" for place in range(count)], background=["other"])
    assert len({style["color"] for style in styles.values()}) == count + 1
    assert len({style["marker"] for style in styles.values()}) == count + 1
    assert "#000000" not in {style["color"] for style in styles.values()}, "the true front is black, and no strategy"


@pytest.mark.parametrize("label", ["a_b", "regularized_evolution", "_x__y_", "random_forest (graf)", "___"])
def test_names_in_figures_are_spelt_as_in_specs_and_tables(label):
    assert shown_name(label).replace("_\n", "_").replace("\n", " ") == label
