"""Profiles and gaps: by hand, and intervals against resampling in full."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics import profiles
from reports.statistics.bootstrap import interval, resample_counts

STRATA = [np.array([0.1, 0.9, 1.0]), np.array([0.5, 1.2, 0.9, 0.9])]


def test_a_profile_falls_from_one_to_zero_and_its_area_is_the_mean_score():
    thresholds = np.linspace(0, 1.3, 13001)[:-1]
    profile = profiles.performance_profile(STRATA, thresholds)
    assert (np.diff(profile) <= 0).all()
    assert profile[0] == 1.0
    assert profile[-1] == 0.0
    assert profile.mean() * 1.3 == pytest.approx(np.concatenate(STRATA).mean(), abs=2e-4)


def test_the_optimality_gap_does_not_reward_more_than_gamma():
    assert profiles.optimality_gap(STRATA) == pytest.approx((0.9 + 0.1 + 0 + 0.5 + 0 + 0.1 + 0.1) / 7)
    assert profiles.optimality_gap(STRATA, gamma=0.5) == pytest.approx(0.4 / 7)


def test_intervals_are_those_of_resampling_runs_within_tasks():
    rng = np.random.default_rng(1)
    counts = [resample_counts(len(stratum), 300, rng) for stratum in STRATA]
    samples = [
        np.concatenate([np.repeat(s, c[:, b]) for s, c in zip(STRATA, counts, strict=True)]).mean() for b in range(300)
    ]
    found = profiles.stratified_mean_interval([stratum[:, None] for stratum in STRATA], counts)
    np.testing.assert_allclose(np.ravel(found), interval(np.array(samples)))
