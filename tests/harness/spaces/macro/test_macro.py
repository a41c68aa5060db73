"""The NAS-Bench-Macro space: classes, texts, and costs in closed form."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.macro.costs import STAGES, macs, params
from harness.spaces.macro.space import MacroSpace
from harness.testing.conformance import check_space

SPACE = MacroSpace()


def test_the_space_keeps_the_rules() -> None:
    check_space(SPACE, np.random.default_rng(0))


def test_numbers_of_codings_and_classes_are_the_known_ones() -> None:
    facts = SPACE.facts()
    assert (facts["codings"], facts["valid"], facts["classes"]) == (6_561, 6_561, {"functional": 3_969})


def test_functional_classes_are_those_of_the_layers_that_are_there() -> None:
    """Two networks are the same exactly if each stage begins alike and its other layers are the same sequence."""

    def layers(arch: tuple[int, ...]) -> tuple[object, ...]:
        starts = np.cumsum((0, *STAGES[:-1]))
        return tuple(
            (arch[start], *(op for op in arch[start + 1 : start + count] if op))
            for start, count in zip(starts, STAGES, strict=True)
        )

    classes: dict[object, set[int]] = {}
    keys = SPACE.key(SPACE.all_codings)
    for arch, key in zip(product(range(3), repeat=8), keys.tolist(), strict=True):
        classes.setdefault(layers(arch), set()).add(key)
    assert len(classes) == len(set.union(*classes.values())) == 3_969
    assert all(len(found) == 1 for found in classes.values())


@pytest.mark.parametrize(
    ("text", "size", "work"),
    [
        ("00000000", 387_882, 7_713_280),
        ("11111111", 1_588_874, 53_246_464),
        ("22222222", 2_932_586, 105_660_928),
        ("22212220", 1_985_514, 85_164_544),
    ],
)
def test_costs_in_closed_form(text: str, size: int, work: int) -> None:
    arch = SPACE.parse([text])
    assert (params(arch)[0], macs(arch)[0]) == (size, work)


def test_there_are_2916_pairs_of_costs() -> None:
    pairs = np.stack([params(SPACE.all_codings), macs(SPACE.all_codings)], axis=1)
    assert len(np.unique(pairs, axis=0)) == 2_916


@given(st.text("0123", min_size=0, max_size=9))
def test_a_text_is_a_network_or_refused(text: str) -> None:
    if len(text) == 8 and "3" not in text:
        assert SPACE.format(SPACE.parse([text])) == [text]
    else:
        with pytest.raises(HarnessError, match="must be 8 digits"):
            SPACE.parse([text])
