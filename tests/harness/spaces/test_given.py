"""Spaces that draw what is given first, and boxes of values."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.spaces.given import Box, Starting
from harness.testing.conformance import check_space

SPACES = ["nb201-cifar10", "graph-cora"]  # all codings valid; rows of a table alone


@pytest.mark.parametrize("name", SPACES)
def test_given_architectures_come_first_and_once(name):
    base, rng = registry.benchmark(name).space, np.random.default_rng(0)
    space, given = Starting(base), base.sample(5, rng)
    space.begin_with(given)
    assert np.array_equal(space.sample(3, rng), given[:3])
    assert space.waiting == 2
    drawn = space.sample(4, rng)
    assert np.array_equal(drawn[:2], given[3:])
    assert base.is_valid(drawn).all()
    assert space.waiting == 0
    state = np.random.default_rng(1)
    assert np.array_equal(space.sample(9, state), base.sample(9, np.random.default_rng(1)))


@pytest.mark.parametrize("name", SPACES)
def test_a_box_keeps_the_rules_of_spaces(name):
    base = registry.benchmark(name).space
    box = Box(base, base.sample(6, np.random.default_rng(0)))
    assert check_space(box, np.random.default_rng(1))
    drawn = box.sample(300, np.random.default_rng(2))
    assert box.inside(drawn).all()
    assert box.is_valid(drawn).all()
    assert box.inside(box.mutate(drawn, np.random.default_rng(3))).all()
    assert box.inside(box.crossover(drawn, drawn[::-1], np.random.default_rng(4))).all()
    assert all(box.inside(box.neighbours(arch)).all() for arch in drawn[:5])


def test_samples_of_a_box_are_uniform_over_its_cells():
    base = registry.benchmark("nb201-cifar10").space
    box = Box(base, np.array([[0, 1, 2, 3, 4, 0], [0, 1, 2, 0, 0, 1]]))
    assert box.codings == 8
    _, counts = np.unique(box.sample(8000, np.random.default_rng(0)), axis=0, return_counts=True)
    assert len(counts) == 8
    assert np.abs(counts - 1000).max() < 130


def test_a_box_of_one_cell_is_that_cell_and_is_left_by_an_edit():
    base, rng = registry.benchmark("nb201-cifar10").space, np.random.default_rng(0)
    cell = base.sample(1, rng)
    box = Box(base, cell)
    assert np.array_equal(np.unique(box.sample(10, rng), axis=0), cell)
    assert not len(box.neighbours(cell[0]))
    assert (box.mutate(cell, rng) != cell).any()
