"""The space of a table of one's own: a grid of named choices, written, read and made again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.categorical import CategoricalSpace, from_definition

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
