"""Rewards at the published points."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.parts.rewards import REWARDS

COSTS = np.array([[2.0], [1.0], [0.5]])


@pytest.mark.parametrize(
    ("name", "weight", "hard", "expected"),
    [
        ("mnasnet", -0.07, False, [0.9526, 1.0, 1.0497]),
        ("mnasnet", -0.07, True, [0.5, 1.0, 1.0]),
        ("monas", 0.5, False, [-0.5, 0.0, 0.25]),
        ("monas", 0.8, False, [0.4, 0.6, 0.7]),
        ("monas", 0.5, True, [0.0, 1.0, 1.0]),
        ("tunas", -0.07, False, [0.93, 1.0, 0.965]),
        ("tunas", -1.0, False, [0.0, 1.0, 0.5]),
    ],
)
def test_at_twice_the_target_at_it_and_at_half_of_it(name, weight, hard, expected):
    reward = REWARDS[name].function(np.ones(3), COSTS, weight, hard)
    assert reward == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("name", REWARDS)
def test_defaults_lie_within_their_limits(name):
    assert REWARDS[name].low <= REWARDS[name].weight <= REWARDS[name].high


def test_several_costs_are_multiplied_averaged_or_added():
    costs = np.array([[2.0, 0.5]])
    one = np.ones(1)
    assert REWARDS["mnasnet"].function(one, costs, -0.07, False) == pytest.approx(1.0)
    assert REWARDS["mnasnet"].function(one, costs, -0.07, True) == pytest.approx(0.5)
    assert REWARDS["monas"].function(one, costs, 0.5, False) == pytest.approx(0.5 - 0.625)
    assert REWARDS["tunas"].function(one, costs, -0.1, False) == pytest.approx(1 - 0.15)


def test_a_cost_of_nothing_is_no_failure():
    assert np.isfinite(REWARDS["mnasnet"].function(np.ones(1), np.zeros((1, 1)), -0.07, False)).all()
