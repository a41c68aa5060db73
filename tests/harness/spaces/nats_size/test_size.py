"""The size space of NATS-Bench: order, strings, and costs in closed form."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.spaces.nats_size.costs import cost
from harness.spaces.nats_size.space import SizeSpace
from harness.testing.conformance import check_space

SPACE = SizeSpace()


def test_it_keeps_the_rules_of_every_space() -> None:
    assert check_space(SPACE, np.random.default_rng(0)), "it names the rules that hold, and raises where one does not"


def test_the_number_of_a_coding_is_the_official_index() -> None:
    # known_answers, section 1.1
    named = {0: "8:8:8:8:8", 1: "8:8:8:8:16", 11: "8:8:8:16:32", 12: "8:8:8:16:40", 32767: "64:64:64:64:64"}
    for index, text in named.items():
        assert SPACE.code(SPACE.parse([text])).tolist() == [index]
    texts = SPACE.format(SPACE.all_codings)
    assert hashlib.sha256("\n".join(texts).encode()).hexdigest().startswith("8b99b4c0aabe959924c6fb36c0ee4a3f")
    np.testing.assert_array_equal(SPACE.parse(texts), SPACE.all_codings)


@pytest.mark.parametrize(
    ("text", "classes", "image_size", "expected"),
    [
        # known_answers, section 1.4
        ("8:8:8:8:8", 10, 32, (11_714, 4_481_114)),
        ("8:8:8:16:32", 10, 32, (49_202, 6_840_650)),
        ("8:8:8:16:40", 10, 32, (67_378, 7_991_706)),
        ("8:24:32:24:24", 10, 32, (92_434, 18_284_794)),
        ("64:64:64:64:64", 10, 32, (713_674, 274_399_882)),
        ("8:8:8:8:8", 100, 32, (12_524, 4_481_924)),
        ("8:8:8:16:32", 100, 32, (52_172, 6_843_620)),
        ("8:8:8:8:8", 120, 16, (12_704, 1_121_336)),
        ("8:8:8:16:32", 120, 16, (52_832, 1_714_040)),
    ],
)
def test_costs_are_those_of_official_records(
    text: str, classes: int, image_size: int, expected: tuple[int, int]
) -> None:
    counts = cost(SPACE.parse([text]), classes=classes, shape=(3, image_size, image_size))
    assert (counts.params.tolist(), counts.macs.tolist()) == ([expected[0]], [expected[1]])


@pytest.mark.parametrize("text", ["8:8:8:8", "8:8:8:8:9", "8:8:8:8:72", "8:8:8:8:8:8", "", "a"])
def test_texts_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="read 'w:w:w:w:w'"):
        SPACE.parse([text])


def test_encodings() -> None:
    archs = SPACE.parse(["8:64:16:8:8"])
    assert SPACE.features(archs, "widths").tolist() == [[0.0, 1.0, 1 / 7, 0.0, 0.0]]
    assert SPACE.features(archs, "one_hot").shape == (1, 40)
