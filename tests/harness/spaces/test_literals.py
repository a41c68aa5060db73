"""Literals in texts: what is too long, too deep or no literal is refused, and nothing is executed."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.literals import MAX_LENGTH, data, literal

HOSTILE = (
    "[" * 100_000,
    "(" * 90 + ")" * 90,
    "-" * 50_000 + "1",
    "9" * 5000,
    "x" + " " * (MAX_LENGTH + 1),
    "__import__('os').system('true')",
    "[x for x in range(10**9)]",
    "10**10**10",
    "'a' * 10**9",
    "\x00",
    "{[]: 1}",
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("read", [literal, data])
def test_what_is_no_literal_within_the_limits_is_refused(read, text):
    with pytest.raises(HarnessError, match="must be a tuple") as caught:
        read(text, "be a tuple")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", [name for name in named.SPACES if not name.startswith("bags")])
def test_no_space_breaks_on_them(name, text):
    with pytest.raises(HarnessError):
        named.space(name).parse([text])


def test_data_are_json_or_what_python_writes():
    assert data('{"a": [true, null]}', "be data") == {"a": [True, None]}
    assert data("{'a': (True, None)}", "be data") == {"a": (True, None)}


def test_cells_of_nas_bench_101_are_read_in_all_their_forms():
    space = named.space("nb101")
    wanted = space.parse(["011001000 input,conv3x3-bn-relu,output"])
    matrix, ops = [[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3-bn-relu", "output"]
    for text in (
        f"{{'matrix': {matrix}, 'ops': {ops}}}",
        f"ModelSpec(matrix={matrix}, ops={ops})",
        f"ModelSpec({matrix}, {ops})",
    ):
        assert space.parse([text]).tolist() == wanted.tolist()
    digits, names = space.format(wanted)[0].split(" ")
    numbers = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
    key = (*map(int, digits), *map(numbers.index, names.split(",")))
    assert space.parse([str(key)]).tolist() == wanted.tolist()
    assert space.notation(str(key)).startswith("tuples of NASLib")
    for broken in (key[:-1], (*key[:-1], 9), (*key[:-1], 1.0)):
        with pytest.raises(HarnessError):
            space.parse([str(broken)])
