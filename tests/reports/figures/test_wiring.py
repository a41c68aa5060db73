"""Drawings of architectures: what stands where, for spaces of every form."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.spaces import named
from reports.figures.architectures import KIND
from reports.figures.render import house_style
from reports.figures.wiring import MOST_PLACES, wiring
from tests.harness.spaces.darts.genotypes import DARTS_V1, DARTS_V2


def arcs(marks):
    return [(mark.operation, mark.x, mark.end, mark.live) for mark in marks if mark.what == "arc"]


def places(marks):
    return [(mark.operation, mark.live) for mark in marks if mark.what == "place"]


def marks_of(space, text):
    return wiring(named.space(space), named.space(space).parse([text])[0])


def test_operations_on_edges_are_arcs_between_numbered_places_and_what_is_dead_is_known():
    text = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"
    (marks,) = marks_of("nb201", text).values()
    assert [name for name, _ in places(marks)] == ["0", "1", "2", "3"]
    assert set(arcs(marks)) == {
        ("nor_conv_3x3", 0, 1, True), ("none", 0, 2, False), ("nor_conv_1x1", 1, 2, False),
        ("skip_connect", 0, 3, True), ("avg_pool_3x3", 1, 3, True), ("none", 2, 3, False),
    }  # fmt: skip


def test_operations_of_vertices_are_places():
    (marks,) = marks_of("graph", "[0,0,1,3] gat gcn gin skip").values()
    assert [name for name, _ in places(marks)] == ["input", "gat", "gcn", "gin", "skip", "output"]
    graph = named.space("graph").graph(named.space("graph").parse(["[0,0,1,3] gat gcn gin skip"]))
    assert {(x, end) for _, x, end, _ in arcs(marks)} == set(map(tuple, np.argwhere(graph.adjacency[0]).tolist()))
    assert all(mark.height >= 0 for mark in marks)  # names stand below


def test_cells_of_darts_are_drawn_one_by_one_with_sums_as_places():
    space = named.space("darts")
    arch = space.sample(1, np.random.default_rng(0))
    cells = wiring(space, arch[0])
    assert list(cells) == ["normal", "reduce"]
    for name, marks in cells.items():
        assert [place for place, _ in places(marks)] == ["input 0", "input 1", "", "", "", "", "output"]
        held = [label.rpartition(":")[2] for label in _labels(space.graph(arch), f"{name}:")]
        named_arcs = [operation for operation, *_ in arcs(marks) if operation]
        assert sorted(named_arcs) == sorted(set_aside(held))
        assert len(named_arcs) == 8


def _labels(graph, before):
    return [graph.labels[kind] for kind in graph.kinds[0] if graph.labels[kind].startswith(before)]


def set_aside(held):
    return [name for name in held if name.rstrip(" 01") not in ("input", "output", "sum")]


@pytest.mark.parametrize("name", [name for name in named.SPACES if name not in ("hw-gpt-m", "hw-gpt-l")])
def test_every_space_has_a_drawing_with_all_that_its_graph_has(name):
    space = named.space(name)
    arch = space.sample(1, np.random.default_rng(1))
    graph = space.graph(arch)
    drawn = [mark for marks in wiring(space, arch[0]).values() for mark in marks]
    shown = [mark.operation for mark in drawn]
    held = [graph.labels[kind].rpartition(":")[2] for kind in graph.kinds[0][graph.mask[0]]]
    assert not [label for label in held if label not in (*shown, "input", "output", "sum")]
    assert all(mark.end > mark.x for mark in drawn if mark.what == "arc")


def test_long_chains_are_not_drawn():
    space = named.space("hw-gpt-m")
    assert space.genes > MOST_PLACES
    assert wiring(space, space.sample(1, np.random.default_rng(0))[0]) == {}


@pytest.mark.parametrize("text", [DARTS_V1, DARTS_V2])
def test_labels_of_a_small_drawing_do_not_meet(text):
    for marks in marks_of("darts", text).values():
        rows = [("p", mark.what, mark.operation, mark.x, mark.end, mark.height, mark.live) for mark in marks]
        frame = pd.DataFrame(rows, columns=["benchmark", "row", "column", "x", "end", "height", "live"])
        figure = Figure(figsize=KIND.panel_inches)
        FigureCanvasAgg(figure)
        with house_style():
            axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
            KIND.draw(axes, frame, {"colors": {}})
            boxes = [label.get_window_extent() for label in axes.texts if label.get_text()]
        assert len(boxes) >= 8
        for first, second in combinations(boxes, 2):
            assert not first.overlaps(second.shrunk(0.97, 0.9))
