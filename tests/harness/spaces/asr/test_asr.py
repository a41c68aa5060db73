"""The NAS-Bench-ASR space: the published hash, texts and vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.asr.cells import SHAPE, ZERO, flatten
from harness.spaces.asr.keys import EMPTY, model_hash
from harness.spaces.asr.space import ASRSpace
from harness.testing.conformance import check_space

SPACE = ASRSpace()
KNOWN = "36855332a5778e0df5114305bc3ce238"
CODINGS = st.tuples(*[st.integers(0, count - 1) for count in SHAPE])


def test_the_space_keeps_the_rules() -> None:
    check_space(SPACE, np.random.default_rng(0))


def test_numbers_of_codings_and_hashes_are_the_known_ones() -> None:
    facts = SPACE.facts()
    assert (facts["codings"], facts["valid"], facts["classes"]) == (13_824, 13_824, {"functional": 8_242})
    assert len(np.unique(SPACE.key(SPACE.all_codings))) == 8_242  # 64 bits of the hash are enough


def test_the_hash_is_that_of_float_degrees() -> None:
    arch = [1, 0, 1, 0, 0, 1, 0, 0, 0]
    assert model_hash(arch) == KNOWN
    assert SPACE.hashes(np.array([arch])) == [KNOWN]
    assert SPACE.key(np.array([arch]))[0] == int(KNOWN[:16], 16)


def test_cells_through_which_nothing_flows_share_the_hash_of_nothing() -> None:
    archs = SPACE.all_codings
    empty = np.array(SPACE.hashes(archs)) == EMPTY
    dead = archs[:, [0, 2, 5]] == ZERO
    assert empty[dead.all(axis=1) & (archs[:, [1, 3, 4, 6, 7, 8]] == 0).all(axis=1)].all()
    assert not empty[archs[:, 6] == 1].any()  # the input skips to the output
    assert not empty[~dead.any(axis=1)].any()


@given(CODINGS, st.integers(0, 1), st.integers(0, 5))
def test_the_bits_at_a_dead_node_do_not_matter(arch: tuple[int, ...], bit: int, operation: int) -> None:
    """A skip over the first node goes from the input to the second; where that is zero, it leads nowhere."""
    dead = [arch[0], 0, ZERO, *arch[3:]]
    other = [arch[0], 1, ZERO, *arch[3:]]
    assert model_hash(dead) == model_hash(other)
    if model_hash(dead) != EMPTY:  # nothing joins cells of different live operations
        alive = [operation if operation != ZERO else 0, 0, 1, 0, 0, 2, bit, 0, 0]
        changed = [(alive[0] + 1) % 5, *alive[1:]]
        assert model_hash(alive) != model_hash(changed)


@given(CODINGS)
def test_parse_inverts_format_and_reads_hashes(arch: tuple[int, ...]) -> None:
    row = np.array([arch], dtype=np.uint8)
    text = SPACE.format(row)[0]
    assert json.loads(text) == [list(arch[0:2]), list(arch[2:5]), list(arch[5:9])]
    assert np.array_equal(SPACE.parse([text]), row)
    by_hash = SPACE.parse(SPACE.hashes(row))
    assert SPACE.key(by_hash) == SPACE.key(row)


@pytest.mark.parametrize(
    "text", ["", "[[1,0],[1,0,0]]", "[[6,0],[1,0,0],[1,0,0,0]]", "[[1,2],[1,0,0],[1,0,0,0]]", "0" * 32, "[1, 2]"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="`architecture` must read"):
        SPACE.parse([text])


@pytest.mark.parametrize("vector", [None, 3, [[1, 0], 1, 2], [[True, 0], [1, 0, 0], [1, 0, 0, 0]], [["1", 0]]])
def test_other_vectors_are_refused(vector: object) -> None:
    with pytest.raises(HarnessError, match="`architecture` must read"):
        flatten(vector)
