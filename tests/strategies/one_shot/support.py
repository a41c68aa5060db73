"""Methods on a small search."""

from __future__ import annotations

import numpy as np
import pytest

from harness.spaces.nb201.space import NB201Space
from harness.training.supernets.costs import PathCosts
from tests.harness.training.supernets.support import MICRO, rng, search_data

SPACE = NB201Space()
QUICK = {"batch_size": 25}
COSTS = PathCosts.of(MICRO, (1, 1, 12), 4)
TRAINING, VALIDATION = 50, 48
"""Items of an epoch: two batches of 25, and of all 24."""


def made(factory, seed=0, epochs=2, **hyperparameters):
    return factory(SPACE, search_data(), rng(seed), epochs, **{**QUICK, **hyperparameters})


def check_controller(search, count: int, checked: int) -> None:
    """Compare the gradient of a controller that learns from four cells with finite differences, at some of its weights.

    Its entropy weighs nothing and its gradient is not clipped; `count` is the number of its decisions.
    """
    search.baseline = 0.4
    places, right, taken = search.policy.sample(4), np.array([0.1, 0.9, 0.5, 0.3]), []
    assert places.shape == (4, count)
    search._adam.ascend = lambda parameters, gradient: taken.append(gradient.copy())
    baselines = search.learn(places, right)
    np.testing.assert_allclose(baselines, 0.4 + 0.01 * (right - 0.4))
    vector, every = search.policy.weights.vector, np.ones(places.shape, dtype=bool)

    def worth() -> float:
        return float((search.policy.read(places, every).log_probability * (right - baselines)).mean())

    for place in rng(1).choice(len(vector), size=checked, replace=False):
        kept, sides = vector[place], []
        for step in (1e-5, -1e-5):
            vector[place] = kept + step
            sides.append(worth())
        vector[place] = kept
        assert taken[0][place] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-4, abs=1e-8)
