"""The NAS-Bench-Graph space: codecs, canonical form, edits and encodings."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data import provider
from harness.cli.describe import describe
from harness.errors import HarnessError
from harness.spaces.graph.links import LINKS, OPERATIONS, RELABELLED
from harness.spaces.graph.space import GraphSpace

SPACE = GraphSpace()
PROTEINS = provider.space("graph-proteins")
VALID = st.integers(0, 59_048).map(lambda code: SPACE.decode(np.array([code]))).filter(lambda a: SPACE.is_valid(a)[0])


def test_all_157464_raw_codings_have_the_hash_of_the_published_library() -> None:
    from nas_bench_graph.architecture import Arch, gnn_list

    assert tuple(gnn_list) == OPERATIONS
    operations = list(product(range(9), repeat=4))
    for link, (code, order) in RELABELLED.items():
        published = [Arch(list(link), [gnn_list[code] for code in codes]).valid_hash() for codes in operations]
        rows = np.array([[code, *(codes[node] for node in order)] for codes in operations], dtype=np.uint8)
        assert np.array_equal(SPACE.key(rows), published), link
    assert len(RELABELLED) * len(operations) == 157_464


def test_numbers_of_codings_and_classes_are_the_known_ones() -> None:
    facts = describe("graph")
    assert (facts["codings"], facts["valid"], facts["classes"]) == (59_049, 59_040, {"functional": 26_206})
    facts = provider.space("graph-proteins").facts()
    assert (facts["codings"], facts["valid"], facts["classes"]) == (5_625, 5_616, {"functional": 2_021})


def test_only_the_all_skip_codings_are_invalid() -> None:
    for space, skip in ((SPACE, 8), (PROTEINS, 4)):
        wrong = space.all_codings[~space.is_valid(space.all_codings)]
        assert wrong.tolist() == [[link, skip, skip, skip, skip] for link in range(9)]
    assert SPACE.is_valid(np.array([[9, 0, 0, 0, 0], [0, 0, 0, 0, 9], [8, 0, 0, 0, 0]])).tolist() == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[0,1,2,1] gcn gin fc cheb", 61237),
        ("[0,1,1,2] gcn cheb gin fc", 61327),  # the library's README takes it for the one above; it is not
        ("[0,1,1,3] gcn cheb gin fc", 61237),
        ("[0,0,0,0] gat gat gat gat", 0),
        ("0 0 0 0 gcn gat gat gat", 1),
        ("61237", 61237),
        ("0", 0),
    ],
)
def test_known_hashes(text: str, key: int) -> None:
    assert SPACE.key(SPACE.parse([text])).tolist() == [key]


def test_proteins_use_the_same_hash() -> None:
    assert PROTEINS.key(PROTEINS.parse(["[0,1,2,3] skip skip skip fc", "1111"])).tolist() == [88887, 1111]
    assert PROTEINS.format(PROTEINS.parse(["88887"])) == ["[0,1,2,3] skip skip skip fc"]
    archs = PROTEINS.sample(500, np.random.default_rng(5))
    assert np.array_equal(PROTEINS.key(archs), SPACE.key(SPACE.parse(PROTEINS.format(archs))))


@given(VALID)
def test_parse_reads_what_format_writes(arch: np.ndarray) -> None:
    assert np.array_equal(SPACE.parse(SPACE.format(arch)), arch)


@given(VALID)
def test_the_key_is_the_hash_under_which_the_canonical_coding_is_parsed(arch: np.ndarray) -> None:
    canonical = SPACE.canonical(arch)
    assert np.array_equal(SPACE.parse([str(SPACE.key(arch)[0])]), canonical)
    assert np.array_equal(SPACE.canonical(canonical), canonical)
    assert SPACE.key(canonical) == SPACE.key(arch) == SPACE.key(arch, "string")
    assert SPACE.key(arch, "exact") == SPACE.code(arch)


@given(VALID, st.integers(0, 23))
def test_relabelling_nodes_is_the_same_network(arch: np.ndarray, which: int) -> None:
    link, codes = LINKS[arch[0, 0]], arch[0, 1:]
    order = list(permutations(range(4)))[which]
    number = {0: 0} | {old + 1: new + 1 for new, old in enumerate(order)}
    renamed = [number[link[old]] for old in order]
    if all(parent <= place for place, parent in enumerate(renamed)):
        text = f"{renamed} {' '.join(OPERATIONS[codes[old]] for old in order)}"
        assert SPACE.key(SPACE.parse([text])) == SPACE.key(arch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[0,0,0] gcn gcn gcn", "must read"),
        ("[0,2,0,0] gcn gcn gcn gcn", "a node before it"),
        ("[0,0,0,0] gcn gcn gcn chebb", "Did you mean 'cheb'"),
        ("[0,1,2,3] skip skip skip skip", "other than skip"),
        ("88888", "other than skip"),
        ("912345", "five digits"),
        ("91111", "five digits"),
    ],
)
def test_parse_refuses_other_texts_and_says_why(text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        SPACE.parse([text])


def test_parse_refuses_operations_that_proteins_never_saw() -> None:
    with pytest.raises(HarnessError, match="unknown operation 'gat'"):
        PROTEINS.parse(["0"])


@pytest.mark.parametrize("space", [SPACE, PROTEINS], ids=lambda space: space.name)
def test_mutation_changes_one_gene_and_never_gives_all_skip(space: GraphSpace) -> None:
    rng = np.random.default_rng(0)
    skip = space.operations.index("skip")
    parents = np.concatenate([space.sample(20_000, rng), np.repeat([[3, skip, skip, 0, skip]], 5_000, axis=0)])
    children = space.mutate(parents, rng)
    assert ((children != parents).sum(axis=1) == 1).all()
    assert space.is_valid(children).all()
    changed = np.bincount((children != parents)[:20_000].argmax(axis=1), minlength=5)
    assert np.abs(changed - 4_000).max() < 300  # genes are drawn uniformly, whatever their number of values


@pytest.mark.parametrize("space", [SPACE, PROTEINS], ids=lambda space: space.name)
def test_neighbours_are_all_valid_single_edits_and_the_relation_is_symmetric(space: GraphSpace) -> None:
    edits = int((space.cardinalities - 1).sum())
    skip = space.operations.index("skip")
    rng = np.random.default_rng(1)
    for arch in [*space.sample(25, rng), np.array([1, skip, skip, skip, 0])]:
        around = space.neighbours(arch)
        lost = int(np.count_nonzero(arch[1:] == skip) == 3)
        assert len(np.unique(around, axis=0)) == edits - lost
        assert ((around != arch).sum(axis=1) == 1).all()
        assert space.is_valid(around).all()
        assert all((space.neighbours(other) == arch).all(axis=1).any() for other in around)


def test_samples_are_uniform_over_valid_codings() -> None:
    drawn = PROTEINS.sample(112_320, np.random.default_rng(2))
    counts = np.bincount(PROTEINS.positions(drawn), minlength=5_625)
    valid = PROTEINS.is_valid(PROTEINS.all_codings)
    assert (counts[~valid] == 0).all()
    assert 5_200 < ((counts[valid] - 20) ** 2 / 20).sum() < 6_040  # chi-square, 5,615 degrees of freedom, 4 sigma


def _naive_paths(arch: list[int], count: int) -> set[int]:
    link, codes = LINKS[arch[0]], arch[1:]
    numbering = {path: i for i, path in enumerate(p for n in (1, 2, 3, 4) for p in product(range(count), repeat=n))}
    found = set()
    for leaf in set(range(1, 5)) - set(link):
        walk, node = [], leaf
        while node:
            walk.insert(0, codes[node - 1])
            node = link[node - 1]
        found.add(numbering[tuple(walk)])
    return found


def test_path_encoding_is_the_set_of_operation_sequences_to_the_leaves() -> None:
    archs = np.concatenate([PROTEINS.sample(60, np.random.default_rng(3)), PROTEINS.all_codings[:3000:97]])
    full = PROTEINS.features(archs, "path")
    assert full.shape == (len(archs), 5 + 25 + 125 + 625)
    for arch, encoded in zip(archs.tolist(), full, strict=True):
        assert set(np.flatnonzero(encoded).tolist()) == _naive_paths(arch, 5)
    assert np.array_equal(PROTEINS.features(archs, "path_truncated"), full[:, :30])
    assert SPACE.features(archs, "path").shape == (len(archs), 7_380)


def test_adjacency_and_graph_encodings_show_the_same_wiring() -> None:
    archs = SPACE.sample(50, np.random.default_rng(4))
    nodes, labels = SPACE.graph_shape
    graphs = SPACE.features(archs, "graph")
    adjacency = graphs[:, : nodes**2].reshape(-1, nodes, nodes)
    features = graphs[:, nodes**2 :].reshape(-1, nodes, labels)
    flat = SPACE.features(archs, "adjacency")
    assert np.array_equal(flat[:, :15], adjacency[:, *np.triu_indices(6, 1)])
    assert np.array_equal(flat[:, 15:], SPACE.one_hot(archs)[:, 9:])
    assert np.array_equal(features[:, 1:-1].argmax(axis=2), archs[:, 1:] + 2)
    for arch, wired in zip(archs, adjacency, strict=True):
        assert wired[:, 1:-1].argmax(axis=0).tolist() == list(LINKS[arch[0]])
        childless = wired[1:-1, 1:-1].sum(axis=1) == 0
        assert np.array_equal(wired[1:-1, -1] == 1, childless)


def test_the_space_of_each_table_is_found_by_either_name() -> None:
    assert provider.space("graph-arxiv") is provider.space("graph")
    assert provider.space("graph-proteins").cardinalities.tolist() == [9, 5, 5, 5, 5]
    with pytest.raises(HarnessError, match="Did you mean 'graph-cora'"):
        provider.space("graph-core")
