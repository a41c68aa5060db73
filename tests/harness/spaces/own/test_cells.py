"""Cells of one's own: those of NAS-Bench-201 again, and any other wiring."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, TableError
from harness.spaces import named
from harness.spaces.own.cells import CellSpace, cost, from_definition, of_network
from harness.spaces.own.operations import OPERATIONS
from harness.spaces.wiring import Wiring
from harness.testing.conformance import check_space
from harness.training import networks, recipe

NB201 = named.space("nb201")
AGAIN = CellSpace("again", NB201.facts()["operations"], nodes=4)
SPARSE = CellSpace("sparse", ["skip_connect", "sep_conv_3x3", "max_pool_3x3"], nodes=4,
                   edges=[[0, 1], [0, 2], [1, 3], [2, 3]])  # fmt: skip
LARGE = CellSpace("large", ["none", "skip_connect", "nor_conv_3x3", "nor_conv_5x5", "dil_conv_3x3"], nodes=5)


@pytest.mark.parametrize("space", [AGAIN, SPARSE, LARGE, CellSpace("two", ["none", "mine"], nodes=2)])
def test_cells_of_ones_own_keep_the_rules(space):
    assert len(check_space(space, np.random.default_rng(0))) >= 35


def test_the_cells_of_nas_bench_201_described_anew_are_the_same():
    archs = NB201.all_codings[::7]
    assert AGAIN.format(archs) == NB201.format(archs)
    assert np.array_equal(AGAIN.key(NB201.all_codings), NB201.key(NB201.all_codings))
    for encoding in ("one_hot", "adjacency", "path"):
        assert np.array_equal(AGAIN.features(archs, encoding), NB201.features(archs, encoding))
    ours, theirs = AGAIN.graph(archs), NB201.graph(archs)
    assert np.array_equal(ours.adjacency, theirs.adjacency)
    assert np.array_equal(ours.kinds, theirs.kinds)
    for arch in archs[:50]:
        assert set(map(tuple, AGAIN.morphisms(arch).tolist())) == set(map(tuple, NB201.morphisms(arch).tolist()))
    assert AGAIN.growth.level(archs).tolist() == NB201.growth.level(archs).tolist()


def test_its_networks_cost_what_those_of_nas_bench_201_do():
    archs = NB201.all_codings[::501]
    for name, shape in (("micro", (1, 1, 40)), ("nb201-12", (3, 32, 32))):
        protocol = recipe.load(name)
        ours = networks.cost(AGAIN.network, archs, protocol, shape, 10)
        theirs = networks.cost("nb201", archs, protocol, shape, 10)
        assert ours.params.tolist() == theirs.params.tolist()
        assert ours.macs.tolist() == theirs.macs.tolist()


def test_its_networks_compute_what_those_of_nas_bench_201_do():
    import torch

    protocol, images = recipe.load("micro"), torch.randn(3, 1, 1, 40)
    for arch in ((3, 2, 4, 1, 3, 2), (0, 3, 1, 2, 4, 1), (4, 0, 3, 1, 0, 2)):
        theirs = networks.build("nb201", arch, protocol, (1, 1, 40), 10, seed=0).eval()
        ours = networks.build(AGAIN.network, arch, protocol, (1, 1, 40), 10, seed=1).eval()
        ours.load_state_dict(theirs.state_dict())  # the names of parameters are the same
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("none", "skip_connect")])
def test_what_is_built_of_an_operation_is_what_is_counted(name):
    space = CellSpace("one", ["none", "skip_connect", name], nodes=3)
    protocol = recipe.load("micro").but(channels=4)
    for shape in ((1, 1, 16), (3, 8, 8)):
        archs = np.array([[2, 2, 2], [2, 1, 0]])
        counted = networks.cost(space.network, archs, protocol, shape, 3)
        built = [networks.build(space.network, arch, protocol, shape, 3, seed=0) for arch in archs.tolist()]
        assert counted.params.tolist() == [networks.parameters(module) for module in built]
        assert counted.macs[0] >= counted.macs[1]


def test_multiply_adds_of_a_cell_are_those_of_its_convolutions():
    """By hand: 4 channels, one cell a stage, 16 positions halved twice; a sep_conv is 2 (3 C + C C) a position."""
    space = CellSpace("one", ["none", "sep_conv_3x3"], nodes=2)
    options = {"classes": 3, "shape": (1, 1, 16), "channels": 4, "cells": 1, "reduction": "pool"}
    with_it, without = (int(cost(space, np.array([[code]]), **options).macs[0]) for code in (1, 0))
    assert with_it - without == sum(2 * (3 * width + width**2) * places for width, places in ((4, 16), (8, 8), (16, 4)))


def test_cells_are_the_same_where_they_sum_the_same_terms():
    space = CellSpace("tiny", ["none", "skip_connect", "nor_conv_3x3"], nodes=3)
    texts = ["|nor_conv_3x3~0|+|none~0|skip_connect~1|", "|none~0|+|nor_conv_3x3~0|none~1|",
             "|skip_connect~0|+|none~0|nor_conv_3x3~1|", "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|"]  # fmt: skip
    keys = space.key(space.parse(texts))
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert len(np.unique(space.key(space.decode(np.arange(27, dtype=np.uint64))))) == 9
    hashed = LARGE.key(LARGE.parse([
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|+|none~0|none~1|skip_connect~2|none~3|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|nor_conv_3x3~0|none~1|none~2|none~3|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|nor_conv_5x5~0|none~1|none~2|none~3|",
    ]))  # fmt: skip
    assert hashed[0] == hashed[1] != hashed[2]


def test_a_text_names_each_edge_once_in_any_order():
    assert SPARSE.format(np.array([[0, 1, 2, 0]])) == [
        "|skip_connect~0|+|sep_conv_3x3~0|+|max_pool_3x3~1|skip_connect~2|"
    ]
    text = "|skip_connect~0|+|sep_conv_3x3~0|+|skip_connect~2|max_pool_3x3~1|"
    assert SPARSE.parse([text]).tolist() == [[0, 1, 2, 0]]
    for wrong, told in (
        ("|skip_connect~0|+|sep_conv_3x3~0|", "must read '|skip_connect~0|"),
        ("|skip_connect~0|+|sep_conv_3x3~1|+|max_pool_3x3~1|skip_connect~2|", "must read"),
        ("|skip_conect~0|+|sep_conv_3x3~0|+|max_pool_3x3~1|skip_connect~2|", "Did you mean 'skip_connect'"),
    ):
        with pytest.raises(HarnessError, match=told.replace("|", r"\|")):
            SPARSE.parse([wrong])


@pytest.mark.parametrize("space", [AGAIN, SPARSE, LARGE])
def test_a_space_is_made_again_by_its_definition_and_its_networks_by_their_name(space):
    again = named.defined(space.definition())
    archs = space.sample(20, np.random.default_rng(0))
    assert again.format(archs) == space.format(archs)
    assert again.name == space.name
    assert of_network(space.network).wiring == space.wiring
    assert of_network(space.network).network == space.network
    assert named.space(space.definition()).format(archs) == space.format(archs)


def test_the_name_of_networks_is_not_that_of_the_space():
    assert CellSpace("a", ["none", "skip_connect"]).network == CellSpace("b", ["none", "skip_connect"]).network


def test_a_space_of_an_unknown_operation_has_no_networks_and_says_which_it_is():
    space = CellSpace("odd", ["none", "nor_conv3x3"], nodes=3)
    with pytest.raises(HarnessError, match=r"does not know the operation 'nor_conv3x3'\. Did you mean 'nor_conv_3x3'"):
        named.network_of(space)
    assert "none: the space 'odd' has no networks" in space.facts()["networks"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nodes": 1}, "`nodes` must be 2 to 8"),
        ({"nodes": 9}, "`nodes` must be 2 to 8"),
        ({"operations": ["none"]}, "`operations` must be 2 to 16, all different"),
        ({"operations": ["none", "none"]}, "all different"),
        ({"operations": ["none", "a|b"]}, "letters, digits and '_'"),
        ({"edges": [[0, 1], [1, 0], [1, 2]]}, "lead from a node to a later one"),
        ({"edges": [[0, 1], [0, 2]], "nodes": 3}, "lead through node 1, into it and out of it"),
        ({"edges": [[0, 1], [0, 1], [1, 2]], "nodes": 3}, "stand once each"),
    ],
)
def test_what_is_no_cell_is_refused(options, told):
    with pytest.raises(HarnessError, match=told.replace("|", r"\|")):
        CellSpace("wrong", **{"operations": ["none", "skip_connect"], **options})


@pytest.mark.parametrize(
    "fields", [{}, {"operations": "none"}, {"operations": ["a", "b"], "nodes": "3"},
               {"operations": ["a", "b"], "edges": [0, 1]}, {"operations": ["a", "b"], "edges": [[0, 1, 2]]}]
)  # fmt: skip
def test_a_damaged_definition_is_refused(fields):
    with pytest.raises(TableError):
        from_definition(fields)


@pytest.mark.parametrize(
    "network", ["cells:3", "cells:x:none,skip_connect", "cells:3:none", "cells:9:none,skip_connect"]
)
def test_a_wrong_name_of_networks_is_refused(network):
    with pytest.raises(HarnessError):
        networks.kind(network)


def test_paths_and_live_edges_are_those_of_any_wiring():
    wiring = Wiring(4, ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert wiring.paths == ((0, 2), (1, 3))
    assert wiring.live_edges([1, 1, 0, 1], none=0) == [1, 3]
    assert wiring.live_edges([1, 1, 1, 1], none=0) == [0, 1, 2, 3]
    assert Wiring.full(5).targets == (1, 2, 2, 3, 3, 3, 4, 4, 4, 4)
    assert len(Wiring.full(5).paths) == 8
