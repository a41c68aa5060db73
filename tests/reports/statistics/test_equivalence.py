"""Statistics of a verification, against known answers, simulation and other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from reports.statistics import equivalence
from reports.statistics.equivalence import Pooled

THREE = st.lists(st.floats(80, 95), min_size=3, max_size=3).map(np.array)


@given(THREE, THREE, st.floats(0.1, 5.0))
def test_tost_is_that_of_statsmodels(x, y, margin):
    if np.ptp(x) + np.ptp(y) < 1e-3:
        return
    pooled = equivalence.pooled_sd(np.stack([x, y]))
    found = equivalence.tost(x.mean() - y.mean(), equivalence.standard_error(pooled.sd, 3, 3), pooled.df, margin)
    expected = ttost_ind(x, y, -margin, margin, usevar="pooled")[0]
    assert found.p_equivalent == pytest.approx(expected, abs=1e-9)


@given(st.floats(-3, 3), st.floats(0.05, 1), st.integers(2, 60), st.floats(0.1, 2))
def test_tests_and_intervals_say_the_same(difference, se, df, margin):
    found = equivalence.tost(difference, se, df, margin)
    assert (found.p_equivalent < 0.05) == (-margin < found.low and found.high < margin)
    assert (found.p_drift < 0.05) == (found.low > margin or found.high < -margin)
    assert not (found.p_equivalent < 0.05 and found.p_drift < 0.05)


def test_pooled_spread_known_answer():
    groups = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 4.0]]), np.array([[0.0, 2.0]])
    assert equivalence.pooled_sd(*groups) == Pooled(math.sqrt((2.0 + 0.0 + 2.0) / 4), 4)
    nothing = equivalence.pooled_sd(np.array([[1.0], [2.0]]))
    assert math.isnan(nothing.sd)
    assert nothing.df == 0


def test_prediction_check_known_answer():
    limit = stats.t(10).ppf(0.975) * 0.3 * math.sqrt(1 / 3 + 1 / 2)
    sd = Pooled(0.3, 10)
    assert equivalence.is_predicted(limit - 1e-6, sd, 3, 2)
    assert equivalence.is_predicted(-limit + 1e-6, sd, 3, 2)
    assert not equivalence.is_predicted(limit + 1e-6, sd, 3, 2)


def test_power_is_what_simulation_finds():
    rng = np.random.default_rng(0)
    sd, n, m, margin, df = 0.3, 5, 3, 0.6, 30
    se = equivalence.standard_error(sd, n, m)
    for difference in (0.0, 0.2, 1.2, -1.4):
        drawn = rng.normal(difference, se, 1500)
        spread = np.sqrt(rng.chisquare(df, 1500) / df)
        decided = [
            found.p_equivalent < 0.05 if abs(difference) < margin else found.p_drift < 0.05
            for found in (equivalence.tost(d, se * s, df, margin) for d, s in zip(drawn, spread, strict=True))
        ]
        assert equivalence.power(difference, se, df, margin) == pytest.approx(np.mean(decided), abs=0.04)


def test_seeds_needed_reach_the_power_and_one_fewer_does_not():
    for sd, m, difference in ((0.3, 30, 0.1), (0.4, 50, 0.9), (0.2, 5, 0.0)):
        needed = equivalence.seeds_needed(difference, Pooled(sd, 40), m, 0.5)
        assert not needed.both
        powers = [equivalence.power(difference, equivalence.standard_error(sd, n, m), 40, 0.5)
                  for n in (needed.seeds - 1, needed.seeds) if n >= 2]  # fmt: skip
        assert powers[-1] >= 0.8
        assert len(powers) == 1 or powers[0] < 0.8


def test_a_table_with_few_runs_needs_more_itself_and_on_the_margin_nothing_helps():
    both = equivalence.seeds_needed(0.0, Pooled(1.0, 40), 3, 0.5)
    assert both.both
    assert both.seeds == pytest.approx(2 * (1.684 + 1.282) ** 2 * (1.0 / 0.5) ** 2, abs=2)
    assert equivalence.seeds_needed(0.5, Pooled(1.0, 40), 3, 0.5) == equivalence.Needed(None)


def test_tost_of_bootstrapped_means_is_near_that_of_statsmodels_for_pairs():
    rng = np.random.default_rng(7)
    for shift in (0.0, 0.15, 0.4):
        x, y = rng.normal(size=(2, 200)) * 0.5
        differences = x - y + shift
        samples = rng.choice(differences, size=(20_000, 200)).mean(axis=1)
        found = equivalence.tost_bootstrap(samples, 0.2)
        expected = ttost_paired(x + shift, y, -0.2, 0.2)[0]
        assert found.p_equivalent == pytest.approx(expected, abs=0.015)
        assert found.low < found.high


def test_tost_of_samples_by_hand():
    samples = np.linspace(-0.5, 1.5, 2001)
    found = equivalence.tost_bootstrap(samples, 1.0)
    assert (found.low, found.high) == (pytest.approx(-0.4), pytest.approx(1.4))
    assert found.p_equivalent == pytest.approx(0.25, abs=1e-3)
    assert equivalence.tost_bootstrap(samples + 9, 1.0).p_drift == 0.0
    nothing = equivalence.tost_bootstrap(np.zeros(100), 0.1)
    assert (nothing.p_equivalent, nothing.p_drift) == (0.0, 1.0)


def test_the_pairs_said_to_be_needed_give_the_power_promised():
    rng = np.random.default_rng(8)
    needed = equivalence.pairs_needed(rng.normal(0, 1, 5000), 0.5)
    assert needed is not None
    assert 30 <= needed <= 38  # (1.645 + 1.282)**2 / 0.25 = 34
    found = [
        equivalence.tost(x.mean(), x.std(ddof=1) / math.sqrt(needed), needed - 1, 0.5).p_equivalent < 0.05
        for x in rng.normal(0, 1, (400, needed))
    ]
    assert 0.70 <= np.mean(found) <= 0.88
    assert equivalence.pairs_needed(np.array([0.0, 1.0]), 1e-6) is None
    assert equivalence.pairs_needed(np.array([1.0]), 0.5) is None
