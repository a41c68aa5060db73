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
