from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checks import Archs
from harness.errors import HarnessError
from harness.space import SearchSpace


class Plain(SearchSpace):
    """Independent genes, written as digits."""

    def format(self, archs: Archs) -> list[str]:
        return ["-".join(map(str, row)) for row in archs.tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        return np.array([[int(part) for part in text.split("-")] for text in texts], dtype=self.dtype)


cardinality_lists = st.lists(st.integers(1, 9), min_size=1, max_size=6).filter(lambda counts: max(counts) > 1)


@given(cardinality_lists, st.integers(0, 2**32))
def test_samples_are_valid_and_coding_is_a_bijection(counts, seed):
    space = Plain("plain", counts)
    archs = space.sample(40, np.random.default_rng(seed))
    assert archs.shape == (40, len(counts))
    assert space.is_valid(archs).all()
    assert np.array_equal(space.decode(space.code(archs)), archs)
    assert np.array_equal(space.parse(space.format(archs)), archs)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_codes_number_the_whole_space(counts):
    space = Plain("plain", counts)
    total = int(np.prod(counts))
    every = space.decode(np.arange(total, dtype=np.uint64))
    assert np.array_equal(space.code(every), np.arange(total))
    assert len({tuple(row) for row in every.tolist()}) == total
    assert space.is_valid(every).all()


@given(cardinality_lists, st.integers(0, 2**32))
def test_a_mutation_changes_one_gene_and_leaves_the_parent(counts, seed):
    space = Plain("plain", counts)
    rng = np.random.default_rng(seed)
    parents = space.sample(30, rng)
    kept = parents.copy()
    children = space.mutate(parents, rng)
    assert np.array_equal((children != parents).sum(axis=1), np.ones(30))
    assert space.is_valid(children).all()
    assert np.array_equal(parents, kept)


@given(cardinality_lists, st.integers(0, 2**32))
def test_a_child_has_every_gene_from_a_parent(counts, seed):
    space = Plain("plain", counts)
    rng = np.random.default_rng(seed)
    a, b = space.sample(30, rng), space.sample(30, rng)
    children = space.crossover(a, b, rng)
    assert children.dtype == space.dtype
    assert ((children == a) | (children == b)).all()
    assert np.array_equal(space.crossover(a, a, rng), a)


def test_each_gene_comes_from_either_parent_with_one_half():
    """Chi-square over the 8 children of two parents that differ in 3 genes, below the 99.9 % point of 7 degrees."""
    space = Plain("plain", [2, 3, 4])
    a, b = (np.full((8000, 3), value, dtype=np.uint8) for value in (0, 1))
    _, counts = np.unique(space.code(space.crossover(a, b, np.random.default_rng(0))), return_counts=True)
    assert len(counts) == 8
    assert np.sum((counts - 1000) ** 2 / 1000) < 24.3


def test_genes_that_are_exchanged_as_one_come_from_one_parent():
    space = Plain("pairs", [5] * 4, exchanged=[0, 0, 1, 1])
    a, b = (np.full((400, 4), value, dtype=np.uint8) for value in (1, 3))
    drawn = {tuple(child) for child in space.crossover(a, b, np.random.default_rng(0)).tolist()}
    assert drawn == {(1, 1, 1, 1), (1, 1, 3, 3), (3, 3, 1, 1), (3, 3, 3, 3)}


def test_a_pair_without_a_valid_child_gives_a_copy_of_the_first():
    class Twins(Plain):
        """Both genes are equal in a valid row, but for the first and last value, which are parents of none."""

        def is_valid(self, archs: Archs) -> np.ndarray:
            return np.asarray(archs)[:, 0] == np.asarray(archs)[:, 1]

    space = Twins("twins", [4] * 2)
    a, b = np.zeros((500, 2), dtype=np.uint8), np.full((500, 2), 3, dtype=np.uint8)
    assert {tuple(child) for child in space.crossover(a, b, np.random.default_rng(0)).tolist()} == {(0, 0), (3, 3)}
    space.is_valid = lambda archs: np.zeros(len(archs), dtype=bool)  # type: ignore[method-assign]
    assert np.array_equal(space.crossover(a, b, np.random.default_rng(0)), a)


def test_parents_of_another_shape_are_refused():
    space = Plain("plain", [3, 2])
    with pytest.raises(HarnessError, match="as many rows as `a`, 1, got 2"):
        space.crossover(np.zeros((1, 2), dtype=np.uint8), np.zeros((2, 2), dtype=np.uint8), np.random.default_rng(0))
    with pytest.raises(HarnessError, match=r"shape \(n, 2\)"):
        space.crossover(np.zeros((1, 2), dtype=np.uint8), np.zeros((1, 3), dtype=np.uint8), np.random.default_rng(0))


def test_a_mutation_by_node_draws_nodes_uniformly_then_their_genes():
    """Gene 0 is alone in its node, gene 4 has one value, so genes 1, 2, 3 have 1/3 of 1/2: 99.9 % points."""
    space = Plain("plain", [3, 2, 2, 2, 1], nodes=[7, 2, 2, 2, 9])
    parents = np.zeros((12_000, 5), dtype=np.uint8)
    children = space.mutate(parents, np.random.default_rng(0), by="node")
    assert ((children != parents).sum(axis=1) == 1).all()
    changed = np.bincount((children != parents).argmax(axis=1), minlength=5)
    expected = np.array([6000, 2000, 2000, 2000])
    assert changed[4] == 0
    assert np.sum((changed[:4] - expected) ** 2 / expected) < 16.3
    assert np.array_equal(np.bincount(children[:, 0]) > 0, [True, True, True])


def test_by_node_is_by_gene_where_every_gene_is_a_node():
    space = Plain("plain", [3, 2, 4])
    archs = space.sample(50, np.random.default_rng(0))
    alike = [space.mutate(archs, np.random.default_rng(1), by=by) for by in ("gene", "node")]
    assert np.array_equal(*alike)
    with pytest.raises(HarnessError, match="`by` must be one of 'gene', 'node'"):
        space.mutate(archs, np.random.default_rng(1), by="cell")


def test_kinds_and_nodes_that_are_none_are_refused():
    with pytest.raises(HarnessError, match="'categorical', 'ordinal'"):
        Plain("plain", [3, 2], kinds=["ordinal", "cardinal"])
    with pytest.raises(HarnessError, match="one for each of 2 genes"):
        Plain("plain", [3, 2], kinds=["ordinal"])
    with pytest.raises(HarnessError, match="`nodes` must have a number"):
        Plain("plain", [3, 2], nodes=[1])
    with pytest.raises(HarnessError, match="one architecture"):
        Plain("plain", [1, 1], nodes=[0, 0]).mutate(
            np.zeros((1, 2), dtype=np.uint8), np.random.default_rng(0), by="node"
        )
    assert Plain("plain", [3, 2]).gene_kinds == ("categorical", "categorical")
    assert Plain("plain", [3, 2]).gene_nodes.tolist() == [0, 1]


@given(cardinality_lists, st.integers(0, 2**32))
def test_neighbours_are_all_single_changes_once(counts, seed):
    space = Plain("plain", counts)
    arch = space.sample(1, np.random.default_rng(seed))[0]
    around = space.neighbours(arch)
    assert len(around) == sum(count - 1 for count in counts)
    assert np.array_equal((around != arch).sum(axis=1), np.ones(len(around)))
    assert len(np.unique(space.key(around))) == len(around)
    assert space.is_valid(around).all()


def test_mutation_is_uniform_over_the_neighbours_of_equal_genes():
    """Chi-square over 24 neighbours (six genes of five values), below the 99.9 % point of 23 degrees of freedom."""
    space = Plain("six of five", [5] * 6)
    arch = np.zeros((1, 6), dtype=np.uint8)
    children = space.mutate(np.repeat(arch, 24_000, axis=0), np.random.default_rng(0))
    _, counts = np.unique(space.code(children), return_counts=True)
    assert len(counts) == 24
    assert np.sum((counts - 1000) ** 2 / 1000) < 49.7


@given(cardinality_lists, st.integers(0, 2**32))
def test_one_hot_has_one_one_for_each_gene(counts, seed):
    space = Plain("plain", counts)
    archs = space.sample(10, np.random.default_rng(seed))
    features = space.features(archs, "one_hot")
    assert features.shape == (10, sum(counts))
    blocks = np.split(features, np.cumsum(counts)[:-1], axis=1)
    assert np.array_equal(np.stack([block.argmax(axis=1) for block in blocks], axis=1), archs)
    assert np.array_equal(features.sum(axis=1), np.full(10, len(counts)))


@given(cardinality_lists, st.integers(0, 2**32), st.permutations(range(12)))
def test_rows_are_treated_alike_in_any_order(counts, seed, order):
    space = Plain("plain", counts)
    archs = space.sample(12, np.random.default_rng(seed))
    assert np.array_equal(space.key(archs)[order], space.key(archs[order]))
    assert np.array_equal(space.one_hot(archs)[order], space.one_hot(archs[order]))


def test_what_lies_outside_is_invalid():
    space = Plain("plain", [3, 2])
    assert space.is_valid(np.array([[2, 1], [3, 0], [0, 2], [-1, 0]])).tolist() == [True, False, False, False]


def test_wide_genes_get_a_wider_type():
    assert Plain("rows", [256]).dtype == np.uint8
    assert Plain("rows", [257]).dtype == np.uint16


def test_what_a_space_shows_cannot_be_changed():
    space = Plain("plain", [3, 2])
    with pytest.raises(ValueError, match="read-only"):
        space.cardinalities[0] = 9


@pytest.mark.parametrize("counts", [[], [0], [3, -1]])
def test_a_space_without_values_is_refused(counts):
    with pytest.raises(HarnessError, match="positive integers"):
        Plain("plain", counts)


def test_codings_that_no_number_can_index_have_hashes():
    numbered, hashed = Plain("plain", [256] * 7 + [255]), Plain("plain", [256] * 8)
    assert numbered.is_numbered
    assert not hashed.is_numbered
    archs = hashed.sample(5000, np.random.default_rng(0))
    archs[1:9] = archs[0]
    archs[np.arange(1, 9), np.arange(8)] ^= 1
    for rows in (archs, archs[::-1]):
        codes = hashed.code(rows)
        assert codes.dtype == np.uint64
        assert len(np.unique(codes)) == len(rows)
    assert np.array_equal(hashed.code(archs[3:4]), hashed.code(archs)[3:4])
    with pytest.raises(HarnessError, match="2\\*\\*64 codings or more, and they have no numbers"):
        hashed.decode(hashed.code(archs))


def test_unknown_encodings_and_identities_name_the_known_ones():
    space = Plain("plain", [3, 2])
    archs = np.zeros((1, 2), dtype=np.uint8)
    with pytest.raises(HarnessError, match="`encoding` must be one of 'one_hot'"):
        space.features(archs, "path")
    with pytest.raises(HarnessError, match="'functional', 'string', 'exact'"):
        space.key(archs, "isomorphic")


def test_a_space_that_neither_reads_nor_encodes_says_what_to_define():
    class Mute(SearchSpace):
        encodings = ("one_hot", "path")

        def format(self, archs: Archs) -> list[str]:
            return [""] * len(archs)

    space = Mute("mute", [3, 2])
    with pytest.raises(NotImplementedError, match="Mute must define parse or _genes"):
        space.parse(["0-0"])
    with pytest.raises(NotImplementedError, match="Mute must define _features for 'path'"):
        space.features(np.zeros((1, 2), dtype=np.uint8), "path")


def test_facts_count_the_space():
    facts = Plain("plain", [3, 2]).facts()
    assert (facts["genes"], facts["codings"], facts["encodings"]) == (2, 6, {"one_hot": 5})
