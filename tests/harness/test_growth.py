"""Growth: levels, what contains what, and that everything is reached."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.rows import RowsSpace
from harness.testing.toy import ToySpace

GROWING = ["nb201", "nb101", "nats-size", "transnas-micro", "macro", "mnasnet", "graph"]


def levels(space, identity, highest):
    """Enumerate level by level; return how many architectures of each."""
    archs, sizes = space.growth.smallest(), []
    while True:
        sizes.append(len(archs))
        if space.growth.level(archs[:1])[0] == highest or not len(archs):
            return sizes
        children = np.concatenate([space.growth.grow(arch) for arch in archs])
        archs = children[np.unique(space.key(children, identity), return_index=True)[1]]


def test_the_levels_of_nb201_are_counted_by_its_edges():
    assert levels(named.space("nb201"), "exact", 6) == [1, 24, 240, 1280, 3840, 6144, 4096]


def test_cells_of_nb101_with_up_to_five_vertices_are_all_reached():
    """The unlabelled counts of the table: 1 cell of 2 vertices, 6 of 3, 84 of 4, 2,441 of 5."""
    assert levels(named.space("nb101"), "functional", 5) == [1, 6, 84, 2441]


def test_networks_of_nodes_are_all_reached():
    """Nine links, and eight operations on each of the l nodes that are no skips."""
    assert levels(named.space("graph"), "exact", 4) == [9 * 4 * 8, 9 * 6 * 64, 9 * 4 * 512, 9 * 4096]


def test_the_levels_of_sizes_are_the_coefficients_of_a_polynomial():
    counts = np.polynomial.polynomial.polypow(np.ones(8), 5)
    assert levels(named.space("nats-size"), "exact", 35) == counts.astype(int).tolist()


@pytest.mark.parametrize("name", GROWING)
def test_children_are_valid_one_level_up_and_distinct(name):
    space = named.space(name)
    growth, rng = space.growth, np.random.default_rng(0)
    assert growth.level(growth.smallest()).tolist() == [growth.lowest] * len(growth.smallest())
    for arch in [*space.sample(15, rng), *growth.smallest()]:
        children = growth.grow(arch)
        level = growth.level(arch[None])[0]
        assert growth.lowest <= level <= growth.highest
        assert (len(children) == 0) == (level == growth.highest) or name == "nb101"  # there nine edges may be used up
        assert children.dtype == space.dtype
        assert space.is_valid(children).all()
        assert set(growth.level(children)) <= {level + 1}
        assert len(np.unique(children, axis=0)) == len(children)


@pytest.mark.parametrize("name", [name for name in GROWING if name not in ("nb101", "graph")])
def test_children_contain_their_parent(name):
    space = named.space(name)
    for arch in space.sample(15, np.random.default_rng(1)):
        children = space.growth.grow(arch)
        assert np.all((children != arch).sum(axis=1) == 1)
        assert np.all(children >= arch)


@pytest.mark.parametrize("name", ["darts", "asr", "transnas-macro"])
def test_a_space_without_an_order_says_so(name):
    with pytest.raises(HarnessError, match=f"'{name}' has none: use one of"):
        _ = named.space(name).growth


def test_a_grid_grows_where_all_its_genes_are_ordinal():
    genes = {"width": ["8", "16", "32"], "depth": ["1", "2"]}
    growth = CategoricalSpace("grid", genes, ordinal=["width", "depth"]).growth
    assert growth.grow(np.array([1, 0], dtype=np.uint8)).tolist() == [[2, 0], [1, 1]]
    assert (growth.lowest, growth.highest) == (0, 3)
    with pytest.raises(HarnessError, match="'grid' has none"):
        _ = CategoricalSpace("grid", genes, ordinal=["width"]).growth


def test_a_partial_table_grows_over_its_rows():
    rows = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 2], [0, 0, 0, 2, 2]], dtype=np.uint8)
    growth = RowsSpace(ToySpace(), rows).growth
    assert (growth.lowest, growth.highest) == (1, 4)
    assert growth.smallest().tolist() == [[0, 0, 0, 0, 1]]
    assert growth.grow(rows[0]).tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 2]]
    assert growth.grow(rows[2]).tolist() == []
