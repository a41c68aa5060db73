"""Agreement of table and real training, against known answers, simulation and other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.statistics import agreement

THREE = st.lists(st.floats(80, 95), min_size=3, max_size=3).map(np.array)


def test_the_ceiling_is_the_agreement_of_two_simulated_measurements():
    rng = np.random.default_rng(1)
    true = rng.normal(80, 1.0, 40)
    sd, runs = 0.8, np.full(40, 3)
    taus = [stats.kendalltau(*(true + rng.normal(0, sd / math.sqrt(3), (2, 40)))).statistic for _ in range(300)]
    found = [
        agreement.noise_ceiling(true + rng.normal(0, sd / math.sqrt(3), 40), sd, runs, runs, rng).median
        for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(np.median(taus), abs=0.03)
    one = agreement.noise_ceiling(true, sd, runs, runs, np.random.default_rng(0))
    assert one == agreement.noise_ceiling(true, sd, runs, runs, np.random.default_rng(0))
    assert one.low < one.median < one.high


def test_the_interval_of_taus_is_about_their_mean_and_as_wide_as_other_samples_are_apart():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(60, 40))
    taus = [[stats.kendalltau(one, y).statistic for one in (y + rng.normal(size=(2, 40)))] for y in truth]
    apart = 2 * 1.96 * np.std(np.mean(taus, axis=1))
    rows = truth[0] + rng.normal(size=(2, 40))
    found = agreement.kendall_interval(rows, truth[0], np.random.default_rng(0))
    assert found.value == pytest.approx(np.mean([stats.kendalltau(row, truth[0]).statistic for row in rows]))
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(apart, rel=0.5)
    assert found == agreement.kendall_interval(rows[::-1], truth[0], np.random.default_rng(0))
    same = agreement.kendall_interval(truth[:1], truth[0], np.random.default_rng(0))
    assert (same.value, same.low, same.high) == (1, 1, 1)
    assert math.isnan(agreement.kendall_interval(rows[:, :2], truth[0, :2], np.random.default_rng(0)).value)


def test_the_ceiling_among_equals_is_zero_and_without_noise_one():
    runs = np.full(20, 3)
    noise = np.random.default_rng(0).normal(90, 0.3 / math.sqrt(3), 20)
    assert abs(agreement.noise_ceiling(noise, 0.5, runs, runs, np.random.default_rng(0)).median) < 0.1
    assert agreement.noise_ceiling(np.arange(20.0), 0.0, runs, runs, np.random.default_rng(0)).low == 1.0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=12))
def test_kendall_is_that_of_scipy(pairs):
    x, y = np.array(pairs, dtype=float).T
    np.testing.assert_allclose(agreement.kendall(x, y), stats.kendalltau(x, y).statistic, atol=1e-12, equal_nan=True)


def test_reliability_and_shrinkage_known_answers():
    means = np.array([1.0, 3.0])  # variance 2
    assert agreement.reliability(means, 1.0, np.array([2, 2])) == pytest.approx(0.75)
    assert agreement.reliability(means, 9.0, np.array([2, 2])) == 0.0
    np.testing.assert_allclose(agreement.shrinkage(np.array([95.0]), 0.75, 91.0), [-1.0])
    assert agreement.expected_absolute(0.3, np.array([3]), np.array([3])) == pytest.approx(
        np.abs(np.random.default_rng(0).normal(0, 0.3 * math.sqrt(2 / 3), 200_000)).mean(), abs=2e-3
    )


def test_mean_and_slope_are_those_of_scipy():
    x, y = np.array([1.0, 2.0, 4.0, 7.0]), np.array([1.5, 1.0, 4.0, 6.0])
    low, high = stats.t.interval(0.95, 3, y.mean(), stats.sem(y))
    assert agreement.mean_interval(y) == pytest.approx(agreement.Mean(y.mean(), low, high))
    assert agreement.slope(x, y).value == pytest.approx(stats.linregress(x, y).slope)
    assert math.isnan(agreement.slope(x[:2], y[:2]).value)
    assert math.isnan(agreement.mean_interval(y[:1]).low)
