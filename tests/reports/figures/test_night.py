"""Colours by night: lines stay apart and can be seen on dark paper; numbers on shades can be read there."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from reports.figures import importance, wins
from reports.figures.night import _TO_CONES, _TO_LAB, _linear, by_night, contrast, shade_by_night, written_on
from reports.figures.style import OKABE_ITO, TOL_MUTED

PAPER = "#12151b"


def lab(color):
    return _TO_LAB @ np.cbrt(_TO_CONES @ _linear(to_rgb(color)))


@pytest.mark.parametrize("palette", [OKABE_ITO, TOL_MUTED])
def test_lines_stay_apart_by_night_and_can_be_seen(palette):
    night = [by_night(color) for color in palette]
    assert min(np.linalg.norm(lab(a) - lab(b)) for a, b in combinations(night, 2)) > 0.13
    assert min(contrast(color, PAPER) for color in night) > 4.5
    for day, own in zip(palette, night, strict=True):
        (_, *before), (_, *after) = lab(day), lab(own)
        assert np.dot(before, after) / np.linalg.norm(before) / np.linalg.norm(after) > 0.85, f"{day} is another hue"


def test_other_colours_can_be_seen():
    assert min(contrast(by_night(color), PAPER) for color in ("#000000", "#444444", "#804000", "#1f0060")) > 4.9


@pytest.mark.parametrize("shades", [wins.SHADES, importance.SHADES])
def test_numbers_on_shades_can_be_read_by_night_as_by_day(shades):
    for share in np.linspace(0, 1, 101):
        area = to_hex(shades(share))
        assert contrast(area, written_on(area)) > 3.8
        assert contrast(shade_by_night(area), shade_by_night(written_on(area))) > 3.8, share
    blank = shade_by_night("#ffffff")
    assert contrast(blank, PAPER) < 1.1, "what is white by day is paper by night"
