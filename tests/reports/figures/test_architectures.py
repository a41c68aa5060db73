"""Labels of drawn architectures: none lies on another, and what an arc would cross stands aside or before paper."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation

from harness.spaces.named import space as space_of
from reports.figures import architectures
from reports.figures.night import luminance


@pytest.fixture
def axes():
    figure, axes = pyplot.subplots(figsize=architectures.KIND.panel_inches)
    axes.set_position([0, 0, 1, 1])
    yield axes
    pyplot.close(figure)


def labels(axes, cell):
    space = space_of("nb201")
    frame, meta = architectures.drawn([("cell", space, np.array(cell, dtype=space.dtype))])
    architectures.draw(axes, frame, meta)
    return [text for text in axes.texts if isinstance(text, Annotation) and not text.get_text().isdigit()]


def test_the_label_of_an_inner_arc_stands_inside_of_it(axes):
    inner = next(text for text in labels(axes, (3, 3, 2, 4, 2, 3)) if text.xy == (1.0, pytest.approx(0.84)))
    assert inner.get_text() == "conv 3x3"
    assert inner.xyann[1] < 0, "below the top of its arc, which another encloses"
    assert all(text.get_bbox_patch() is None for text in axes.texts if text.xy != inner.xy)


def test_labels_do_not_meet_and_long_ones_have_paper_below_them(axes):
    found = labels(axes, (4, 4, 4, 4, 4, 4))
    boxes = [text.get_window_extent() for text in found]
    assert len(boxes) == 6
    assert not any(one.shrunk(0.95, 0.8).overlaps(other.shrunk(0.95, 0.8)) for one, other in combinations(boxes, 2))
    assert any(text.get_bbox_patch() is not None for text in found)


def test_words_can_be_read_on_white(axes):
    for text in labels(axes, (1, 2, 3, 4, 2, 3)):
        assert 1.05 / (luminance(*to_rgb(text.get_color())) + 0.05) > 4.2
