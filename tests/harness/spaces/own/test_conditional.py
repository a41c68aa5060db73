"""Genes with conditions: exactly those are there that should be."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.own.conditional import ConditionalSpace
from harness.testing.conformance import check_space

GENES = {
    "layers": ["1", "2", "3"],
    "width": ["8", "16"],
    "activation": ["relu", "tanh"],
    "width2": ["8", "16", "32"],
    "slope": ["0.1", "0.2"],
    "width3": ["4", "8"],
}
WHEN = {
    "width2": {"layers": ["2", "3"]},
    "slope": {"activation": ["relu"]},
    "width3": {"layers": ["3"], "width2": ["32"]},
}
SPACE = ConditionalSpace("mlp", GENES, when=WHEN, ordinal=["layers", "width", "width2"])


def every():
    """All valid architectures, (n, L)."""
    codings = SPACE.decode(np.arange(np.prod(SPACE.cardinalities), dtype=np.uint64))
    return codings[SPACE.is_valid(codings)]


def written():
    """What architectures there are, by their genes, in plain loops."""
    for layers in GENES["layers"]:
        for width in GENES["width"]:
            for activation in GENES["activation"]:
                for width2 in GENES["width2"] if layers != "1" else ["none"]:
                    for slope in GENES["slope"] if activation == "relu" else ["none"]:
                        for width3 in GENES["width3"] if (layers, width2) == ("3", "32") else ["none"]:
                            values = (layers, width, activation, width2, slope, width3)
                            yield ", ".join(f"{gene}={value}" for gene, value in zip(GENES, values, strict=True))


def test_genes_with_conditions_keep_the_rules():
    assert len(check_space(SPACE, np.random.default_rng(0))) >= 30


def test_valid_is_what_the_conditions_say():
    assert sorted(SPACE.format(every())) == sorted(written())
    assert SPACE.facts()["valid"] == len(list(written()))


def test_neighbours_are_symmetric_everywhere_and_reach_everything():
    archs = every()
    number = {arch.tobytes(): place for place, arch in enumerate(archs)}
    joined = np.zeros((len(archs), len(archs)), dtype=bool)
    for place, arch in enumerate(archs):
        around = [number[other.tobytes()] for other in SPACE.neighbours(arch)]
        assert len(set(around)) == len(around)
        joined[place, around] = True
    assert np.array_equal(joined, joined.T)
    assert not joined.diagonal().any()
    reached = np.linalg.matrix_power(joined + np.eye(len(archs), dtype=int), 12)[0] > 0
    assert reached.all()


def test_mutations_are_all_the_neighbours_and_nothing_else():
    rng = np.random.default_rng(0)
    for text in (next(iter(written())), "layers=3, width=8, activation=tanh, width2=32, slope=none, width3=4"):
        (arch,) = SPACE.parse([text])
        children = SPACE.mutate(np.repeat(arch[None], 2000, axis=0), rng)
        assert {child.tobytes() for child in children} == {other.tobytes() for other in SPACE.neighbours(arch)}


def test_a_gene_that_comes_to_be_is_drawn_uniformly():
    (arch,) = SPACE.parse(["layers=1, width=8, activation=relu, width2=none, slope=0.1, width3=none"])
    children = SPACE.mutate(np.repeat(arch[None], 6000, axis=0), np.random.default_rng(0))
    grown = children[children[:, 0] == 1]
    assert abs(len(grown) / 6000 - 1 / 4) < 0.03  # one of four genes that are there; an ordinal one goes to its next
    assert np.abs(np.bincount(grown[:, 3]) / len(grown) - 1 / 3).max() < 0.06


def test_samples_draw_each_gene_that_is_there_uniformly():
    drawn = SPACE.sample(6000, np.random.default_rng(0))
    assert np.abs(np.bincount(drawn[:, 0]) / 6000 - 1 / 3).max() < 0.03
    deep = drawn[drawn[:, 0] > 0]
    assert np.abs(np.bincount(deep[:, 3], minlength=4) / len(deep) - [1 / 3, 1 / 3, 1 / 3, 0]).max() < 0.03


def test_the_ordinal_encoding_says_place_and_presence():
    archs = SPACE.parse([
        "layers=2, width=16, activation=tanh, width2=16, slope=none, width3=none",
        "layers=1, width=8, activation=tanh, width2=none, slope=none, width3=none",
    ])  # fmt: skip
    encoded = SPACE.features(archs, "ordinal")
    assert encoded[0].tolist() == [0.5, 1.0, 0, 1, 0.5, 1.0, 0, 0, 1, 0, 0, 1]
    assert encoded[1].tolist() == [0.0, 0.0, 0, 1, 0.0, 0.0, 0, 0, 1, 0, 0, 1]
    assert SPACE.gene_kinds == ("ordinal", "ordinal", *["categorical"] * 4)
    assert SPACE.active(archs)[1].tolist() == [True, True, True, False, False, False]


def test_a_space_is_made_again_by_its_definition():
    again = named.defined(SPACE.definition())
    assert again.definition() == SPACE.definition()
    assert np.array_equal(again.sample(30, np.random.default_rng(1)), SPACE.sample(30, np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"width4": {"layers": ["2"]}}, "unknown gene 'width4'"),
        ({"width": {"width2": ["8"]}}, r"`when of width` must name genes above it \(layers\), got 'width2'"),
        ({"width": {"width": ["8"]}}, "name genes above it"),
        ({"width2": {"layers": ["4"]}}, r"unknown value of layers \(when of width2\) '4'"),
        ({"width2": {"layers": []}}, "must list values of layers"),
        ({"width2": {}}, "must name at least one gene"),
        (
            {"width": {"layers": ["1"]}, "width2": {"width": ["8"], "layers": ["2"]}},
            "'width2' is never there: .* 'layers'",
        ),
    ],
)
def test_a_condition_that_is_none_is_refused(when, told):
    with pytest.raises(HarnessError, match=told):
        ConditionalSpace("wrong", GENES, when=when)


def test_a_space_of_which_an_edit_has_too_many_results_is_refused():
    genes = {"on": ["no", "yes"], **{f"gene{n}": list("abcdefgh") for n in range(5)}}
    with pytest.raises(HarnessError, match="at most 4,096 combinations of values, got '32,768'"):
        ConditionalSpace("wide", genes, when={gene: {"on": ["yes"]} for gene in genes if gene != "on"})


def test_none_is_no_value_of_a_gene_with_a_condition():
    with pytest.raises(HarnessError, match="not be 'none', which says that it is not there"):
        ConditionalSpace("odd", {"a": ["x", "y"], "b": ["none", "z"]}, when={"b": {"a": ["x"]}})
