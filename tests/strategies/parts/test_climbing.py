"""Local search over an acquisition function."""

from __future__ import annotations

import numpy as np

from strategies.parts.climbing import climb
from tests.strategies.support import ToySpace, distance_to_origin, rugged


def climbed(space, starts, objective, plateau=0):
    """Return what was valued, its values, and the requests."""
    requests = []

    def value(archs):
        requests.append(archs)
        yield from ()
        return objective(archs)

    walk = climb(space, starts, objective(starts), value, plateau=plateau)
    try:
        next(walk)
    except StopIteration as stop:
        return (*stop.value, requests)
    raise AssertionError("nothing was left to answer")


def test_a_walk_goes_down_to_the_only_optimum_and_values_what_is_around_its_path():
    space = ToySpace((4,) * 5)
    archs, values, requests = climbed(space, np.array([[3, 2, 1, 3, 1]], dtype=np.uint8), distance_to_origin)
    assert values.min() == 0
    assert len(requests) == 6  # five genes, then the neighbourhood of the optimum
    np.testing.assert_array_equal(values, distance_to_origin(archs))
    assert len(np.unique(archs, axis=0)) == len(archs)


def test_walks_end_in_local_optima():
    space = ToySpace((4,) * 5)
    starts = np.unique(space.sample(10, np.random.default_rng(0)), axis=0)
    archs, values, _ = climbed(space, starts, rugged)
    best = archs[values.argmin()]
    assert rugged(space.neighbours(best)).min() > values.min()
    assert values.min() < rugged(starts).min()


def test_walks_meet_once_and_ask_together():
    space = ToySpace((4,) * 5)
    starts = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]], dtype=np.uint8)
    archs, _, requests = climbed(space, starts, distance_to_origin)
    assert len(requests) == 2
    assert sum(map(len, requests)) == len(archs) == len(np.unique(archs, axis=0))
    assert len(requests[1]) < 15


def test_steps_on_a_plateau_have_an_end():
    space = ToySpace((4,) * 6)
    starts = space.sample(3, np.random.default_rng(1))
    for plateau in (0, 1, 10):
        requests = climbed(space, starts, lambda archs: np.zeros(len(archs)), plateau)[2]
        assert len(requests) == 1 + plateau


def test_no_start_values_nothing():
    space = ToySpace((4,) * 3)
    archs, values, requests = climbed(space, space.sample(0, np.random.default_rng(0)), rugged)
    assert (len(archs), len(values), len(requests)) == (0, 0, 0)
