"""Panels of the page: taken from the figure's own SVG, without loss that anybody could see, in two sets of colours."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from reports.figures import curves, strips, wins
from reports.figures.inline import UNIT, Sheet, _joined_path, _pieces, _steps
from reports.figures.night import shade_by_night
from reports.figures.render import draw, inline_panels, rendered
from reports.study.comparisons import pairwise
from reports.study.study import prepare
from tests.reports.support import FakeOracle, make_results, opener

ORACLES = FakeOracle("alpha"), FakeOracle("cora")


@pytest.fixture(scope="module")
def study():
    return prepare(make_results(ORACLES, replicates=8, evaluations=12), opener(*ORACLES))


def shortened(path: str) -> str:
    return _joined_path(_pieces(_steps(path)))


def walked(path: str) -> list[tuple[float, float]]:
    """Return the corners of a path of lines in points."""
    x = y = 0.0
    points = []
    for letter, rest in re.findall(r"([Mmlhvz])([^Mmlhvz]*)", path):
        numbers = [float(part) / UNIT for part in re.findall(r"-?\d+", rest)]
        if letter == "M":
            x, y = numbers
        elif letter in "ml":
            x, y = x + numbers[0], y + numbers[1]
        elif letter == "h":
            x += numbers[0]
        elif letter == "v":
            y += numbers[0]
        points.append((x, y))
    return points


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("M 10 20 \nL 10 23.4 \n", "M50 100v17"),
        ("M 0 0 L 1 0 L 1 1 L 0 1 z", "M0 0h5v5h-5z"),
        ("M 0.04 0 L 12.34 -5.67", "M0 0l62-28"),
        ("M 1 1 L 1 3 L 1 2", "M5 5v10v-5"),
        ("M 0 0 C 1 0 2 1 2 2 ", "M0 0c5 0 10 5 10 10"),
        ("M 100 100 L 101 100 M 103 99 L 104 99", "M500 500h5m10-5h5"),
        ("M 1 1 L 2 1 L 2 2 z M 100 0 L 100 1", "M5 5h5v5zM500 0v5"),
        ("M 10 20 M 30 40 L 30 41", "M150 200v5"),
    ],
)
def test_paths_are_written_by_differences(path, short):
    assert shortened(path) == short


def test_a_long_step_curve_keeps_its_ends_and_extremes():
    rng = np.random.default_rng(0)
    x = np.repeat(np.sort(rng.uniform(50, 200, 400)), 2)[1:]
    y = np.repeat(rng.uniform(0, 100, 400), 2)[:-1]
    corners = "L ".join(f"{a:.3f} {b:.3f} " for a, b in zip(x, y, strict=True))
    points = np.array(walked(shortened(f"M {corners}")))
    assert len(points) < 1.1 * len(x)
    assert points[[0, -1]] == pytest.approx(np.array([(x[0], y[0]), (x[-1], y[-1])]), abs=0.7)
    for place in range(50, 200, 10):
        inside = (x >= place) & (x < place + 10)
        kept = (points[:, 0] >= place - 1.0) & (points[:, 0] < place + 11.0)
        assert points[kept, 1].min() <= y[inside].min() + 0.11
        assert points[kept, 1].max() >= y[inside].max() - 0.11


def test_panels_have_the_words_of_the_figure_and_stand_for_themselves(study, tmp_path):
    exhibit, sheet = curves.exhibit(study, "validation", "evaluations"), Sheet()
    legend, panels = inline_panels(exhibit, sheet, tmp_path)
    whole = "".join(ElementTree.fromstring(rendered(draw(exhibit), "svg")).itertext())  # noqa: S314
    assert "random search, exact" in legend
    assert len(panels) == 2
    for panel, name in zip(panels, exhibit.panels, strict=True):
        words = list(filter(str.strip, ElementTree.fromstring(panel).itertext()))  # noqa: S314
        assert name in words
        assert all(word in whole for word in words)
        used, there = set(re.findall(r"url\(#(\w+)\)", panel)), set(re.findall(r'id="(\w+)"', panel))
        assert used == there, "a panel needs no other"
        assert set(re.findall(r"\bg\d+", " ".join(re.findall(r'class="([^"]+)"', panel)))) <= set(
            re.findall(r"^\.(\w+)", sheet.css(), re.MULTILINE)
        )
        assert "style=" not in panel


def test_every_run_is_a_point_of_its_panel(study, tmp_path):
    exhibit = strips.exhibit(study, "validation")
    _, panels = inline_panels(exhibit, Sheet(), tmp_path)
    for panel in panels:
        dots = re.findall(r' d="(M[- 0-9]+z(?:m[- 0-9]+z)*)"', panel)
        assert sorted(path.count("z") for path in dots) == [8, 8], "a path of dots for each strategy"


def test_the_same_figure_gives_the_same_panels_from_its_file_and_drawn_anew(study, tmp_path):
    exhibit = wins.exhibit(study, "validation", pairwise(study))
    sheets = Sheet(), Sheet()
    drawn = inline_panels(exhibit, sheets[0], tmp_path)
    (tmp_path / f"{exhibit.name}.svg").write_bytes(rendered(draw(exhibit), "svg"))
    assert inline_panels(exhibit, sheets[1], tmp_path) == drawn
    assert sheets[0].css() == sheets[1].css()


def test_colours_of_the_night_stand_beside_those_of_the_day(study, tmp_path):
    sheet = Sheet()
    inline_panels(replace(curves.exhibit(study, "test", "evaluations")), sheet, tmp_path)
    for rule in sheet.css().splitlines():
        colors = re.findall(r"(?<!\()#[0-9a-f]{6}", rule.split("light-dark")[0])
        assert rule.count("light-dark(") == len(colors)


def test_shades_and_what_is_written_on_them_turn_round_by_night(study, tmp_path):
    sheet = Sheet()
    inline_panels(wins.exhibit(study, "validation", pairwise(study)), sheet, tmp_path)
    pairs = set(re.findall(r"light-dark\((#\w+), (#\w+)\)", sheet.css()))
    assert len(pairs) > 2
    assert pairs == {(day, shade_by_night(day)) for day, _ in pairs}


def test_marks_are_defined_once_for_all_panels(study, tmp_path):
    sheet = Sheet()
    _, panels = inline_panels(curves.exhibit(study, "validation", "evaluations"), sheet, tmp_path)
    lines = [re.findall(r'<path class="(m\d+)" d="([^"]+)"/>', panel) for panel in panels]
    defined = re.findall(r'<marker id="(m\d+)"', sheet.marks())
    assert sorted(defined) == sorted({name for each in lines for name, _ in each})
    assert all(f".{name} {{ marker: url(#{name}); fill: none }}" in sheet.css() for name in defined)
    squares = next(name for name in defined if re.search(rf'id="{name}"[^/]* d="M-9 9h18v-18h-18z"', sheet.marks()))
    assert [len(walked(path)) for each in lines for name, path in each if name == squares] == [5, 5], "marks of a curve"
