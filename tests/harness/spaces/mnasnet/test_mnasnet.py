"""The MnasNet-like space: both forms of a network, and values that are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.mnasnet.space import VALUES, VARIABLES, MnasNetSpace, genes
from harness.testing.conformance import check_space

SPACE = MnasNetSpace()


def test_the_space_keeps_the_rules() -> None:
    check_space(SPACE, np.random.default_rng(0))
    assert SPACE.facts()["codings"] == 36**6 * 48


@given(st.integers(0, 2**32))
def test_both_forms_of_a_network_are_read(seed: int) -> None:
    arch = SPACE.sample(1, np.random.default_rng(seed))
    variables = {name: VALUES[name][code] for name, code in zip(VARIABLES, arch[0].tolist(), strict=True)}
    assert np.array_equal(SPACE.parse(SPACE.format(arch)), arch)
    assert np.array_equal(SPACE.parse([json.dumps(variables)]), arch)
    assert genes(variables) == arch[0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e6k3l1",
        " ".join(["e6k3l1"] * 8),
        " ".join(["e2k3l1"] * 7),
        " ".join(["e6k3l4"] * 7),
        " ".join(["e6k3l1sx"] * 7),
        "{",
        "{}",
        '{"block0_e": 1}',
        "[1]",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="must"):
        SPACE.parse([text])


@pytest.mark.parametrize(("name", "value"), [("block0_e", True), ("block0_e", 2), ("block1_se", 1), ("block4_l", 4)])
def test_values_of_another_kind_are_refused(name: str, value: object) -> None:
    variables = {gene: values[0] for gene, values in VALUES.items()} | {name: value}
    with pytest.raises(HarnessError, match=f"`{name}` must be one of"):
        genes(variables)


def test_block_5_alone_may_have_four_layers() -> None:
    arch = SPACE.parse(["e1k3l1 e1k3l1 e1k3l1 e1k3l1 e1k3l1 e6k5l4se e1k3l1"])
    assert arch[0, 20:24].tolist() == [2, 1, 3, 1]
