"""Simultaneous bands: against scipy's permutation test, their level by simulation, and few pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics import simultaneous


def test_at_one_time_the_band_says_what_the_exact_permutation_test_says():
    rng = np.random.default_rng(0)
    for shift in (0.1, 0.5, 0.9, 1.5):
        x = rng.normal(shift, 1, 11)
        exact = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        _, low, high = simultaneous.max_t_band(x[:, None], 20_000, rng)
        assert abs(exact - 0.05) < 0.005 or bool(low[0] > 0 or high[0] < 0) == (exact < 0.05)


def test_over_many_times_zero_is_left_out_somewhere_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    wrong = pointwise = 0
    for _ in range(300):
        walks = np.cumsum(rng.normal(size=(20, 30)), axis=1)
        middle, low, high = simultaneous.max_t_band(walks, 200, rng)
        wrong += bool(np.any((low > 0) | (high < 0)))
        half = stats.t(19).ppf(0.975) * walks.std(axis=0, ddof=1) / np.sqrt(20)
        pointwise += bool(np.any(np.abs(middle) > half))
    assert 0.02 <= wrong / 300 <= 0.085
    assert pointwise / 300 > 0.15, "tests at each time reject too often, which is why the band is drawn"


def test_the_band_follows_scale_and_sign_and_has_no_width_where_nothing_differs():
    x = np.random.default_rng(2).normal(1, 1, (12, 4)) * [0, 1, 10, 1e-6]
    middle, low, high = simultaneous.max_t_band(x, 500, np.random.default_rng(3))
    np.testing.assert_allclose(middle, x.mean(axis=0))
    assert middle[0] == low[0] == high[0] == 0
    assert (low[1:] < middle[1:]).all()
    turned = simultaneous.max_t_band(-1e3 * x, 500, np.random.default_rng(3))
    np.testing.assert_allclose(turned, [-1e3 * middle, -1e3 * high, -1e3 * low])
    constant = simultaneous.max_t_band(np.full((8, 2), 0.3), 500, np.random.default_rng(4))
    np.testing.assert_allclose(constant, np.full((3, 2), 0.3), rtol=1e-6)


@pytest.mark.parametrize("n", [2, 5])
def test_too_few_pairs_are_refused_with_the_number_needed(n):
    assert simultaneous.refusal(n) == f"no band over time: 6 pairs of runs are needed, and there are {n}"
