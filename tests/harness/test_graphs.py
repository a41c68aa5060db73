"""Graphs of architectures: shapes, chains, and what reduction leaves."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from harness.errors import HarnessError
from harness.graphs import GraphBatch, chain, reduced
from harness.spaces import named

NB201 = named.space("nb201")
NONE, SKIP, CONV_1X1, CONV_3X3, POOL = range(5)


def graph_of(*cells: tuple[int, ...]) -> GraphBatch:
    return NB201.graph(np.array(cells, dtype=np.uint8))


def test_a_chain_has_a_kind_for_each_value_of_each_gene():
    graph = chain(np.array([[1, 0], [0, 2]]), np.array([2, 3]), ("a=0", "a=1", "b=0", "b=1", "b=2"))
    assert graph.edges(0) == [("a=1", "b=0")]
    assert graph.edges(1) == [("a=0", "b=2")]
    assert graph.mask.all()
    assert len(graph.take([1])) == 1
    assert graph.take([1]).edges(0) == graph.edges(1)


def test_arrays_that_do_not_belong_together_are_refused_and_none_can_be_changed():
    graph = graph_of((0,) * 6)
    with pytest.raises(HarnessError, match="2 graphs of 8 places"):
        GraphBatch(graph.adjacency, graph.kinds, np.ones((2, 8), dtype=bool), graph.labels)
    with pytest.raises(ValueError, match="read-only"):
        graph.kinds[0, 0] = 3


def test_a_none_goes_and_a_skip_joins_what_it_is_between():
    one_conv = (NONE, NONE, NONE, CONV_3X3, NONE, NONE)
    graph = reduced(graph_of(one_conv, (SKIP,) * 6, (NONE,) * 6, (SKIP, NONE, NONE, NONE, SKIP, NONE)))
    assert graph.edges(0) == [("input", "nor_conv_3x3"), ("nor_conv_3x3", "output")]
    assert [graph.edges(row) for row in (1, 2, 3)] == [[("input", "output")], [], [("input", "output")]]
    assert graph.mask.sum(axis=1).tolist() == [3, 2, 2, 2]
    assert not graph.kinds[~graph.mask].any()


def test_what_hangs_on_a_dead_node_stays_unless_asked():
    """0 -> 1 -> 2 leads nowhere: the second convolution goes, the first only when looked at again."""
    cell = (CONV_1X1, NONE, CONV_3X3, POOL, NONE, NONE)
    once, whole = (reduced(graph_of(cell), to_fixed_point=again) for again in (False, True))
    assert once.edges(0) == [("input", "nor_conv_1x1"), ("input", "avg_pool_3x3"), ("avg_pool_3x3", "output")]
    assert whole.edges(0) == [("input", "avg_pool_3x3"), ("avg_pool_3x3", "output")]
    assert reduced(whole, to_fixed_point=True).edges(0) == whole.edges(0)


def test_the_341_cells_of_constant_zero_are_left_with_input_and_output():
    keys = NB201.key(NB201.all_codings)
    graph = reduced(NB201.graph(NB201.all_codings), to_fixed_point=True)
    dead = ~graph.adjacency.any(axis=(1, 2))
    assert np.array_equal(dead, keys == keys[0])
    assert dead.sum() == 341
    assert (graph.mask[dead].sum(axis=1) == 2).all()


def test_reduction_is_that_of_one_graph_at_a_time():
    """Against the removal of nodes from a graph of networkx, one after the other."""
    cells = NB201.sample(150, np.random.default_rng(0))
    batch = reduced(NB201.graph(cells))
    for row, cell in enumerate(cells.tolist()):
        graph = networkx.DiGraph(NB201.graph(cells[:1]).adjacency[0].astype(int))
        for place, code in enumerate(cell, start=1):
            if code == SKIP:
                ends = [(i, j) for i, _ in graph.in_edges(place) for _, j in graph.out_edges(place)]
                graph.add_edges_from(ends)
            if code in (NONE, SKIP):
                graph.remove_node(place)
        inner = [node for node in graph if 0 < node < 7]
        graph.remove_nodes_from([node for node in inner if not graph.in_degree(node) or not graph.out_degree(node)])
        assert sorted(graph.edges) == [tuple(edge) for edge in np.argwhere(batch.adjacency[row]).tolist()]
        assert sorted(graph) == np.flatnonzero(batch.mask[row]).tolist()


def test_labels_of_several_cells_are_known_by_their_operation():
    space = named.space("darts-none")
    codes = {name: code for code, name in enumerate(space.operations)}
    archs = np.zeros((1, 22), dtype=np.uint8)
    archs[0, 0], archs[0, 11], archs[0, 12] = codes["none"], codes["none"], codes["skip_connect"]
    graph = reduced(space.graph(archs))
    gone = np.flatnonzero(~graph.mask[0]).tolist()
    assert gone == [2, 17, 18]  # the none of the normal cell, the none and the skip of the reduction cell
    assert graph.adjacency[0, 16, 19]  # input 1 of the reduction cell is now read by the first sum
    assert np.array_equal(
        reduced(space.graph(archs), ("reduce:none",), ()).mask[0].nonzero()[0].tolist(), [*range(17), *range(18, 30)]
    )
