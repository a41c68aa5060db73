"""Styles of strategies: as many as figures draw in colour are told apart."""

from __future__ import annotations

import pytest

from reports.figures.style import style_map
from reports.study.study import MOST_DRAWN


@pytest.mark.parametrize("count", [4, 8, 9, MOST_DRAWN])
def test_no_two_strategies_look_alike(count):
    styles = style_map([f"strategy {place}" for place in range(count)], background=["other"])
    assert len({style["color"] for style in styles.values()}) == count + 1
    assert len({style["marker"] for style in styles.values()}) == count + 1
