"""Intervals of proportions against values known elsewhere, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from reports.statistics.proportions import paired, percent, wilson


@pytest.mark.parametrize(("right", "items"), [(0, 10), (10, 10), (7, 10), (4321, 10_000), (1, 1)])
def test_wilsons_interval_is_that_of_statsmodels(right, items):
    found = wilson(right, items)
    assert found.value == right / items
    assert (found.low, found.high) == pytest.approx(proportion_confint(right, items, method="wilson"), abs=1e-12)


def test_the_paired_interval_by_hand():
    """(46 - 26) / 1002 = .01996; sd sqrt((72 / 1002 - .01996**2) / 1002) = .008447; times 1.96 = .01656."""
    found = percent(paired(45, 25, 1000))
    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((0.340, 3.652), abs=1e-3)


def test_gains_and_losses_change_places():
    one, other = paired(7, 2, 50), paired(2, 7, 50)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert paired(0, 0, 20).low < 0 < paired(0, 0, 20).high


def test_the_paired_interval_holds_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).multinomial(200, [0.08, 0.05, 0.87], size=2000)
    held = [(found := paired(int(gained), int(lost), 200)).low <= 0.03 <= found.high for gained, lost, _ in draws]
    assert 0.935 <= np.mean(held) <= 0.975
