"""Acquisition functions against numerical integration, limits and statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.surrogate import Prediction
from strategies.parts import acquisition

FINITE = st.floats(-20.0, 20.0)
POSITIVE = st.floats(0.05, 10.0)


def integrate(mean, std, of):
    """Expectation of `of(f)` for f normal, by the trapezium rule over ten standard deviations."""
    f = np.linspace(mean - 10 * std, mean + 10 * std, 40_001)
    density = np.exp(-0.5 * ((f - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    return np.trapezoid(of(f) * density, f)


@given(mean=FINITE, std=POSITIVE, best=FINITE)
def test_expected_improvement_is_the_integral(mean, std, best):
    closed = acquisition.expected_improvement(np.array([mean]), np.array([std]), best)[0]
    assert closed == pytest.approx(integrate(mean, std, lambda f: np.maximum(best - f, 0)), abs=1e-5)


@given(mean=FINITE, std=POSITIVE, best=FINITE)
def test_probability_of_improvement_is_the_integral(mean, std, best):
    closed = acquisition.probability_of_improvement(np.array([mean]), np.array([std]), best)[0]
    assert closed == pytest.approx(integrate(mean, std, lambda f: f < best), abs=1e-3)


def test_known_values():
    mean, std = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert acquisition.confidence_bound(mean, std).tolist() == [-0.5, 0.0]
    assert acquisition.expected_improvement(mean, std, 0.0)[0] == pytest.approx(0.3989422804)
    assert acquisition.probability_of_improvement(mean, std, 1.959963985)[0] == pytest.approx(0.975)


def test_without_uncertainty_improvement_is_certain_or_impossible():
    mean, none = np.array([0.0, 1.0, 2.0]), np.zeros(3)
    assert acquisition.expected_improvement(mean, none, 1.0).tolist() == [1.0, 0.0, 0.0]
    assert acquisition.probability_of_improvement(mean, none, 1.0).tolist() == [1.0, 0.0, 0.0]


def test_independent_thompson_draws_each_architecture_on_its_own():
    rng = np.random.default_rng(0)
    mean, std = np.array([0.0, 5.0]), np.array([1.0, 3.0])
    draws = np.array([acquisition.independent_thompson(mean, std, rng) for _ in range(20_000)])
    assert draws.mean(axis=0) == pytest.approx(mean, abs=0.08)
    assert draws.std(axis=0) == pytest.approx(std, rel=0.03)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def test_thompson_takes_one_member_for_all():
    members = np.arange(15.0).reshape(5, 3)
    rng = np.random.default_rng(0)
    drawn = {tuple(acquisition.thompson(members, rng)) for _ in range(200)}
    assert drawn == {tuple(row) for row in members}


@pytest.mark.parametrize("name", acquisition.NAMES)
def test_all_prefer_the_lower_mean_when_all_else_is_equal(name):
    mean = np.array([3.0, 1.0, 2.0, 1.5])
    prediction = Prediction(mean, np.full(4, 1e-6), np.stack([mean] * 3))
    chosen = acquisition.select(name, prediction, 3, best=4.0, rng=np.random.default_rng(0))
    if name == "pi":  # all improve with certainty: ties keep their order
        assert chosen.tolist() == [0, 1, 2]
    else:
        assert chosen.tolist() == [1, 3, 2]


@pytest.mark.parametrize("name", ["ucb", "ei", "pi"])
def test_optimists_prefer_uncertainty_above_the_best(name):
    prediction = Prediction(np.array([2.0, 2.0]), np.array([0.1, 3.0]))
    assert acquisition.select(name, prediction, 1, best=1.0, rng=np.random.default_rng(0)).tolist() == [1]


def test_select_returns_all_when_there_are_fewer():
    prediction = Prediction(np.array([2.0, 1.0]), np.ones(2))
    assert acquisition.select("ucb", prediction, 10, best=0.0, rng=np.random.default_rng(0)).tolist() == [1, 0]


def test_thompson_needs_members_and_says_so():
    prediction = Prediction(np.zeros(2), np.ones(2))
    with pytest.raises(HarnessError, match=r"ensemble.*use 'its'"):
        acquisition.select("ts", prediction, 1, best=0.0, rng=np.random.default_rng(0))


def test_two_columns_are_refused():
    prediction = Prediction(np.zeros((2, 2)), np.ones((2, 2)))
    with pytest.raises(HarnessError, match="one value"):
        acquisition.select("ei", prediction, 1, best=0.0, rng=np.random.default_rng(0))
