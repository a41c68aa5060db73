"""Tests and effect sizes of pairs: known answers and definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.statistics import significance

values = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3))


def test_holm_known_answer_and_untested_entries():
    adjusted = significance.holm(np.array([0.01, 0.04, 0.03, np.nan]))
    np.testing.assert_allclose(adjusted[:3], [0.03, 0.06, 0.06])
    assert np.isnan(adjusted[3])


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_is_that_of_statsmodels(p):
    np.testing.assert_array_equal(significance.holm(p), multipletests(p, method="holm")[1])


def test_holm_of_no_test_is_none():
    assert np.isnan(significance.holm(np.array([np.nan, np.nan]))).all()
    assert len(significance.holm(np.array([]))) == 0


@pytest.mark.parametrize(("n", "smallest"), [(5, 0.0625), (6, 0.03125), (8, 0.0078125), (10, 0.001953125)])
def test_smallest_reachable_p_of_the_signed_rank_test(n, smallest):
    assert significance.wilcoxon_p(np.arange(1.0, n + 1)) == pytest.approx(smallest)
    assert significance.refusal(n, 1, alpha=smallest) == ""
    assert f"{n + 1} pairs of runs are needed" in significance.refusal(n, 1, alpha=smallest * 0.99)


@pytest.mark.parametrize("n", [9, 60])
def test_signed_ranks_of_many_columns_are_those_of_each(n):
    columns = np.random.default_rng(n).normal(0.3, 1.0, (n, 6))
    columns[:, 1] = columns[:, 1].round()  # ties and zeros
    columns[:3, 2] = 0.0
    columns[:, 3] = 0.0
    expected = []
    for place, column in enumerate(columns.T):
        method = "exact" if n <= 50 and place not in (1, 2) else "approx"
        found = stats.wilcoxon(column, zero_method="pratt", method=method) if any(column) else None
        expected.append(found.pvalue if found else 1.0)
    assert significance.wilcoxon_ps(columns).tolist() == expected


def test_signed_rank_of_no_difference_is_one():
    assert significance.wilcoxon_p(np.zeros(0)) == 1.0
    assert significance.wilcoxon_p(np.zeros(8)) == 1.0
    assert significance.rank_biserial(np.zeros(8)) == 0.0


@given(values)
def test_effect_sizes_change_sign_with_the_direction(d):
    assert -1 <= significance.rank_biserial(d) <= 1
    assert significance.rank_biserial(-d) == pytest.approx(-significance.rank_biserial(d))
    assert significance.wilcoxon_p(d) == pytest.approx(significance.wilcoxon_p(-d))


@given(values, values)
def test_probability_of_improvement_by_counting(x, y):
    wins = (x[:, None] < y[None]).mean() + 0.5 * (x[:, None] == y[None]).mean()
    assert significance.probability_of_improvement(x, y) == pytest.approx(wins)
