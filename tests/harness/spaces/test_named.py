"""What holds of every search space by its name."""

from __future__ import annotations

import numpy as np
import pytest

from harness.graphs import reduced
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.asr.cells import edges_of
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_space
from harness.testing.toy import ToySpace
from tests.harness.spaces.alike import fingerprints, same_partition

GRID = {"width": ["8", "16", "32"], "pool": ["max", "avg"], "depth": ["1", "2"]}
SPACES = [*named.SPACES, "grid", "toy", "rows"]


def space_of(name: str) -> SearchSpace:
    """Return a space by its name, or one of a table's own, of toys, of a part of the rows of a space."""
    if name == "grid":
        return CategoricalSpace("grid", GRID, ordinal=["width", "depth"])
    if name == "rows":
        base = named.space("nb201")
        return RowsSpace(base, np.unique(base.sample(600, np.random.default_rng(0)), axis=0))
    return ToySpace() if name == "toy" else named.space(name)


@pytest.mark.parametrize("name", SPACES)
def test_every_space_keeps_the_rules(name):
    assert len(check_space(space_of(name), np.random.default_rng(0))) >= 15


def test_kinds_of_genes_are_what_the_genes_are():
    ordinal = {
        name: [
            label
            for label, kind in zip(space_of(name).legend(), space_of(name).gene_kinds, strict=True)
            if kind == "ordinal"
        ]
        for name in SPACES
    }
    assert ordinal.pop("nats-size") == [f"layer {layer}" for layer in range(1, 6)]
    assert ordinal.pop("mnasnet") == [f"block{block}_{what}" for block in range(7) for what in "ekl"]
    first = [
        f"{what}{stage}{of}"
        for stage in (1, 2, 3)
        for what, of in (("depth", ""), ("kernel", ".1"), ("expansion", ".1"))
    ]
    assert ordinal.pop("elastic") == first, "what may not be there has no order"
    assert ordinal.pop("grid") == ["width", "depth"]
    for scale, blocks in (("s", 12), ("m", 24), ("l", 36)):
        parts = [f"{what} of block {block}" for what in ("ratio", "heads") for block in range(1, 1 + blocks)]
        assert ordinal.pop(f"hw-gpt-{scale}") == ["embedding", "blocks", *parts]
    assert not any(ordinal.values())


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("nb201", [1, 2, 2, 3, 3, 3]),
        ("transnas-micro", [1, 2, 2, 3, 3, 3]),
        ("rows", [1, 2, 2, 3, 3, 3]),
        ("asr", [0, 0, 1, 1, 1, 2, 2, 2, 2]),
        ("nb101", [1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 3, 4, 5, 6, 4, 5, 6, 5, 6, 6, 1, 2, 3, 4, 5]),
        ("darts", [2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11]),
        ("graph", [0, 1, 2, 3, 4]),
        ("macro", [*range(8)]),
        ("hw-gpt-s", [0, 1, *range(2, 14), *range(2, 14), 14]),
        ("grid", [0, 1, 2]),
    ],
)  # fmt: skip
def test_nodes_of_genes_are_those_of_the_cell(name, nodes):
    assert space_of(name).gene_nodes.tolist() == nodes


def test_by_node_an_edge_of_a_four_node_cell_is_as_likely_as_its_node_says():
    """The only edge of node 1 has 1/3, those of node 3 have 1/9 each: 99.9 % point of 5 degrees of freedom."""
    space = named.space("nb201")
    parents = np.full((18_000, 6), 3, dtype=np.uint8)
    changed = np.bincount((space.mutate(parents, np.random.default_rng(0), by="node") != parents).argmax(axis=1))
    expected = np.array([6000, 3000, 3000, 2000, 2000, 2000])
    assert np.sum((changed - expected) ** 2 / expected) < 20.5


def test_by_node_a_gene_of_a_darts_cell_is_drawn_within_its_node():
    space, rng = named.space("darts"), np.random.default_rng(0)
    parents = space.sample(24_000, rng)
    changed = space.mutate(parents, rng, by="node") != parents
    pairs = [2, 5, 8, 13, 16, 19]
    alone = ~changed[:, pairs].any(axis=1)
    assert abs((~alone).mean() - 6 / 8 / 3) < 0.01
    assert np.abs(changed[:, pairs].mean(axis=0) - 1 / 24).max() < 0.006
    assert np.abs(changed[alone][:, [0, 1, 11, 12]].sum(axis=0) / len(parents) - 1 / 16).max() < 0.006


def test_by_node_a_vertex_is_drawn_among_those_with_an_edit():
    """Each vertex with an edge or an operation that can change has its own share."""
    space = named.space("nb101")
    (arch,) = space.parse(["010001000 input,conv3x3-bn-relu,output"])
    around = space.neighbours(arch)
    nodes = [space.gene_nodes[np.flatnonzero(other != arch)].tolist() for other in around]
    assert all(len(changed) == 1 for changed in nodes)
    children = space.mutate(np.repeat(arch[None], 12_000, axis=0), np.random.default_rng(0), by="node")
    drawn = space.gene_nodes[(children != arch).argmax(axis=1)]
    there = np.unique(nodes)
    counts = np.bincount(drawn, minlength=7)[there]
    assert counts.sum() == 12_000
    expected = 12_000 / len(there)
    assert np.sum((counts - expected) ** 2 / expected) < 24.3


def test_a_child_in_darts_has_whole_nodes_of_its_parents():
    space, rng = named.space("darts"), np.random.default_rng(0)
    a, b = space.sample(500, rng), space.sample(500, rng)
    children = space.crossover(a, b, rng)
    for node in np.unique(space.gene_nodes):
        genes = space.gene_nodes == node
        assert ((children == a)[:, genes].all(axis=1) | (children == b)[:, genes].all(axis=1)).all()


def test_a_child_in_nb101_has_whole_rows_of_its_parents():
    space, rng = named.space("nb101"), np.random.default_rng(0)
    a, b = space.sample(500, rng), space.sample(500, rng)
    children = space.crossover(a, b, rng)
    start = 0
    for vertex in range(6):
        genes = [*range(start, start + 6 - vertex), *([20 + vertex] if vertex else [])]
        start += 6 - vertex
        assert ((children == a)[:, genes].all(axis=1) | (children == b)[:, genes].all(axis=1)).all()
    copies = (children == a).all(axis=1) | (children == b).all(axis=1)
    assert copies.mean() < 0.2


def test_the_line_graph_of_a_four_node_cell_is_that_of_the_field():
    for name in ("nb201", "transnas-micro"):
        space = named.space(name)
        graph = space.graph(space.sample(3, np.random.default_rng(0)))
        edges = [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)]
        assert [tuple(edge) for edge in np.argwhere(graph.adjacency[2]).tolist()] == edges
        assert graph.labels == ("input", "output", *space.facts()["operations"])


def test_graphs_and_the_encoding_of_graphs_say_the_same():
    for name in ("nb201", "nb101", "graph", "graph-proteins"):
        space = named.space(name)
        archs = space.sample(200, np.random.default_rng(0))
        places, labels = space.graph_shape
        encoded = space.features(archs, "graph")
        adjacency = encoded[:, : places**2].reshape(-1, places, places) > 0
        kinds = encoded[:, places**2 :].reshape(-1, places, labels)
        graph = space.graph(archs)
        alive = graph.mask & (graph.kinds != 2) if name == "nb201" else graph.mask  # there, none has no edges
        assert np.array_equal(graph.adjacency & alive[:, :, None] & alive[:, None, :], adjacency)
        assert np.array_equal(kinds.any(axis=2), graph.mask)
        assert np.array_equal(kinds.argmax(axis=2)[graph.mask], graph.kinds[graph.mask])


def test_trading_the_inner_nodes_of_a_four_node_cell_is_an_isomorphism():
    space = named.space("nb201")
    archs = space.sample(500, np.random.default_rng(0))
    archs[:, 2] = 0
    traded = archs[:, [1, 0, 2, 3, 5, 4]]
    graphs = [reduced(space.graph(rows)) for rows in (archs, traded)]
    assert np.array_equal(*map(fingerprints, graphs))
    assert not np.array_equal(graphs[0].kinds, graphs[1].kinds)


def test_graphs_of_nb101_are_isomorphic_exactly_for_equal_module_hashes():
    space, rng = named.space("nb101"), np.random.default_rng(0)
    archs = space.sample(3000, rng)
    archs = np.concatenate([archs, space.mutate(archs, rng)])
    keys = space.key(archs)
    assert len(np.unique(keys)) < len(np.unique(archs, axis=0)) - 500
    assert same_partition(keys, fingerprints(space.graph(archs)))


def test_graphs_of_darts_are_isomorphic_exactly_for_equal_functional_keys():
    space, rng = named.space("darts"), np.random.default_rng(0)
    archs = np.repeat(space.sample(40, rng), 30, axis=0)
    archs = np.concatenate([archs, space.mutate(space.mutate(archs, rng), rng)])
    archs = np.concatenate([archs, space.canonical(archs)])
    keys = space.key(archs)
    assert len(np.unique(keys)) < len(np.unique(archs, axis=0)) - 100
    assert same_partition(keys, fingerprints(space.graph(archs)))


def test_reduced_graphs_of_asr_are_isomorphic_exactly_for_equal_hashes():
    space = named.space("asr")
    graph = reduced(space.graph(space.all_codings), ("zero",), (), to_fixed_point=True)
    assert len(np.unique(fingerprints(graph))) == 8242
    assert same_partition(space.key(space.all_codings), fingerprints(graph))
    for arch, row in zip(space.all_codings[::997], range(0, 13_824, 997), strict=True):
        edges = np.argwhere(space.graph(space.all_codings).adjacency[row]).tolist()
        assert sorted(edges_of(arch.tolist())) == [tuple(edge) for edge in edges]


def test_a_space_without_a_cell_gives_the_chain_of_its_genes():
    graph = named.space("nats-size").graph(np.array([[0, 0, 0, 1, 7]]))
    assert graph.edges(0)[-1] == ("layer 4=16", "layer 5=64")
    assert space_of("grid").graph(np.array([[2, 1, 0]])).edges(0) == [("width=32", "pool=avg"), ("pool=avg", "depth=1")]
