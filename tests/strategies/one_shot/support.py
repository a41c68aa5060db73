"""Methods on a small search."""

from __future__ import annotations

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
