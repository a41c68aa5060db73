"""What is drawn, is fair and is likeliest among the choices of both kinds of cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.spaces import named
from harness.training.supernets.choices import CHOICES, largest_sums
from harness.training.supernets.darts import ABSENT, NONE, derived, edge_codes
from tests.harness.training.supernets.support import rng

SPACE, TWO = named.space("darts"), CHOICES["darts"]


def test_draws_are_uniform_and_keep_to_what_is_searched():
    archs = TWO.draw((3, 5, NONE), 400, rng())
    assert SPACE.is_valid(archs).all()
    assert set(np.unique(edge_codes(archs))) == {ABSENT, 3, 5}
    assert np.bincount(archs[:, 8], minlength=10).min() > 20, "all pairs of node 5"


@pytest.mark.parametrize(("name", "codes", "edges"), [("nb201", (0, 1, 3), 6), ("darts", (0, 2, 5, NONE), 16)])
def test_fair_architectures_have_every_operation_once_on_each_of_their_edges(name, codes, edges):
    choices, some = CHOICES[name], list(codes[:3])
    for seed in range(3):
        archs = choices.fair(codes, rng(seed))
        assert named.space(name).is_valid(archs).all()
        on_edges = choices.on_edges(archs).T
        there = [sorted(edge) for edge in on_edges.tolist() if edge != [ABSENT] * len(some)]
        assert there == [some] * edges


def test_the_largest_sums_are_those_of_all():
    logs = np.log(rng(4).dirichlet(np.ones(3), size=4))
    every = np.array(list(itertools.product(range(3), repeat=4)))
    sums = logs[np.arange(4), every].sum(1)
    assert largest_sums(logs, 20).tolist() == every[np.argsort(-sums)[:20]].tolist()
    assert len(largest_sums(logs, 1000)) == 81


def test_the_likeliest_pairs_of_cells_are_those_of_all_and_the_first_is_what_is_derived():
    p = rng(2).dirichlet(np.ones(8), size=28)
    logs, codes = np.log(p), (2, 5, NONE)
    logs[14:, 2] += 1000 * np.arange(14)  # the other cell is decided
    found = TWO.likeliest(logs, codes, 30)
    places = np.indices(TWO.counts(codes)[:11]).reshape(11, -1).T
    every = TWO.decoded(codes, np.concatenate([places, np.zeros_like(places)], axis=1))
    on_edges = TWO.on_edges(every)[:, :14]
    sums = np.where(on_edges < 0, 0, logs[np.arange(14), on_edges]).sum(1)
    best = every[np.argsort(-sums, kind="stable")[:30], :11]
    assert found[:, :11].tolist() == best.tolist()
    assert (found[:, 11:] == found[0, 11:]).all()
    np.testing.assert_array_equal(TWO.likeliest(np.log(p), range(8), 1), derived(p))


def test_an_edge_that_is_not_there_has_none():
    archs = TWO.draw(range(8), 2, rng())
    shares = TWO.shares(archs, np.array([0.25, 0.75]))
    np.testing.assert_allclose(shares.sum(1), 1)
    for edge, (first, second) in enumerate(edge_codes(archs).T.tolist()):
        expected = np.zeros(8)
        expected[first] += 0.25  # below 0 is the last, none
        expected[second] += 0.75
        np.testing.assert_allclose(shares[edge], expected)
