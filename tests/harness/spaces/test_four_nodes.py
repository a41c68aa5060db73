"""Cells of four nodes: what is computed, and the ways through."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.spaces.four_nodes import EDGES, NODES, PATHS, incoming, live_edges

cells = st.tuples(*[st.integers(0, 4)] * 6)


@given(cells)
def test_dead_edges_are_those_that_change_nothing(arch):
    def output(*, without: int | None = None):
        return {
            path
            for path in ((3,), (0, 4), (1, 5), (0, 2, 5), (4,), (2, 5), (5,))
            if all(arch[gene] for gene in path) and without not in path
        }

    # (4,), (2, 5) and (5,) begin at an inner node: a convolution there adds a trained constant.
    expected = [gene for gene in range(6) if arch[gene] and output(without=gene) != output()]
    assert live_edges(arch) == expected


@given(cells)
def test_edges_into_a_node_are_those_that_end_there(arch):
    for target in range(1, NODES):
        expected = [(source, arch[gene]) for gene, (source, end) in enumerate(EDGES) if end == target]
        assert list(incoming(arch, target)) == expected


def test_paths_run_from_input_to_output():
    for path in PATHS:
        ends = [EDGES[edge] for edge in path]
        assert (ends[0][0], ends[-1][1]) == (0, NODES - 1)
        assert all(left[1] == right[0] for left, right in pairwise(ends))
