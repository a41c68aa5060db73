"""Neural graph features (GRAF): cells by hand, all paths enumerated, and cells that differ in names alone."""

from __future__ import annotations

import numpy as np

from harness.spaces.darts.space import DARTSSpace
from harness.spaces.graf import operation_sets
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb101.wiring import prune
from harness.spaces.nb201.space import NB201Space
from harness.spaces.transnas.micro import TransNASMicroSpace

NB201, NB101, DARTS = NB201Space(), NB101Space(), DARTSSpace()
SETS = {
    space: [frozenset(np.flatnonzero(row).tolist()) for row in operation_sets(o)]
    for space, o in ((NB201, 5), (NB101, 3), (DARTS, 7))
}


def group(space, features, operations, number, members):
    """Return the column of one set of operations in the group after the counts."""
    sets = SETS[space]
    return features[:, operations + number * len(sets) + sets.index(frozenset(members))]


def test_the_sets_come_by_size_then_in_order():
    assert SETS[NB101] == [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}]
    assert len(SETS[DARTS]) == 127


def test_a_cell_of_nas_bench_201_by_hand():
    cell = NB201.parse(["|nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"])
    features = NB201.features(cell, "graf")
    assert features.shape == (1, 191)
    assert features[0, :5].tolist() == [1, 2, 1, 2, 0]  # none, skip, 1x1, 3x3, pool
    none, skip, one, three, pool = range(5)

    def said(number, *members):
        return group(NB201, features, 5, number, members)[0]

    shortest, longest, most, leaving, entering, mean = range(6)
    assert [said(shortest, *members) for members in ((skip,), (three, one), (three,), (none, three))] == [1, 3, 5, 2]
    assert said(shortest, skip, one) == 1
    assert [said(longest, *members) for members in ((skip,), (skip, one), (three, one), (three,))] == [1, 2, 3, 0]
    assert [said(most, *members) for members in ((three,), (three, one), (skip, one), (pool,), (none,))] == [
        2,
        3,
        2,
        0,
        1,
    ]
    assert [said(leaving, *members) for members in ((skip,), (three,), (skip, three), (one,))] == [2, 1, 3, 0]
    assert [said(entering, *members) for members in ((skip,), (one,), (skip, one), (none,))] == [1, 1, 2, 1]
    assert [said(mean, *members) for members in ((three,), (none, skip, one, three, pool))] == [0.5, 1.5]


def test_a_cell_of_nas_bench_101_by_hand():
    # input -> 3x3 -> 1x1 -> output, input -> 1x1, input -> output
    cell = NB101.parse(["0111001000010000 input,conv3x3-bn-relu,conv1x1-bn-relu,output"])
    features = NB101.features(cell, "graf")
    assert features.shape == (1, 52)
    assert features[0, :3].tolist() == [1, 1, 0]
    shortest, longest, most, leaving, entering, into, out = range(7)
    three, one, pool = range(3)

    def said(number, *members):
        return group(NB101, features, 3, number, members)[0]

    assert [said(shortest, *members) for members in ((pool,), (one,), (three, one))] == [1, 1, 1]
    assert [said(longest, *members) for members in ((pool,), (one,), (three,), (three, one))] == [1, 2, 1, 3]
    assert [said(most, *members) for members in ((pool,), (one,), (three,), (three, one))] == [0, 1, 1, 2]
    assert [said(leaving, *members) for members in ((three,), (three, one), (pool,))] == [1, 2, 0]
    assert [said(entering, *members) for members in ((three,), (one,), (three, one, pool))] == [0, 1, 1]
    assert [said(into, *members) for members in ((three,), (three, one))] == [0.25, 0.5]
    assert [said(out, *members) for members in ((three,), (one,), (three, one))] == [0.25, 0.5, 0.75]


def ways(edges, node, ends):
    """Yield every path from a node to one of the ends, as lists of edges."""
    if node in ends:
        yield []
    for edge in edges:
        if edge[0] == node:
            yield from ([edge, *way] for way in ways(edges, edge[1], ends))


def lengths(paths, codes, members, operations_of):
    counts = [[codes[place] in members for place in operations_of(path)] for path in paths]
    whole = [len(path) for path, inside in zip(paths, counts, strict=True) if all(inside)]
    return min(whole, default=None), max(whole, default=0), max(map(sum, counts), default=0)


def test_paths_of_nas_bench_201_are_those_that_are_found_one_by_one():
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    cells = NB201.sample(12, np.random.default_rng(0))
    cells = cells[(cells != 0).all(axis=1)]  # everything is computed
    features = NB201.features(cells, "graf")
    assert len(cells) >= 2
    for row, cell in enumerate(cells):
        codes = dict(zip(edges, cell.tolist(), strict=True))
        paths = list(ways(edges, 0, {3}))
        for members in SETS[NB201]:
            shortest, *others = lengths(paths, codes, members, lambda path: path)
            for number, expected in enumerate([shortest or 5, *others]):
                assert group(NB201, features, 5, number, members)[row] == expected


def test_paths_of_nas_bench_101_are_those_that_are_found_one_by_one():
    cells = NB101.sample(8, np.random.default_rng(0))
    features, pruned = NB101.features(cells, "graf"), prune(cells)
    for row in range(len(cells)):
        vertices = int(pruned.vertices[row])
        paths = list(ways([tuple(edge) for edge in np.argwhere(pruned.adjacency[row]).tolist()], 0, {vertices - 1}))
        for members in SETS[NB101]:
            shortest, *others = lengths(
                paths, pruned.labels[row], members, lambda path: [edge[1] for edge in path[:-1]]
            )
            for number, expected in enumerate([shortest or vertices, *others]):
                assert group(NB101, features, 3, number, members)[row] == expected


def test_paths_of_darts_are_those_that_are_found_one_by_one():
    archs = DARTS.sample(3, np.random.default_rng(0))
    features = DARTS.features(archs, "graf")
    assert features.shape == (3, 2 * (7 + 7 * 127))
    names = DARTS.operations
    for row, cells in enumerate(DARTS.compact(archs)):
        for part, cell in zip(np.split(features[row : row + 1], 2, axis=1), cells, strict=True):
            codes = {(source, 2 + place // 2): code for place, (source, code) in enumerate(cell)}
            assert part[0, :7].tolist() == [list(codes.values()).count(code) for code in range(len(names))]
            for members in SETS[DARTS][:40]:
                for entry in (0, 1):
                    paths = list(ways(list(codes), entry, {2, 3, 4, 5}))
                    _, longest, most = lengths(paths, codes, members, lambda path: path)
                    assert group(DARTS, part, 7, 2 * entry, members)[0] == longest
                    assert group(DARTS, part, 7, 2 * entry + 1, members)[0] == most
                    degree = sum(code in members for (source, _), code in codes.items() if source == entry)
                    assert group(DARTS, part, 7, 4 + entry, members)[0] == degree


def test_operations_that_nothing_reaches_or_that_lead_nowhere_count_as_none():
    every = NB201.all_codings[::5]
    dead = every[every[:, 0] == 0]  # nothing reaches node 1
    without = dead.copy()
    without[:, [2, 4]] = 0
    np.testing.assert_array_equal(NB201.features(dead, "graf"), NB201.features(without, "graf"))


def test_two_middle_nodes_without_an_edge_between_them_may_trade_places():
    """As far as none is not in the set, and but for the most on any path: the authors' paths go along none too."""
    cells = NB201.all_codings[NB201.all_codings[:, 2] == 0]
    features, traded = (NB201.features(rows, "graf") for rows in (cells, cells[:, [1, 0, 2, 3, 5, 4]]))
    np.testing.assert_array_equal(features[:, :5], traded[:, :5])
    for members in SETS[NB201]:
        for number in (3, 4, 5) if 0 in members else (0, 1, 3, 4, 5):
            np.testing.assert_array_equal(*(group(NB201, rows, 5, number, members) for rows in (features, traded)))


def test_cells_of_transnas_bench_101_are_read_like_those_of_nas_bench_201():
    cells = TransNASMicroSpace().sample(50, np.random.default_rng(0))
    features = TransNASMicroSpace().features(cells, "graf")
    assert features.shape == (50, 94)
    of_nb201 = NB201.features(cells, "graf")
    np.testing.assert_array_equal(features[:, :4], of_nb201[:, :4])
    sets = [members for members in SETS[NB201] if 4 not in members]
    columns = [5 + 31 * number + SETS[NB201].index(members) for number in range(6) for members in sets]
    np.testing.assert_array_equal(features[:, 4:], of_nb201[:, columns])


def test_cells_of_one_functional_class_have_the_same_features():
    archs = DARTS.sample(200, np.random.default_rng(0))
    np.testing.assert_array_equal(DARTS.features(archs, "graf"), DARTS.features(DARTS.canonical(archs), "graf"))
    cells = NB101.sample(3000, np.random.default_rng(0))
    keys, first, inverse = np.unique(NB101.key(cells), return_index=True, return_inverse=True)
    assert len(keys) < 2500
    features = NB101.features(cells, "graf")
    np.testing.assert_allclose(features, features[first][inverse])


def test_features_do_not_depend_on_the_rows_beside_them():
    for space in (NB201, NB101, DARTS):
        archs = space.sample(2100, np.random.default_rng(1))
        features = space.features(archs, "graf")
        np.testing.assert_array_equal(space.features(archs[2040:2060], "graf"), features[2040:2060])
        assert space.features(archs[:0], "graf").shape == (0, features.shape[1])
