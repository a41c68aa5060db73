"""The DARTS space: codings, identity, edits, encodings, texts, and costs in closed form."""

from __future__ import annotations

import gzip
import json
import re
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.darts import cells as darts_cells
from harness.spaces.darts.cells import EDGES, GENES, NODES, OPERATION_GENES, OPERATIONS, from_edges, on_edges
from harness.spaces.darts.costs import auxiliary_params, macs, params
from harness.spaces.darts.space import DARTSSpace
from harness.testing.conformance import check_space
from tests.harness.spaces.darts.genotypes import DARTS_V1, DARTS_V2, DIL, MAX, RAW_EXAMPLE, SEP, SKIP, genotype

SPACE = DARTSSpace()
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, n: int = 20):
    return SPACE.sample(n, np.random.default_rng(seed))


def relabelled(cell, order):
    """Rename nodes 2 to 5 of one cell of genes, the plain way; None where an edge would run backwards."""
    codes = on_edges(cell[None])[0]
    name = {0: 0, 1: 1} | dict(zip(NODES, order, strict=True))
    moved = np.zeros(len(EDGES), dtype=np.intp)
    for (source, target), code in zip(EDGES, codes, strict=True):
        if code:
            if name[source] >= name[target]:
                return None
            moved[EDGES.index((name[source], name[target]))] = code
    return from_edges(moved[None])[0].astype(np.uint8)


def test_the_space_keeps_the_rules():
    check_space(SPACE, np.random.default_rng(3))


def test_there_are_as_many_architectures_as_published():
    assert SPACE.facts()["codings"] == (180 * 7**8) ** 2 == 1_076_746_950_455_072_400


@pytest.mark.parametrize(
    ("text", "weights", "multiply_adds"), [(DARTS_V2, 3_349_342, 528_359_040), (DARTS_V1, 3_169_414, 500_987_520)]
)
def test_costs_are_those_of_the_published_networks(text, weights, multiply_adds):
    arch = SPACE.parse([text])
    assert params(arch).tolist() == [weights]
    assert macs(arch).tolist() == [multiply_adds]


def test_costs_with_the_auxiliary_head_are_those_of_the_raw_result():
    arch = SPACE.parse([RAW_EXAMPLE])
    assert params(arch, channels=50, cells=20)[0] + auxiliary_params(channels=50) == 6_369_358


def test_costs_depend_on_classes_and_image_size_as_they_should():
    archs = drawn(0)
    assert (params(archs, classes=100) - params(archs)).tolist() == [90 * (4 * 144 + 1)] * 20
    head = 4 * 4 * 36 * 10
    assert np.array_equal(macs(archs, image_size=64) - head, 4 * (macs(archs) - head))


@pytest.mark.data
def test_parameters_of_725_networks_are_those_of_another_counter(shared_data):
    path = shared_data / "official_samples" / "nas_bench_suite_zero" / "zc_nasbench301_early.json"
    records = json.loads(path.read_text())["cifar10"]
    archs = SPACE.parse(list(records))
    reported = np.array([record["params"]["score"] for record in records.values()]) * 1e6
    norms = np.zeros(len(archs))  # of the operations, which that counter leaves out
    weight = {SEP: 4, "sep_conv_5x5": 4, DIL: 2, "dil_conv_5x5": 2}
    for cell, width in ((archs[:, :GENES], 2 * 32 + 2 * 64 + 2 * 128), (archs[:, GENES:], 64 + 128)):
        operations = np.asarray(OPERATIONS)[cell[:, OPERATION_GENES]]
        norms += width * sum(weight.get(name, 0) * (operations == name).sum(axis=1) for name in OPERATIONS)
    skips = (np.asarray(OPERATIONS)[archs[:, GENES:][:, OPERATION_GENES]] == SKIP) & (
        darts_cells.sources(archs[:, GENES:]) < 2
    )
    norms += 2 * (64 + 128) * skips.sum(axis=1)
    assert len(archs) == 725
    assert np.allclose(params(archs, channels=32, cells=8) - reported, norms, atol=0.5)


@pytest.mark.data
def test_the_published_list_of_architectures_is_read_and_written_back(shared_data):
    listed = json.loads(gzip.decompress((shared_data / "nb301_archs_11221_naslib.json.gz").read_bytes()))
    archs = SPACE.parse(list(listed.values()))
    assert len(np.unique(SPACE.key(archs))) == len(archs) == 11_221
    assert np.array_equal(SPACE.parse(list(map(str, SPACE.compact(archs)))), archs)
    assert str(SPACE.compact(archs[1:2])[0]) == listed["1"]


def test_the_order_in_which_a_node_reads_its_inputs_does_not_matter():
    swapped = DARTS_V2.replace(f"('{SEP}', 1), ('{SKIP}', 0)", f"('{SKIP}', 0), ('{SEP}', 1)")
    assert swapped != DARTS_V2
    assert np.array_equal(SPACE.parse([swapped]), SPACE.parse([DARTS_V2]))


def test_both_ways_to_write_what_is_concatenated_are_read():
    ranged = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")
    assert np.array_equal(SPACE.parse([ranged]), SPACE.parse([DARTS_V2]))
    assert SPACE.format(SPACE.parse([ranged]))[0].count("range(2, 6)") == 2


@given(seeds)
def test_texts_are_read_back(seed):
    archs = drawn(seed)
    assert np.array_equal(SPACE.parse(SPACE.format(archs)), archs)
    assert np.array_equal(SPACE.parse(list(map(str, SPACE.compact(archs)))), archs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("sep_conv_3x3", "sep_conv_3x4"), "unknown operation 'sep_conv_3x4'. Did you mean 'sep_conv_3x3'?"),
        (("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"), "node 5 on two different nodes before it, not on 0 and 0"),
        (("('sep_conv_3x3', 0)", "('sep_conv_3x3', 3)"), "node 2 on two different nodes before it, not on 1 and 3"),
        (("('dil_conv_3x3', 2)", "('dil_conv_3x3', -1)"), "node 5 on two different nodes before it, not on -1 and 0"),
        (("normal_concat=[2, 3, 4, 5]", "normal_concat=[3, 4, 5]"), "concatenate nodes 2 to 5"),
        (("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 10**9)"), "must read"),
        ((", ('dil_conv_3x3', 2)]", "]"), "8 of them"),
        (("reduce=", "reduced="), "must read"),
        ((DARTS_V2, "nonsense"), "must read"),
        ((DARTS_V2, "__import__('os').getcwd()"), "must read"),
        ((DARTS_V2, "(((0, 7), (1, 0)) * 4, ((0, 0), (1, 0)) * 4)"), "must read"),
        ((DARTS_V2, str((((0, 7), (1, 0)) * 4, ((0, 0), (1, 0)) * 4))), "have operations 0 to 6"),
        ((DARTS_V2, str((((0, 1), (1, 0)) * 4, ((0, 0), (1, 0)) * 3))), "8 of them"),
    ],
)
def test_what_is_no_architecture_is_refused(change, message):
    old, new = change
    assert old in DARTS_V2
    text = DARTS_V2.replace(old, new, 1)
    with pytest.raises(HarnessError, match=re.escape(message)):
        SPACE.parse([text])


@given(seeds)
def test_renamed_nodes_are_the_same_function_and_another_string(seed):
    rng = np.random.default_rng(seed)
    arch = SPACE.sample(1, rng)[0]
    half = int(rng.integers(2)) * GENES
    for order in permutations(NODES):
        cell = relabelled(arch[half : half + GENES], order)
        if cell is not None:
            other = arch.copy()
            other[half : half + GENES] = cell
            keys = {name: SPACE.key(np.stack([arch, other]), name) for name in ("functional", "string")}
            assert keys["functional"][0] == keys["functional"][1]
            assert (keys["string"][0] == keys["string"][1]) == np.array_equal(arch, other)


@given(seeds)
def test_the_representative_is_the_smallest_of_all_renamings(seed):
    arch = drawn(seed, 1)[0]
    least = []
    for half in (arch[:GENES], arch[GENES:]):
        cells = [cell for order in permutations(NODES) if (cell := relabelled(half, order)) is not None]
        least.append(min(cells, key=lambda cell: int(darts_cells.number(cell))))
    assert SPACE.canonical(arch[None]).tolist() == [np.concatenate(least).tolist()]


def test_keys_know_how_many_functions_a_small_part_of_the_space_has():
    # nodes 2 and 3 both read 0 and 1 and trade places: 49 * 49 pairs of operations, the 49 equal ones once
    operations = np.array(np.meshgrid(*[range(7)] * 4)).reshape(4, -1).T
    archs = np.zeros((len(operations), 22), dtype=np.uint8)
    archs[:, [0, 1, 3, 4]] = operations
    archs[:, [6, 7, 9, 10]] = 3  # nodes 4 and 5 read 0 and 1 too: all four trade places
    keys = SPACE.key(archs)
    bags = {tuple(sorted([tuple(row[:2]), tuple(row[2:]), (3, 3), (3, 3)])) for row in operations.tolist()}
    assert len(np.unique(keys)) == len(bags)


def test_two_reads_of_equal_nodes_are_not_taken_for_one():
    same = genotype([(SEP, 0), (SEP, 1)] * 2 + [(MAX, 2), (MAX, 0)] * 2, [(MAX, 0), (MAX, 1)] * 4)
    other = genotype([(SEP, 0), (SEP, 1)] * 2 + [(MAX, 2), (MAX, 0), (MAX, 3), (MAX, 0)], [(MAX, 0), (MAX, 1)] * 4)
    assert len(np.unique(SPACE.key(SPACE.parse([same, other])))) == 2


@given(seeds)
def test_edges_and_genes_tell_the_same(seed):
    cells = drawn(seed)[:, :GENES]
    codes = on_edges(cells)
    assert (np.count_nonzero(codes, axis=1) == 8).all()
    assert np.array_equal(from_edges(codes), cells)


def test_neighbours_change_one_operation_or_one_edge():
    arch = drawn(1, 1)[0]
    around = SPACE.neighbours(arch)
    assert len(around) == len(np.unique(around, axis=0)) == 120
    before = np.concatenate([on_edges(arch[None, :GENES]), on_edges(arch[None, GENES:])], axis=1)[0]
    after = np.concatenate([on_edges(around[:, :GENES]), on_edges(around[:, GENES:])], axis=1)
    changed = (after != before).sum(axis=1)
    assert changed.tolist() == [1] * 96 + [2] * 24
    for row in after[96:]:
        assert sorted(row[row != before]) == sorted(before[row != before])  # the operation moves with its edge


def test_mutations_are_half_operations_half_edges_and_uniform_within():
    n = 60_000
    archs = np.repeat(drawn(2, 1), n, axis=0)
    children = SPACE.mutate(archs, np.random.default_rng(0))
    keys, counts = np.unique(SPACE.code(children), return_counts=True)
    around = SPACE.neighbours(archs[0])
    assert set(keys.tolist()) == set(SPACE.code(around).tolist())
    share = dict(zip(keys.tolist(), counts / n, strict=True))
    operations = [share[code] for code in SPACE.code(around[:96]).tolist()]
    edges = [share[code] for code in SPACE.code(around[96:]).tolist()]
    assert sum(operations) == pytest.approx(0.5, abs=0.01)
    assert max(operations) < 1.4 * 0.5 / 96
    # an edge into node 3 has one other start, an edge into node 5 three
    by_node = np.array([1, 1, 1 / 2, 1 / 2, 1 / 2, 1 / 2] + [1 / 3] * 6) / 24
    assert np.allclose(np.sort(edges), np.sort(np.tile(by_node, 2)), atol=0.003)


def test_samples_are_uniform_over_pairs_and_operations():
    archs = SPACE.sample(40_000, np.random.default_rng(0))
    for gene, count in enumerate(SPACE.cardinalities.tolist()):
        shares = np.bincount(archs[:, gene], minlength=count) / len(archs)
        assert np.allclose(shares, 1 / count, atol=0.012)


def plain_paths(cell, longest: int) -> set[tuple[int, tuple[int, ...]]]:
    """Return (input, operations) of all paths, the plain way."""
    ways: dict[int, list[tuple[int, tuple[int, ...]]]] = {0: [(0, ())], 1: [(1, ())], 2: [], 3: [], 4: [], 5: []}
    for (source, target), code in zip(EDGES, on_edges(cell[None])[0], strict=True):
        if code:
            ways[target] += [(entry, (*path, int(code) - 1)) for entry, path in ways[source]]
    return {way for node in NODES for way in ways[node] if len(way[1]) <= longest}


@pytest.mark.parametrize(("encoding", "longest"), [("path", 4), ("path_truncated", 2)])
@given(seeds)
def test_paths_are_those_that_a_plain_walk_finds(encoding, longest, seed):
    archs = drawn(seed, 3)
    width = sum(7**length for length in range(1, longest + 1))
    wanted = np.zeros((3, 4 * width))
    for row, arch in enumerate(archs):
        for half, cell in enumerate((arch[:GENES], arch[GENES:])):
            for entry, path in plain_paths(cell, longest):
                place = sum(7**length for length in range(1, len(path)))
                place += sum(code * 7**power for power, code in enumerate(reversed(path)))
                wanted[row, (2 * half + entry) * width + place] = 1.0
    assert np.array_equal(SPACE.features(archs, encoding), wanted)


def test_adjacency_tells_edges_and_their_operations():
    features = SPACE.features(SPACE.parse([DARTS_V2]), "adjacency")[0]
    there, operations = features[:14], features[14:112].reshape(14, 7)
    assert [EDGES[edge] for edge in np.flatnonzero(there)] == [
        (0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4), (0, 5), (2, 5),
    ]  # fmt: skip
    names = [OPERATIONS[code] for code in operations[there > 0].argmax(axis=1)]
    assert names == [SEP, SEP, SEP, SEP, SKIP, SEP, SKIP, DIL]
    assert operations.sum() == 8
