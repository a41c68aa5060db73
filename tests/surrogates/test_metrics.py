"""Metrics of predictions, against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.errors import HarnessError
from surrogates import metrics
from surrogates.metrics import (
    best_rank_at,
    coverage,
    kendall_tau,
    mean_absolute_error,
    negative_log_likelihood,
    pearson,
    precision_at,
    probability_integral_transform,
    regret_at,
    root_mean_squared_error,
    sharpness,
    sparse_kendall_tau,
    spearman,
)

CHOICES = (precision_at, best_rank_at, regret_at)
ORDERS = (kendall_tau, sparse_kendall_tau, spearman, pearson)


def test_kendall_tau_b_of_a_list_with_ties():
    assert kendall_tau(np.array([1, 1, 2, 3]), np.array([1, 2, 2, 3])) == pytest.approx(0.8)
    assert kendall_tau(np.arange(9.0), -np.arange(9.0)) == pytest.approx(-1)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=20))
def test_correlations_are_those_of_scipy(pairs):
    x, y = np.array(pairs, dtype=np.float64).T
    if len(set(x)) > 1 < len(set(y)):
        assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert pearson(-x, y) == pytest.approx(-pearson(x, y), abs=1e-12)


@pytest.mark.parametrize("constant", [np.full(6, 0.1), np.full(6, -3.0)])
def test_what_ranks_nothing_is_nan(constant):
    varied = np.arange(6.0)
    for one, other in ((constant, varied), (varied, constant)):
        assert all(np.isnan(metric(one, other)) for metric in ORDERS)
        assert all(np.isnan(metric(one, other, 2)) for metric in CHOICES)
    assert np.isnan(sparse_kendall_tau(0.1 + varied / 1000, varied)), "equal, after rounding"


def test_rounding_is_of_predictions_alone_and_in_their_unit():
    predicted, observed = np.array([0.10, 0.12, 0.31]), np.array([0.01, 0.02, 0.03])
    assert sparse_kendall_tau(predicted, observed) == pytest.approx(np.sqrt(2 / 3))
    assert sparse_kendall_tau(predicted, observed, step=0.01) == 1
    assert sparse_kendall_tau(100 * predicted, observed, step=10) == pytest.approx(np.sqrt(2 / 3))
    with pytest.raises(HarnessError, match="`step` must be greater than 0"):
        sparse_kendall_tau(predicted, observed, step=0.0)


@given(st.integers(2, 30), st.integers(0, 99))
def test_a_perfect_predictor_chooses_the_best_and_more_choices_are_never_worse(n, seed):
    rng = np.random.default_rng(seed)
    observed, predicted = rng.permutation(float(n) + np.arange(n)), rng.random(n)
    for k in range(1, n):
        assert (precision_at(observed, observed, k), best_rank_at(observed, observed, k)) == (1, 1)
        assert regret_at(3 * observed - 7, observed, k) == 0
        assert regret_at(predicted, observed, k + 1) <= regret_at(predicted, observed, k)
        # Results are n to 2n - 1, each once: a rank is a regret plus 1.
        assert best_rank_at(predicted, observed, k) == regret_at(predicted, observed, k) + 1
    assert precision_at(predicted, observed, n) == 1
    assert precision_at(-observed, observed, max(n // 2, 1)) == 0


def test_how_many_are_chosen_is_checked():
    for metric in CHOICES:
        for k in (0, 4):
            with pytest.raises(HarnessError, match="`k` must be at"):
                metric(np.arange(3.0), np.arange(3.0), k)


def test_measures_of_a_calibrated_prediction():
    observed = stats.norm.ppf((np.arange(2000) + 0.5) / 2000, loc=3, scale=2)
    mean, std = np.full(2000, 3.0), np.full(2000, 2.0)
    levels = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(coverage(mean, std, observed, levels), levels, atol=1e-3)
    assert (coverage(mean, std / 2, observed, levels) < levels - 0.04).all()
    np.testing.assert_allclose(probability_integral_transform(mean, std, observed), (np.arange(2000) + 0.5) / 2000)
    assert sharpness(std) == 2
    assert sharpness(np.array([1.0, 7.0])) == 5
    assert negative_log_likelihood(np.zeros(1), np.ones(1), np.zeros(1)) == pytest.approx(0.5 * np.log(2 * np.pi))
    assert root_mean_squared_error(np.array([1.0, 2.0]), np.array([4.0, 6.0])) == pytest.approx(np.sqrt(12.5))
    assert mean_absolute_error(np.array([1.0, 2.0]), np.array([4.0, 6.0])) == 3.5


def test_every_metric_is_tested_here():
    public = {name for name, item in vars(metrics).items() if getattr(item, "__module__", "") == metrics.__name__}
    assert {name for name in public if not name.startswith("_")} <= set(globals())
