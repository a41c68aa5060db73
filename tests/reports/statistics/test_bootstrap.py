"""The bootstrap: known answers, resampling in full, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics import bootstrap, centres


@pytest.mark.parametrize("centre", centres.CENTRES)
def test_bootstrap_by_counts_equals_resampling_in_full(centre):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(13, 6)).round(1)  # ties included
    drawn = rng.integers(0, 13, size=(40, 13))
    counts = np.stack([np.bincount(row, minlength=13) for row in drawn]).T.astype(np.int32)
    expected = centres.centre_of(x[drawn], centre, axis=1).T
    np.testing.assert_allclose(bootstrap.bootstrap_centres(x, counts, centre), expected, atol=1e-12)


@pytest.mark.parametrize("centre", centres.CENTRES)
@pytest.mark.parametrize("n", [255, 256, 300])
def test_resamples_of_one_run_alone_are_that_run(n, centre):
    x = np.random.default_rng(n).normal(size=(n, 2))
    counts = np.zeros((n, 5), dtype=np.int32)
    counts[np.arange(5) * 50, np.arange(5)] = n
    np.testing.assert_allclose(bootstrap.bootstrap_centres(x, counts, centre), x[np.arange(5) * 50].T, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (41, 3), (40, 2, 2)])
def test_intervals_are_the_quantiles_of_numpy_to_the_last_bit(shape):
    samples = np.random.default_rng(0).normal(size=shape)
    samples[0, ..., 1] = np.nan if shape[0] == 41 else 0.0
    low, high = bootstrap.interval(samples, axis=0)
    np.testing.assert_array_equal(low, np.quantile(samples, (1 - 0.95) / 2, axis=0))
    np.testing.assert_array_equal(high, np.quantile(samples, 1 - (1 - 0.95) / 2, axis=0))
    np.testing.assert_array_equal(bootstrap.interval(np.moveaxis(samples, 0, -1)), (low, high))


def test_resamples_keep_their_size_and_come_from_the_generator_given():
    counts = bootstrap.resample_counts(7, 100, np.random.default_rng(0))
    assert counts.shape == (7, 100)
    assert (counts.sum(axis=0) == 7).all()
    np.testing.assert_array_equal(counts, bootstrap.resample_counts(7, 100, np.random.default_rng(0)))
    assert (counts != bootstrap.resample_counts(7, 100, np.random.default_rng(1))).any()


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        x = rng.normal(size=(40, 1))
        low, high = bootstrap.interval(
            bootstrap.bootstrap_centres(x, bootstrap.resample_counts(40, 400, rng), "mean")[0]
        )
        inside += low <= 0 <= high
    assert 0.88 <= inside / 200 <= 0.99


def test_stratified_iqm_resamples_within_tasks_only():
    constant = [np.full(5, 1.0), np.full(5, 2.0)]  # no resample within tasks can change anything
    samples = bootstrap.stratified_iqm(constant, 50, np.random.default_rng(0))
    np.testing.assert_allclose(samples, stats.trim_mean(np.concatenate(constant), 0.25))


@pytest.mark.parametrize("centre", centres.CENTRES)
@pytest.mark.parametrize("value", [0.1, 0.3, 1e-11 / 3, 1e9 / 7])
def test_the_centre_of_equal_values_is_that_very_value(centre, value):
    for n in (2, 7, 12, 30):
        x = np.full((n, 1), value)
        assert centres.centre_of(x, centre).tolist() == [value]
        counts = bootstrap.resample_counts(n, 50, np.random.default_rng(n))
        assert set(bootstrap.bootstrap_centres(x, counts, centre).ravel()) == {value}
        assert set(bootstrap.stratified_iqm([x[:, 0]], 20, np.random.default_rng(n))) == {value}


def test_a_median_of_zero_has_an_interval_of_exactly_zero():
    x = np.array([[0.0]] * 24 + [[0.07], [0.3], [0.1], [1 / 3], [5.0], [90.0]])
    counts = bootstrap.resample_counts(30, 2_000, np.random.default_rng(1))
    samples = bootstrap.bootstrap_centres(x, counts, "median")[0]
    assert [float(end) for end in bootstrap.interval(samples)] == [0.0, 0.0]


@pytest.mark.parametrize("centre", centres.CENTRES)
def test_no_resample_leaves_the_values_that_it_weighs(centre):
    rng = np.random.default_rng(2)
    x = np.where(rng.random((40, 30)) < 0.7, 0.0, rng.lognormal(0, 6, (40, 30)))
    counts = bootstrap.resample_counts(40, 300, rng)
    samples = bootstrap.bootstrap_centres(x, counts, centre)
    assert (samples >= 0).all()
    assert (samples <= x.max(axis=0)[:, None]).all()
    drawn = np.repeat(np.arange(40), counts[:, 0])
    np.testing.assert_allclose(samples[:, 0], centres.centre_of(x[drawn], centre), rtol=1e-12)
