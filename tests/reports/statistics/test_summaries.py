"""Known answers and laws of the numbers behind reports."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.errors import HarnessError, ResultError
from reports.statistics import summaries as s

values = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3))


def test_iqm_of_one_to_eight_is_four_and_a_half():
    assert s.centre_of(np.arange(1, 9), "iqm") == 4.5


@given(values)
def test_centres_agree_with_scipy_and_numpy(x):
    assert s.centre_of(x, "iqm") == pytest.approx(stats.trim_mean(x, 0.25), abs=1e-9)
    assert s.centre_of(x, "median") == pytest.approx(np.median(x), abs=1e-9)
    assert s.centre_of(x, "mean") == pytest.approx(x.mean(), abs=1e-9)


def test_a_centre_of_an_undefined_value_is_undefined():
    assert np.isnan(s.centre_of([1.0, np.nan, 3.0, 4.0], "median"))


@pytest.mark.parametrize("centre", s.CENTRES)
def test_bootstrap_by_counts_equals_resampling_in_full(centre):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(13, 6)).round(1)  # ties included
    drawn = rng.integers(0, 13, size=(40, 13))
    counts = np.stack([np.bincount(row, minlength=13) for row in drawn]).T.astype(np.int32)
    expected = s.centre_of(x[drawn], centre, axis=1).T
    np.testing.assert_allclose(s.bootstrap_centres(x, counts, centre), expected, atol=1e-12)


def test_resamples_keep_their_size_and_come_from_the_generator_given():
    counts = s.resample_counts(7, 100, np.random.default_rng(0))
    assert counts.shape == (7, 100)
    assert (counts.sum(axis=0) == 7).all()
    np.testing.assert_array_equal(counts, s.resample_counts(7, 100, np.random.default_rng(0)))
    assert (counts != s.resample_counts(7, 100, np.random.default_rng(1))).any()


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        x = rng.normal(size=(40, 1))
        low, high = s.interval(s.bootstrap_centres(x, s.resample_counts(40, 400, rng), "mean")[0])
        inside += low <= 0 <= high
    assert 0.88 <= inside / 200 <= 0.99


def test_stratified_iqm_resamples_within_tasks_only():
    constant = [np.full(5, 1.0), np.full(5, 2.0)]  # no resample within tasks can change anything
    samples = s.stratified_iqm(constant, 50, np.random.default_rng(0))
    np.testing.assert_allclose(samples, stats.trim_mean(np.concatenate(constant), 0.25))


def test_holm_known_answer_and_untested_entries():
    adjusted = s.holm(np.array([0.01, 0.04, 0.03, np.nan]))
    np.testing.assert_allclose(adjusted[:3], [0.03, 0.06, 0.06])
    assert np.isnan(adjusted[3])


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_follows_its_definition(p):
    order = np.argsort(p)
    m = len(p)
    expected = np.maximum.accumulate([min(1.0, (m - i) * p[j]) for i, j in enumerate(order)])
    np.testing.assert_allclose(s.holm(p)[order], expected)


@pytest.mark.parametrize(("n", "smallest"), [(5, 0.0625), (6, 0.03125), (8, 0.0078125), (10, 0.001953125)])
def test_smallest_reachable_p_of_the_signed_rank_test(n, smallest):
    assert s.wilcoxon_p(np.arange(1.0, n + 1)) == pytest.approx(smallest)
    s.require_reachable(n, 1, alpha=smallest)
    with pytest.raises(ResultError, match=f"{n + 1} pairs are needed"):
        s.require_reachable(n, 1, alpha=smallest * 0.99)


def test_signed_rank_of_no_difference_is_one():
    assert s.wilcoxon_p(np.zeros(8)) == 1.0
    assert s.rank_biserial(np.zeros(8)) == 0.0


@given(values)
def test_effect_sizes_change_sign_with_the_direction(d):
    assert -1 <= s.rank_biserial(d) <= 1
    assert s.rank_biserial(-d) == pytest.approx(-s.rank_biserial(d))
    assert s.wilcoxon_p(d) == pytest.approx(s.wilcoxon_p(-d))


@given(values, values)
def test_probability_of_improvement_by_counting(x, y):
    wins = (x[:, None] < y[None]).mean() + 0.5 * (x[:, None] == y[None]).mean()
    assert s.probability_of_improvement(x, y) == pytest.approx(wins)


def test_ranks_share_ties_and_put_the_undefined_last():
    np.testing.assert_array_equal(s.average_ranks(np.array([[0.2, 0.1, 0.2, np.nan]])), [[2.5, 1, 2.5, 4]])


def test_demsar_example():
    chi2, f, p = s.friedman(np.array([3.143, 2.000, 2.893, 1.964]), 14)
    assert (round(chi2, 2), round(f, 2)) == (9.28, 3.69)
    assert p < 0.05
    assert s.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(("k", "n", "expected"), [(5, 3, 3.52), (8, 3, 6.06), (5, 10, 1.93), (8, 25, 2.10)])
def test_critical_differences(k, n, expected):
    assert s.critical_difference(k, n) == pytest.approx(expected, abs=0.005)


def test_friedman_agrees_with_scipy_without_ties():
    x = np.random.default_rng(3).normal(size=(9, 4))
    chi2, _, _ = s.friedman(s.average_ranks(x).mean(axis=0), 9)
    assert chi2 == pytest.approx(stats.friedmanchisquare(*x.T).statistic)


def test_fewer_than_five_benchmarks_are_not_tested_together():
    s.require_tasks(5)
    with pytest.raises(ResultError, match="4 of them are fewer than 5"):
        s.require_tasks(4)


def test_log_auc_known_answer():
    assert s.log_auc(np.array([1.0, 10.0]), np.array([1.0, 0.1]), 1.0, 100.0) == pytest.approx(0.55)


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=8), st.integers(2, 500))
def test_log_auc_lies_between_the_extremes_and_ignores_what_comes_after(y, stop):
    x = np.arange(1.0, len(y) + 1)
    area = s.log_auc(x, np.array(y), 1.0, float(stop))
    assert min(y) - 1e-9 <= area <= max(y) + 1e-9
    later = s.log_auc(np.append(x, 1000.0), np.array([*y, 99.0]), 1.0, float(stop))
    assert later == pytest.approx(area)


def test_log_auc_needs_a_value_at_its_start():
    with pytest.raises(HarnessError, match="start"):
        s.log_auc(np.array([2.0]), np.array([1.0]), 1.0, 10.0)
