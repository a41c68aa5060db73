"""Spaces that are written down in Python: values, conditions, edits and texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, TableError
from harness.spaces import named
from harness.spaces.own.genes import Genes, When
from harness.testing.conformance import check_space

PLAIN = Genes(kind=["a", "b"], width=[16, 32, 64], rate=np.geomspace(1e-4, 1e-1, 4), bias=[True, False], cap=[None, 1])
LAYERS = Genes(
    layers=[1, 2, 3],
    first=[8, 16],
    second=When([8, 16], layers=[2, 3]),
    third=When([8, 16, 32], layers=3),
    pool=When(["max", "mean"], third=[16, 32]),
    kind=["a", "b"],
)


@pytest.mark.parametrize("space", [PLAIN, LAYERS, Genes(one=["x"], two=[1, 2])], ids=["plain", "layers", "small"])
def test_the_space_keeps_the_rules(space):
    assert "neighbourhood is symmetric" in check_space(space, np.random.default_rng(0))


def test_numbers_that_rise_are_ordinal_and_others_are_not():
    space = Genes(
        up=[1, 2.5], down=[2, 1], flags=[False, True], texts=["1", "2"], mixed=[1, "2"], alone=[3], r=range(3)
    )
    kinds = dict(zip(space.typed, space.gene_kinds, strict=True))
    assert [gene for gene, kind in kinds.items() if kind == "ordinal"] == ["up", "r"]
    assert space.typed["r"] == (0, 1, 2)


def test_values_are_what_their_texts_say():
    space = Genes(rate=np.geomspace(1e-4, 1e-1, 7), size=np.array([3, 5]))
    assert space.typed["rate"][1] == 0.000316228
    assert type(space.typed["size"][0]) is int
    arch = space.parse(["size=5, rate=3.16228e-4"])
    assert space.configurations(arch) == [{"rate": 0.000316228, "size": 5}]


def test_genes_that_are_switched_off_are_not_there():
    archs = np.array([[0, 1, 2, 3, 2, 1], [2, 0, 1, 2, 1, 0], [2, 0, 1, 0, 2, 0]])
    assert LAYERS.configurations(archs) == [
        {"layers": 1, "first": 16, "kind": "b"},
        {"layers": 3, "first": 8, "second": 16, "third": 32, "pool": "mean", "kind": "a"},
        {"layers": 3, "first": 8, "second": 16, "third": 8, "kind": "a"},
    ]
    assert LAYERS.is_valid(archs).all()
    assert np.array_equal(LAYERS.parse(["kind=b, layers=1, first=16"]), archs[:1])
    assert LAYERS.format(archs[:1]) == ["layers=1, first=16, second=none, third=none, pool=none, kind=b"]


def test_all_valid_codings_are_different_configurations():
    codings = LAYERS.decode(np.arange(int(np.prod(LAYERS.cardinalities)), dtype=np.uint64))
    valid = codings[LAYERS.is_valid(codings)]
    # one layer: 2 x 2; two: 2 x 2 x 2; three: 2 x 2 x 2 with a third of 8, and twice two pools with 16 and 32
    assert len(valid) == 4 + 8 + 8 * (1 + 2 * 2) == LAYERS.facts()["valid"]
    assert len(set(LAYERS.format(valid))) == len(valid)


@given(st.integers(0, 2**32 - 1))
def test_every_edit_leads_to_a_neighbour_and_back(seed):
    rng = np.random.default_rng(seed)
    arch = LAYERS.sample(1, rng)
    child = LAYERS.mutate(arch, rng)
    around = LAYERS.neighbours(arch[0])
    assert len(np.unique(around, axis=0)) == len(around)
    assert child[0].tolist() in around.tolist()
    assert arch[0].tolist() in LAYERS.neighbours(child[0]).tolist()


def test_each_choice_is_drawn_uniformly_and_each_gene_that_is_there_is_mutated_as_often():
    rng = np.random.default_rng(0)
    archs = LAYERS.sample(6000, rng)
    assert np.allclose(np.bincount(archs[:, 0]) / 6000, 1 / 3, atol=0.03)
    whole = archs[:, 0] == 2
    assert np.allclose(np.bincount(archs[whole, 3]) / whole.sum(), 1 / 3, atol=0.04)
    arch = LAYERS.parse(["layers=1, first=8, second=none, third=none, pool=none, kind=a"])
    children = LAYERS.mutate(np.repeat(arch, 3000, axis=0), rng)
    assert np.allclose((children != arch).mean(axis=0)[[0, 1, 5]], 1 / 3, atol=0.04)


@pytest.mark.parametrize("space", [PLAIN, LAYERS], ids=["plain", "layers"])
def test_a_definition_gives_the_space_again(space):
    again = named.defined(space.definition())
    assert isinstance(again, Genes)
    archs = space.sample(50, np.random.default_rng(1))
    assert again.configurations(archs) == space.configurations(archs)
    assert again.definition() == space.definition()
    assert again.description == space.description


@pytest.mark.parametrize(
    ("genes", "said"),
    [
        ({}, "at least one gene"),
        ({"width": 16}, "`width` must be a list of values"),
        ({"width": "16"}, "`width` must be a list of values"),
        ({"width": []}, "`values of width` must be one or more"),
        ({"width": [16, 16]}, "all different"),
        ({"rate": [0.1, 0.10000000001]}, "all different"),
        ({"rate": [0.1, float("nan")]}, "a finite number"),
        ({"kind": ["a,b"]}, "without ',' and '='"),
        ({"kind": [object()]}, "must be text, a finite number"),
        ({"a": When([1, 2], b=1), "b": [1, 2]}, "`when of a` must name genes above it"),
        ({"b": [1, 2], "a": When([1, 2], b=3)}, r"unknown value of b \(when of a\) '3'"),
    ],
)
def test_genes_that_make_no_space_are_refused(genes, said):
    with pytest.raises(HarnessError, match=said):
        Genes(genes)


def test_a_condition_names_a_gene():
    with pytest.raises(HarnessError, match="must name a gene"):
        When([1, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layers=1, first=8, kind=a, second=8", "leave out second, which is not there"),
        ("layers=2, first=8, kind=a", "name a value of second, which is there"),
        ("layers=1, first=8, kind=a, kind=a", "name each of"),
        ("layers=1, first=8, colour=a", "name each of"),
        ("layers=1, first=9, kind=a", "unknown value of first '9'"),
    ],
)
def test_texts_of_no_architecture_are_refused(text, said):
    with pytest.raises(HarnessError, match=said):
        LAYERS.parse([text])


def test_a_definition_that_is_none_is_refused():
    with pytest.raises(TableError, match="have objects `genes`"):
        named.defined('{"kind": "genes", "genes": []}')
