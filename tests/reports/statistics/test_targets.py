"""Targets: by hand, against the definition run by run, and the golden numbers of the protocol."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from reports.statistics import targets
from reports.statistics.bootstrap import resample_counts

STEPS = st.lists(st.floats(0.01, 100), min_size=1, max_size=12)


def test_default_targets_are_51_from_ten_to_a_hundredth():
    found = targets.log_targets(10.0, 0.01)
    assert len(found) == 51
    assert (found[0], found[25], found[-1]) == (10.0, pytest.approx(10**-0.5), 0.01)
    with pytest.raises(HarnessError, match="`targets` must satisfy 0 < low < high"):
        targets.log_targets(0.1, 0.1)


@given(STEPS, STEPS)
def test_a_target_is_hit_where_the_curve_first_is_at_or_below_it(values, wanted):
    x = np.arange(1.0, len(values) + 1)
    found = targets.hit_times(x, np.array(values), np.array(wanted))
    for target, time in zip(wanted, found, strict=True):
        below = [place for place, value in zip(x, values, strict=True) if value <= target]
        assert time == (below[0] if below else np.inf)


def test_a_curve_that_rises_again_has_hit_and_an_empty_one_has_not():
    assert targets.hit_times(np.array([1.0, 2, 3]), np.array([5.0, 1, 4]), np.array([2.0])).tolist() == [2.0]
    assert targets.hit_times(np.array([]), np.array([]), np.array([2.0])).tolist() == [np.inf]


def test_expected_running_time_golden_number_and_none_without_a_success():
    times = np.array([[10.0, np.inf], [20.0, np.inf], [np.inf, np.inf]])
    assert targets.running_time(times, np.full(3, 50.0)).tolist() == [40.0, np.inf]
    assert targets.running_time(times, np.array([5.0, 50.0, 50.0]))[0] == 75.0  # the first hit lies beyond its budget


def test_the_interval_of_the_running_time_is_that_of_resampling_in_full():
    rng = np.random.default_rng(0)
    times = np.where(rng.random((9, 2)) < [0.8, 0.1], rng.uniform(1, 50, (9, 2)), np.inf)
    ends, counts = np.full(9, 50.0), resample_counts(9, 401, rng)
    samples = [targets.running_time(np.repeat(times, column, axis=0), np.repeat(ends, column)) for column in counts.T]
    expected = np.quantile(samples, [0.025, 0.975], axis=0, method="inverted_cdf")
    np.testing.assert_allclose(targets.running_time_interval(times, ends, counts), expected)
    assert np.isinf(expected[1, 1])
    assert np.isfinite(expected[1, 0])


def test_the_reached_share_counts_what_is_never_reached():
    times = np.array([[1.0, 2.0, np.inf], [3.0, np.inf, np.inf]])
    np.testing.assert_allclose(targets.reached_share(times, np.array([0.5, 1, 3, 99])), [0, 1 / 6, 3 / 6, 3 / 6])
