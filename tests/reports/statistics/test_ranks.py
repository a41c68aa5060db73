"""Ranks and tests over benchmarks: published tables and other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from reports.statistics import ranks
from tests.paths import ROOT

PEER = json.loads((ROOT / "tests" / "peers" / "posthocs_nemenyi.json").read_text(encoding="utf-8"))


def test_ranks_share_ties_and_put_the_undefined_last():
    np.testing.assert_array_equal(ranks.average_ranks(np.array([[0.2, 0.1, 0.2, np.nan]])), [[2.5, 1, 2.5, 4]])


def test_demsar_example():
    chi2, f, p = ranks.friedman(np.array([3.143, 2.000, 2.893, 1.964]), 14)
    assert (round(chi2, 2), round(f, 2)) == (9.28, 3.69)
    assert p < 0.05
    assert ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(("k", "n", "expected"), [(5, 3, 3.52), (8, 3, 6.06), (5, 10, 1.93), (8, 25, 2.10)])
def test_critical_differences(k, n, expected):
    assert ranks.critical_difference(k, n) == pytest.approx(expected, abs=0.005)


def test_friedman_agrees_with_scipy_without_ties():
    x = np.random.default_rng(3).normal(size=(9, 4))
    chi2, _, _ = ranks.friedman(ranks.average_ranks(x).mean(axis=0), 9)
    assert chi2 == pytest.approx(stats.friedmanchisquare(*x.T).statistic)


def test_fewer_than_five_benchmarks_are_not_tested_together():
    assert ranks.refusal(5) == ""
    assert "needs at least 5 of them and has 4" in ranks.refusal(4)


@pytest.mark.parametrize("case", PEER["cases"])
def test_groups_within_the_critical_difference_are_the_cliques_of_scikit_posthocs(case):
    blocks, p = np.array(case["blocks"]), np.array(case["p"])
    mean_ranks = ranks.average_ranks(blocks).mean(axis=0)
    difference = ranks.critical_difference(len(mean_ranks), len(blocks))
    apart = np.abs(mean_ranks[:, None] - mean_ranks) > difference
    np.testing.assert_array_equal(apart, (p < 0.05) & ~np.eye(len(p), dtype=bool))
    assert sorted(sorted(group) for group in ranks.groups_within(mean_ranks, difference)) == case["cliques"]


def test_groups_are_the_largest_ones_and_none_stands_alone():
    assert ranks.groups_within(np.array([1.0, 2.0, 3.0]), 0.5) == []
    assert ranks.groups_within(np.array([1.0, 2.0, 3.0]), 5.0) == [(0, 1, 2)]
    assert ranks.groups_within(np.array([2.0, 1.0, 2.0]), 1.0) == [(1, 0, 2)]
