"""The two spaces of TransNAS-Bench-101: official order, valid skeletons, texts, classes and encodings."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.four_nodes import EDGES, NONE, SKIP
from harness.spaces.transnas.macro import TransNASMacroSpace
from harness.spaces.transnas.micro import TransNASMicroSpace
from harness.testing.conformance import check_space

MICRO, MACRO = TransNASMicroSpace(), TransNASMacroSpace()
SPACES = {"micro": MICRO, "macro": MACRO}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_spaces_keep_the_rules(space: TransNASMicroSpace | TransNASMacroSpace) -> None:
    check_space(space, np.random.default_rng(0))


def test_the_official_order_is_the_known_one() -> None:
    names = MACRO.format(MACRO.official) + MICRO.format(MICRO.official)
    assert len(names) == len(set(names)) == 7_352
    assert [names[index] for index in (0, 1, 3_256)] == ["64-4111-basic", "64-2311-basic", "64-41414-0_00_000"]
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    assert digest == "fafd6a34efc97099277b5d582bb176c97a6154a9e9a03dd5701521ed74902c5e"


@pytest.mark.data
def test_the_order_and_the_valid_skeletons_are_those_of_the_shared_table(shared_data: Path) -> None:
    with np.load(shared_data / "transnasbench101.npz") as table:
        assert [name.decode() for name in table["arch"]] == MACRO.format(MACRO.official) + MICRO.format(MICRO.official)


def test_valid_skeletons_are_exactly_the_official_ones() -> None:
    valid = MACRO.all_codings[MACRO.is_valid(MACRO.all_codings)]
    assert sorted(map(tuple, valid.tolist())) == sorted(map(tuple, MACRO.official.tolist()))
    assert len(valid) == MACRO.facts()["valid"] == 3_256


def test_every_skeleton_reaches_every_other_by_mutations() -> None:
    reached = {tuple(MACRO.official[0].tolist())}
    front = list(reached)
    while front:
        around = {tuple(row) for arch in front for row in MACRO.neighbours(np.array(arch, dtype=np.uint8)).tolist()}
        front = list(around - reached)
        reached |= around
    assert len(reached) == 3_256


@pytest.mark.parametrize(
    ("space", "text", "arch"),
    [
        (MACRO, "64-1234-basic", [1, 2, 3, 4, 0, 0]),
        (MACRO, "311444", [3, 1, 1, 4, 4, 4]),
        (MICRO, "64-41414-1_02_333", [1, 0, 2, 3, 3, 3]),
        (MICRO, "3_03_122", [3, 0, 3, 1, 2, 2]),
    ],
)
def test_official_strings(space: TransNASMicroSpace, text: str, arch: list[int]) -> None:
    assert space.parse([text]).tolist() == [arch]
    assert text in space.format(np.array([arch]))[0]


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (MICRO, "64-41414-4_00_000"),
        (MICRO, "64-4111-basic"),
        (MICRO, "64-41414-000000"),
        (MACRO, "64-411-basic"),
        (MACRO, "64-4111111-basic"),
        (MACRO, "64-1111-basic"),
        (MACRO, "64-2222-basic"),
        (MACRO, "64-41414-0_00_000"),
        (MACRO, ""),
    ],
)
def test_other_strings_are_refused(space: TransNASMicroSpace, text: str) -> None:
    with pytest.raises(HarnessError, match="`architecture` must"):
        space.parse([text])


@given(st.sampled_from(sorted(SPACES)), st.integers(0, 3_255))
def test_parse_inverts_format(name: str, index: int) -> None:
    space = SPACES[name]
    arch = space.official[index : index + 1]
    assert np.array_equal(space.parse(space.format(arch)), arch)


@pytest.mark.parametrize("reducing", [False, True])
def test_functional_classes_never_join_cells_that_differ(reducing: bool) -> None:
    """Operations as fixed random functions modulo a prime, f(0) = 0, in both kinds of module.

    A skip from the input is the identity in a module that keeps the shape, and an operation of its own in one that does
    not.  Cells of one class give the same number in both.
    """
    prime = 2**31 - 1

    def operate(code: np.ndarray, source: int, value: np.ndarray) -> np.ndarray:
        mixed = (value * (value + 7919 * code) % prime) * (value + 104729 * code**2) % prime
        skipped = mixed if reducing and source == 0 else value
        return np.where(code == NONE, 0, np.where(code == SKIP, skipped, mixed))

    cells = MICRO.all_codings.astype(np.int64)
    nodes = [np.full(len(cells), 123_456_789)]
    for target in (1, 2, 3):
        terms = [
            operate(cells[:, gene], source, nodes[source]) for gene, (source, end) in enumerate(EDGES) if end == target
        ]
        nodes.append(sum(terms) % prime)
    keys = MICRO.key(MICRO.all_codings)
    classes = len(np.unique(keys))
    assert len(np.unique(np.stack([nodes[3], keys.astype(np.int64)]), axis=1).T) == classes
    if reducing:
        assert len(np.unique(nodes[3])) == classes == MICRO.facts()["classes"]["functional"]


def test_skeletons_have_no_two_codings_of_one_network() -> None:
    assert len(np.unique(MACRO.key(MACRO.official))) == 3_256


def test_paths_are_those_of_the_cell() -> None:
    features = MICRO.features(np.array([[1, 0, 2, 3, 3, 3]], dtype=np.uint8), "path")[0]
    named = [sequence for length in (1, 2, 3) for sequence in product(range(4), repeat=length)]
    found = {named[place] for place in np.flatnonzero(features)}
    assert found == {(3,), (1, 3), (0, 3), (1, 2, 3)}
