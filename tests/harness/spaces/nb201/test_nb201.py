"""The NAS-Bench-201 space: codecs, identities, edits, encodings and closed-form costs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.describe import describe
from harness.errors import HarnessError
from harness.spaces.four_nodes import EDGES, NONE, PATHS, SKIP, functional_text
from harness.spaces.nb201.costs import cost
from harness.spaces.nb201.keys import unique_string
from harness.spaces.nb201.operations import CODINGS, OPERATIONS
from harness.spaces.nb201.space import NB201Space

SPACE = NB201Space()
CELLS = st.tuples(*[st.integers(0, 4)] * 6)
TSS_0, TSS_11, TSS_284, TSS_1462 = (4, 2, 1, 2, 1, 1), (3, 3, 4, 0, 3, 4), (1, 1, 1, 0, 2, 0), (3,) * 6


def rows(*cells: tuple[int, ...]) -> np.ndarray:
    return np.array(cells, dtype=np.uint8)


@pytest.mark.parametrize(("identity", "classes"), [("exact", 15_625), ("string", 6_466), ("functional", 4_930)])
def test_numbers_of_classes_are_the_known_ones(identity: str, classes: int) -> None:
    assert len(np.unique(SPACE.key(SPACE.all_codings, identity))) == classes


def test_the_341_cells_of_constant_zero_are_one_functional_class() -> None:
    keys = SPACE.key(SPACE.all_codings)
    zero = [functional_text(cell, OPERATIONS) == "" for cell in SPACE.all_codings.tolist()]
    assert sum(zero) == 341
    assert np.array_equal(keys == keys[0], zero)


def test_unique_string_of_the_first_official_cell() -> None:
    expected = "(0)@avg_pool_3x3+(0)@avg_pool_3x3+(0)@nor_conv_1x1+(0)@nor_conv_1x1"
    assert unique_string(TSS_0) == expected


def test_functional_classes_are_those_of_generic_operations_on_numbers() -> None:
    """Operations as fixed random functions modulo a prime, f(0) = 0: equal outputs exactly in a functional class."""
    prime = 2**31 - 1

    def operate(code: np.ndarray, value: np.ndarray) -> np.ndarray:
        mixed = (value * (value + 7919 * code) % prime) * (value + 104729 * code**2) % prime
        return np.where(code == NONE, 0, np.where(code == SKIP, value, mixed))

    cells = SPACE.all_codings.astype(np.int64)
    nodes = [np.full(len(cells), 123_456_789)]
    for target in (1, 2, 3):
        terms = [operate(cells[:, gene], nodes[source]) for gene, (source, end) in enumerate(EDGES) if end == target]
        nodes.append(sum(terms) % prime)
    keys = SPACE.key(SPACE.all_codings)
    assert len(np.unique(nodes[3])) == len(np.unique(keys)) == len(np.unique(nodes[3] * (2**20) + keys.astype(int)))


def test_identities_refine_each_other_and_keys_are_representatives() -> None:
    exact, string, functional = (SPACE.key(SPACE.all_codings, name) for name in ("exact", "string", "functional"))
    for coarse, fine in ((functional, string), (string, exact)):
        assert len(np.unique(fine)) == len(np.unique(np.stack([coarse, fine]), axis=1).T)
    assert np.array_equal(SPACE.key(SPACE.decode(functional)), functional)
    assert np.array_equal(SPACE.key(SPACE.decode(string), "string"), string)
    assert functional.dtype == np.uint64


@given(CELLS)
def test_trading_places_of_the_inner_nodes_is_the_same_cell(cell: tuple[int, ...]) -> None:
    a, b, _, d, e, f = cell
    first, second = SPACE.key(rows((a, b, NONE, d, e, f), (b, a, NONE, d, f, e)))
    assert first == second


@given(CELLS)
def test_parse_reads_what_format_writes(cell: tuple[int, ...]) -> None:
    assert np.array_equal(SPACE.parse(SPACE.format(rows(cell))), rows(cell))


def test_official_strings_both_ways() -> None:
    texts = [
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
    ]
    assert SPACE.parse(texts).tolist() == [list(TSS_0), list(TSS_11)]
    assert SPACE.format(rows(TSS_0, TSS_11)) == texts
    assert SPACE.parse([]).shape == (0, 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|+|none~0|none~1|", "must read"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "must read"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x4~2|", "Did you mean 'nor_conv_3x3'"),
    ],
)
def test_parse_refuses_other_texts_and_says_why(text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        SPACE.parse([text])


def test_mutation_changes_one_gene_and_every_edit_is_as_likely() -> None:
    parents = np.repeat(rows(TSS_11), 24_000, axis=0)
    children = SPACE.mutate(parents, np.random.default_rng(0))
    assert ((children != parents).sum(axis=1) == 1).all()
    _, counts = np.unique(SPACE.code(children), return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 60  # chi-square with 23 degrees of freedom: p = 4e-5
    assert np.array_equal(parents, np.repeat(rows(TSS_11), 24_000, axis=0))


@given(CELLS)
def test_neighbours_are_the_24_single_edits_and_the_relation_is_symmetric(cell: tuple[int, ...]) -> None:
    around = SPACE.neighbours(rows(cell)[0])
    assert len(np.unique(around, axis=0)) == 24
    assert ((around != rows(cell)).sum(axis=1) == 1).all()
    assert SPACE.is_valid(around).all()
    assert all((SPACE.neighbours(other) == rows(cell)).all(axis=1).any() for other in around)


def test_samples_are_uniform_and_belong_to_the_generator() -> None:
    drawn = SPACE.sample(50_000, np.random.default_rng(1))
    counts = np.stack([np.bincount(gene, minlength=5) for gene in drawn.T])
    assert drawn.dtype == np.uint8
    assert np.abs(counts - 10_000).max() < 450
    assert np.array_equal(drawn, SPACE.sample(50_000, np.random.default_rng(1)))
    assert len(SPACE.sample(0, np.random.default_rng(1))) == 0


def test_codes_count_every_cell_once() -> None:
    assert np.array_equal(SPACE.code(SPACE.all_codings), np.arange(CODINGS))
    assert np.array_equal(SPACE.positions(SPACE.all_codings), np.arange(CODINGS))


def _naive_paths(cell: tuple[int, ...]) -> set[int]:
    numbering = [path for length in (1, 2, 3) for path in product(range(5), repeat=length)]
    walks = [tuple(cell[edge] for edge in path) for path in PATHS]
    return {numbering.index(walk) for walk in walks}


@given(CELLS)
def test_path_encoding_is_the_set_of_operation_sequences(cell: tuple[int, ...]) -> None:
    full = SPACE.features(rows(cell), "path")[0]
    assert set(np.flatnonzero(full).tolist()) == _naive_paths(cell)
    assert set(np.unique(full)) <= {0.0, 1.0}
    assert np.array_equal(SPACE.features(rows(cell), "path_truncated")[0], full[:30])


@given(CELLS)
def test_adjacency_encoding_names_edges_then_operations(cell: tuple[int, ...]) -> None:
    encoded = SPACE.features(rows(cell), "adjacency")[0]
    assert encoded[:6].tolist() == [float(code != NONE) for code in cell]
    for edge, code in enumerate(cell):
        assert encoded[6 + 4 * edge : 10 + 4 * edge].tolist() == [float(code == other) for other in range(1, 5)]


@given(CELLS)
def test_graph_encoding_leads_from_input_to_output_exactly_where_a_path_exists(cell: tuple[int, ...]) -> None:
    nodes, labels = SPACE.graph_shape
    encoded = SPACE.features(rows(cell), "graph")[0]
    adjacency, features = encoded[: nodes**2].reshape(nodes, nodes), encoded[nodes**2 :].reshape(nodes, labels)
    walks = sum(np.linalg.matrix_power(adjacency, length)[0, -1] for length in range(2, 5))
    assert walks == sum(all(cell[edge] != NONE for edge in path) for path in PATHS)
    assert np.array_equal(adjacency, np.triu(adjacency, 1))
    assert features.argmax(axis=1).tolist() == [0, *(2 + code for code in cell), 1]
    assert (features.sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("cell", "size", "cifar10", "cifar100", "imagenet16"),
    [
        (TSS_0, 129_306, 15_647_370, 15_653_220, 3_919_480),
        (TSS_11, 802_426, 113_951_370, 113_957_220, 28_495_480),
        (TSS_284, 101_306, 11_715_210, 11_721_060, 2_936_440),
        (TSS_1462, 1_531_546, 220_119_690, 220_125_540, 55_037_560),
        ((3, 3, 3, 1, 1, 1), 802_426, 113_951_370, 113_957_220, 28_495_480),
        ((0,) * 6, 73_306, 7_783_050, 7_788_900, 1_953_400),
        ((1,) * 6, 73_306, 7_783_050, 7_788_900, 1_953_400),
    ],
)
def test_costs_in_closed_form(cell: tuple[int, ...], size: int, cifar10: int, cifar100: int, imagenet16: int) -> None:
    arch = rows(cell)
    data = ((10, 32), (100, 32), (120, 16))
    counts = [cost(arch, classes=classes, shape=(3, side, side)) for classes, side in data]
    assert [count.params.tolist() for count in counts] == [[size], [size + 5_850], [size + 7_150]]
    assert [count.macs.tolist() for count in counts] == [[cifar10], [cifar100], [imagenet16]]


@given(CELLS)
def test_costs_of_the_micro_network_follow_the_number_of_convolutions(cell: tuple[int, ...]) -> None:
    convs_3x3, convs_1x1 = cell.count(3), cell.count(2)
    counts = cost(rows(cell), classes=10, shape=(1, 1, 40), channels=8, cells=1, reduction="pool")
    assert counts.params.tolist() == [1_170 + 4_144 * convs_3x3 + 1_456 * convs_1x1]
    assert counts.macs.tolist() == [8_970 + 53_760 * convs_3x3 + 17_920 * convs_1x1]


def test_facts_say_what_the_space_is() -> None:
    facts = describe("nb201")
    assert facts["classes"] == {"functional": 4_930, "string": 6_466}
    assert facts["encodings"] == {
        "one_hot": 30,
        "adjacency": 30,
        "path": 155,
        "path_truncated": 30,
        "graph": 120,
        "graf": 191,
    }
    assert facts["operations"] == list(OPERATIONS)
    assert {"nb201-cifar10", "nb201-cifar100", "nb201-imagenet16", "micro-mnist1d"} <= set(facts["benchmarks"])


def test_cells_are_read_as_the_official_code_and_naslib_write_them():
    space = NB201Space()
    archs = space.sample(20, np.random.default_rng(0))
    for arch, text in zip(archs, space.format(archs), strict=True):
        names = [OPERATIONS[code] for code in arch]
        nodes = [((names[0], 0),), ((names[1], 0), (names[2], 1)), ((names[3], 0), (names[4], 1), (names[5], 2))]
        turned = [list(reversed(node)) for node in nodes]
        numbers = {"skip_connect": 0, "none": 1, "nor_conv_3x3": 2, "nor_conv_1x1": 3, "avg_pool_3x3": 4}
        key = tuple(numbers[names[gene]] for gene in (0, 1, 3, 2, 4, 5))
        for form in (text, f"Structure(4 nodes with {text})", str(nodes), str(tuple(nodes)), str(turned), str(key)):
            assert space.parse([form]).tolist() == [arch.tolist()]
    assert space.notation(str(key)).startswith("tuples of NASLib")
    assert space.notation(str(nodes)) == space.notation(text) == ""
    for broken in (
        str(list(key)),
        str(key[:5]),
        str((*key[:5], 5)),
        str((*key[:5], True)),
        str(nodes[:2]),
        str([nodes[0], nodes[1], (*nodes[2][:2], nodes[2][0])]),
        str([nodes[0], nodes[1], nodes[2][:2]]),
        "(1, 2, 3)",
        str(nodes).replace("none", "null").replace("skip", "scip").replace("nor_", "nr_").replace("avg", "max"),
    ):
        with pytest.raises(HarnessError):
            space.parse([broken])
