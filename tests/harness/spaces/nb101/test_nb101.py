"""The NAS-Bench-101 space: codecs, validity, edits, encodings and closed-form costs."""

from __future__ import annotations

import json
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.nb101.costs import macs, params, vertex_channels
from harness.spaces.nb101.edits import WEIGHTS, allowed, edited
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb101.wiring import EDGES, OPERATIONS, prune
from harness.testing.conformance import check_space

SPACE = NB101Space()
SEEDS = st.integers(0, 2**32 - 1)
C3, C1, MP = OPERATIONS
INCEPTION = f"0111010000000100000010000100000000100000010000000 input,{C1},{C3},{C3},{C3},{MP},output"
SAME_RELABELLED = f"0111100000000100000010000001000001000000010000000 input,{C3},{C1},{MP},{C3},{C3},output"
CHAIN = f"0100000001000000010000000100000001000000010000000 input,{','.join([C3] * 5)},output"
SINGLE = {name: f"010001000 input,{name},output" for name in OPERATIONS}


def random_codings(seed: int, n: int = 40) -> np.ndarray:
    """Return codings with genes in range, valid or not, sparse and dense ones."""
    rng = np.random.default_rng(seed)
    edges = rng.random((n, 21)) < rng.uniform(0.2, 0.8, (n, 1))
    return np.concatenate([edges, rng.integers(0, 3, (n, 5))], axis=1).astype(np.uint8)


def plainly_pruned(arch: np.ndarray) -> tuple[list[list[int]], list[int]]:
    """Prune one coding as the official ``ModelSpec`` does; returns matrix and labels, empty where nothing is left."""
    matrix = [[0] * 7 for _ in range(7)]
    for (source, target), bit in zip(EDGES, arch[:21].tolist(), strict=True):
        matrix[source][target] = bit

    def visited(start: int, follow) -> set[int]:
        seen, frontier = {start}, [start]
        while frontier:
            at = frontier.pop()
            new = [v for v in range(7) if follow(at, v) and v not in seen]
            seen.update(new)
            frontier.extend(new)
        return seen

    stay = sorted(visited(0, lambda a, b: matrix[a][b]) & visited(6, lambda a, b: matrix[b][a]))
    labels = [-1, *arch[21:].tolist(), -2]
    if not {0, 6} <= set(stay):
        return [], []
    return [[matrix[a][b] for b in stay] for a in stay], [labels[v] for v in stay]


def test_the_space_keeps_the_rules() -> None:
    for seed in range(5):
        check_space(NB101Space(), np.random.default_rng(seed))


def test_facts() -> None:
    facts = SPACE.facts()
    assert (facts["genes"], facts["codings"]) == (26, 2**21 * 3**5)
    assert facts["encodings"] == {
        "one_hot": 57,
        "adjacency": 36,
        "path": 364,
        "path_truncated": 40,
        "graph": 84,
        "graf": 52,
    }
    assert facts["classes"] == {"functional": 423_624}


@given(SEEDS)
def test_pruning_and_validity_are_those_of_a_plain_search(seed: int) -> None:
    archs = random_codings(seed)
    pruned, valid = prune(archs), SPACE.is_valid(archs)
    for row, arch in enumerate(archs):
        matrix, labels = plainly_pruned(arch)
        size = len(labels)
        assert pruned.vertices[row] == size
        assert pruned.adjacency[row, :size, :size].tolist() == matrix
        assert pruned.labels[row, :size].tolist() == labels
        assert not pruned.adjacency[row, size:].any()
        assert not pruned.adjacency[row, :, size:].any()
        assert (pruned.labels[row, size:] == -3).all()
        assert valid[row] == (size > 0 and sum(map(sum, matrix)) <= 9)


def test_limits_hold_for_the_pruned_cell_only() -> None:
    ten_edges, connected = np.zeros((2, 26), dtype=np.uint8)
    ten_edges[:10] = 1
    ten_edges[[EDGES.index((k, 6)) for k in range(1, 6)]] = 1
    connected[[EDGES.index(edge) for edge in combinations(range(1, 6), 2)]] = 1  # ten edges on no path
    connected[EDGES.index((0, 6))] = 1
    assert SPACE.is_valid(np.stack([ten_edges, connected])).tolist() == [False, True]
    assert SPACE.is_valid(np.full((1, 26), 0)).tolist() == [False]


def test_genes_out_of_range_are_no_architecture() -> None:
    good = SPACE.parse([INCEPTION]).astype(np.int64)
    for gene, value in ((0, 2), (0, -1), (20, 255), (21, 3), (25, -1)):
        wrong = good.copy()
        wrong[0, gene] = value
        assert not SPACE.is_valid(wrong)[0]


@given(SEEDS)
def test_string_keys_are_equal_exactly_for_equal_pruned_cells(seed: int) -> None:
    archs = random_codings(seed, 300)
    archs = archs[SPACE.is_valid(archs)]
    plain = [json.dumps(plainly_pruned(arch)) for arch in archs]
    keys = SPACE.key(archs, "string")
    same = np.array(plain)[:, None] == np.array(plain)
    assert np.array_equal(keys[:, None] == keys, same)
    functional = SPACE.key(archs)
    assert (functional[:, None] == functional)[same].all()


def test_samples_are_the_official_random_cells() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, SPACE.cardinalities, size=(30_000, 26)).astype(np.uint8)
    official, mine = drawn[SPACE.is_valid(drawn)], SPACE.sample(30_000, rng)
    for measure in (lambda archs: prune(archs).vertices, lambda archs: archs[:, :21].sum(axis=1)):
        expected, got = (np.bincount(measure(archs), minlength=22) / len(archs) for archs in (official, mine))
        assert np.abs(expected - got).max() < 5 * np.sqrt(0.25 / 20_000)
    assert np.abs(mine.mean(axis=0) - official.mean(axis=0)).max() < 0.03


@given(SEEDS)
def test_neighbours_are_all_edits_that_give_another_valid_cell(seed: int) -> None:
    arch = SPACE.sample(1, np.random.default_rng(seed))
    around = {tuple(row) for row in SPACE.neighbours(arch[0]).tolist()}
    every = edited(np.repeat(arch, 31, axis=0), np.arange(31))
    assert len(np.unique(every, axis=0)) == 31
    assert ((every != arch).sum(axis=1) == 1).all()
    wanted = every[SPACE.is_valid(every)]
    different = SPACE.key(wanted) != SPACE.key(arch)
    if different.any():
        wanted = wanted[different]
    assert around == {tuple(row) for row in wanted.tolist()}


def test_a_cell_without_other_neighbours_moves_among_its_own_codings() -> None:
    bare = SPACE.parse(["0100 input,output"])
    around = SPACE.neighbours(bare[0])
    assert len(around) == 31 - 1  # all but the edge itself
    assert (SPACE.key(around) == SPACE.key(bare)).all()
    assert SPACE.is_valid(SPACE.mutate(np.repeat(bare, 50, axis=0), np.random.default_rng(0))).all()


def test_mutations_are_drawn_with_the_weights_of_the_official_ones() -> None:
    arch = SPACE.parse([INCEPTION])
    edits = np.flatnonzero(allowed(arch)[0])
    made = SPACE.mutate(np.repeat(arch, 40_000, axis=0), np.random.default_rng(0))
    expected = WEIGHTS[edits] / WEIGHTS[edits].sum()
    neighbours = SPACE.neighbours(arch[0])
    counts = np.array([(made == row).all(axis=1).sum() for row in neighbours])
    assert counts.sum() == len(made)
    assert (np.abs(counts / len(made) - expected) < 5 * np.sqrt(expected / len(made))).all()
    assert WEIGHTS[0] / WEIGHTS[-1] == pytest.approx(10 / 7)


def test_mutation_leaves_the_parents_alone() -> None:
    parents = SPACE.sample(20, np.random.default_rng(0))
    before = parents.copy()
    SPACE.mutate(parents, np.random.default_rng(0))
    assert np.array_equal(parents, before)


@given(SEEDS)
def test_format_and_parse_are_inverse(seed: int) -> None:
    archs = SPACE.sample(20, np.random.default_rng(seed))
    assert np.array_equal(SPACE.parse(SPACE.format(archs)), archs)


def test_a_smaller_cell_is_packed_in_front_and_json_is_read() -> None:
    text = f"011001000 input,{MP},output"
    told = json.dumps({"matrix": [[0, 1, 1], [0, 0, 1], [0, 0, 0]], "ops": ["input", MP, "output"]})
    arch, same = SPACE.parse([text, told])
    assert np.array_equal(arch, same)
    assert [EDGES[gene] for gene in np.flatnonzero(arch[:21])] == [(0, 1), (0, 6), (1, 6)]
    assert arch[21:].tolist() == [2, 0, 0, 0, 0]
    assert SPACE.parse([]).shape == (0, 26)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "read"),
        ("{}", "read"),
        ('{"matrix": 3, "ops": []}', "read"),
        ("0100", "read"),
        ("0100 input", "the first 'input'"),
        ("0100 output,input", "the first 'input'"),
        ("0" * 64 + " input," + "maxpool3x3," * 6 + "output", "at most 7"),
        ("010001000 input,maxpool3x4,output", "Did you mean 'maxpool3x3'"),
        ("01000100 input,maxpool3x3,output", "3 x 3"),
        ("010101000 input,maxpool3x3,output", "above the diagonal"),
        ("110001000 input,maxpool3x3,output", "above the diagonal"),
        ("010000000 input,maxpool3x3,output", "lead from input to output"),
    ],
)
def test_texts_that_are_no_cell_are_refused(text: str, told: str) -> None:
    with pytest.raises(HarnessError, match=told):
        SPACE.parse([INCEPTION, text])


@given(SEEDS)
def test_path_encoding_is_that_of_a_plain_walk(seed: int) -> None:
    archs = SPACE.sample(5, np.random.default_rng(seed))
    names = ["".join(path) for length in range(6) for path in product("012", repeat=length)]
    for arch, row in zip(archs, SPACE.features(archs, "path"), strict=True):
        there = {EDGES[gene] for gene in np.flatnonzero(arch[:21])}
        walks = [inner for length in range(6) for inner in combinations(range(1, 6), length)]
        walks = [inner for inner in walks if set(pairwise((0, *inner, 6))) <= there]
        found = {"".join(str(arch[20 + vertex]) for vertex in inner) for inner in walks}
        assert {names[place] for place in np.flatnonzero(row)} == found
    assert np.array_equal(SPACE.features(archs, "path_truncated"), SPACE.features(archs, "path")[:, :40])


def test_adjacency_and_graph_encodings_of_a_small_cell() -> None:
    arch = SPACE.parse([SINGLE[MP]])
    adjacency = SPACE.features(arch, "adjacency")[0]
    assert np.flatnonzero(adjacency[:21]).tolist() == [EDGES.index((0, 1)), EDGES.index((1, 6))]
    assert adjacency[21:24].tolist() == [0.0, 0.0, 1.0]
    graph = SPACE.features(arch, "graph")[0]
    nodes, kinds = SPACE.graph_shape
    assert [divmod(place, 7) for place in np.flatnonzero(graph[:49]).tolist()] == [(0, 1), (1, 2)]
    assert np.argwhere(graph[49:].reshape(nodes, kinds)).tolist() == [[0, 0], [1, 4], [2, 1]]


@pytest.mark.parametrize(
    ("text", "parameters", "multiply_adds"),
    [
        (INCEPTION, 2_694_282, 402_002_944),
        (SAME_RELABELLED, 2_694_282, 402_002_944),
        ("0100 input,output", 882_570, 137_761_792),
        (SINGLE[C1], 1_920_138, 288_756_736),
        (SINGLE[MP], 882_570, 137_761_792),
        (SINGLE[C3], 10_177_674, 1_496_716_288),
        (f"011001000 input,{C3},output", 11_051_402, 1_630_934_016),
        (CHAIN, 47_358_090, 6_932_534_272),
        (f"0100110001000000010010000010000001000000010000000 input,{C3},{MP},{C3},{C3},{C1},output", 8_555_530, None),
    ],
)
def test_costs_are_the_published_ones(text: str, parameters: int, multiply_adds: int | None) -> None:
    arch = SPACE.parse([text])
    assert params(arch).tolist() == [parameters]
    if multiply_adds is not None:
        assert macs(arch).tolist() == [multiply_adds]


@given(SEEDS)
def test_costs_do_not_depend_on_what_is_pruned(seed: int) -> None:
    archs = SPACE.sample(200, np.random.default_rng(seed))
    seen: dict[int, tuple[float, float]] = {}
    for key, *costs in zip(SPACE.key(archs, "string").tolist(), params(archs), macs(archs), strict=True):
        assert seen.setdefault(key, tuple(costs)) == tuple(costs)
    assert len(seen) < len(archs)


@pytest.mark.parametrize(
    ("text", "entering", "leaving", "channels"),
    [
        (f"0100001000010000 input,{C3},{C3},output", 8, 8, [8, 8, 8, 8]),
        (f"0100001000010000 input,{C3},{C3},output", 8, 16, [8, 16, 16, 16]),
        (f"0100001000010000 input,{C3},{C3},output", 16, 8, [16, 8, 8, 8]),
        (f"0110000100010000 input,{C3},{C3},output", 8, 8, [8, 4, 4, 8]),
        (f"0111000001000010000100000 input,{C3},{C3},{C3},output", 8, 8, [8, 3, 3, 2, 8]),
    ],
)
def test_channels_are_those_of_the_official_test(text: str, entering: int, leaving: int, channels: list[int]) -> None:
    got = vertex_channels(prune(SPACE.parse([text])), entering, leaving)[0].tolist()
    assert got == channels + [0] * (7 - len(channels))
