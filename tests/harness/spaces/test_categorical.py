"""The space of a table of one's own: a grid of named choices, written, read and made again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.space import SearchSpace
from harness.spaces.categorical import CategoricalSpace, from_definition
from harness.testing.conformance import check_space

genes = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True),
    st.lists(
        st.from_regex(r"[a-z0-9.+-][a-z0-9 .+-]{0,4}[a-z0-9.+-]", fullmatch=True), min_size=1, max_size=5, unique=True
    ),
    min_size=1,
    max_size=5,
)


@given(genes, st.integers(0, 2**32 - 1))
def test_a_space_of_any_genes_is_written_read_and_made_again(values, seed):
    space = CategoricalSpace("any", values)
    archs = space.sample(10, np.random.default_rng(seed))
    assert np.array_equal(space.parse(space.format(archs)), archs)
    again = from_definition(json.loads(space.definition()))
    assert again.format(archs) == space.format(archs)
    assert again.definition() == space.definition()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kernel=3", "name each of kernel, pool once"),
        ("kernel=3, pool=max, pool=avg", "name each of kernel, pool once"),
        ("kernel=4, pool=max", "unknown value of kernel '4'"),
        ("nonsense", "name each of kernel, pool once"),
    ],
)
def test_texts_that_are_no_architecture_are_refused(text, message):
    with pytest.raises(HarnessError, match=message):
        CategoricalSpace("grid", {"kernel": ["3", "5"], "pool": ["max", "avg"]}).parse([text])


def test_numbers_that_are_equal_are_the_same_value():
    space = CategoricalSpace("grid", {"rate": ["0.1", "1"]})
    assert space.parse(["rate=1.0", "rate=1e-1"]).tolist() == [[1], [0]]


def test_an_edit_of_an_ordinal_gene_goes_to_the_next_value():
    space = CategoricalSpace("grid", {"depth": ["1", "2", "4", "8"], "pool": ["max", "avg", "none"]}, ordinal=["depth"])
    check_space(space, np.random.default_rng(0))
    assert space.neighbours(np.array([1, 0])).tolist() == [[2, 0], [0, 0], [1, 1], [1, 2]]
    assert space.neighbours(np.array([0, 0])).tolist() == [[1, 0], [0, 1], [0, 2]]
    children = space.mutate(np.tile(np.array([[1, 0]], dtype=np.uint8), (4000, 1)), np.random.default_rng(0))
    counts = {
        tuple(child): count for child, count in zip(*np.unique(children, axis=0, return_counts=True), strict=True)
    }
    assert sorted(counts) == [(0, 0), (1, 1), (1, 2), (2, 0)]
    assert all(abs(count - 1000) < 120 for count in counts.values())
    ends = space.mutate(np.array([[0, 0], [3, 0]] * 500, dtype=np.uint8), np.random.default_rng(0))
    assert {*map(tuple, ends[::2].tolist())} == {(1, 0), (0, 1), (0, 2)}
    assert {*map(tuple, ends[1::2].tolist())} == {(2, 0), (3, 1), (3, 2)}
    assert space.features(np.array([[3, 1]]), "ordinal").tolist() == [[1.0, 0.0, 1.0, 0.0]]
    again = from_definition(json.loads(space.definition()))
    assert (again.ordinal, again.encodings) == (("depth",), ("one_hot", "ordinal"))
    assert "depth: 1, 2, 4, 8 (ordinal)" in again.description


def test_a_plain_grid_keeps_its_definition_and_its_edits():
    plain = CategoricalSpace("grid", {"depth": ["1", "2"], "pool": ["max", "avg"]})
    genes = '{"depth": ["1", "2"], "pool": ["max", "avg"]}'
    assert plain.definition() == f'{{"kind": "categorical", "name": "grid", "genes": {genes}}}'
    assert plain.encodings == ("one_hot",)
    archs = plain.sample(50, np.random.default_rng(0))
    wanted = SearchSpace.mutate(plain, archs, np.random.default_rng(1))
    assert np.array_equal(plain.mutate(archs, np.random.default_rng(1)), wanted)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"ordinal": ["width"]}, "unknown gene 'width'"),
        ({"inactive": {"depth": "none"}}, "unknown value of depth 'none'"),
        ({"inactive": {"width": "1"}}, "unknown gene 'width'"),
    ],
)
def test_what_is_said_of_genes_must_be_about_them(more, message):
    with pytest.raises(HarnessError, match=message):
        CategoricalSpace("grid", {"depth": ["1", "2"]}, **more)
