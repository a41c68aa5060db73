"""Centres and areas: other libraries, known answers and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.errors import HarnessError
from reports.statistics import centres

values = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3))


def test_iqm_of_one_to_eight_is_four_and_a_half():
    assert centres.centre_of(np.arange(1, 9), "iqm") == 4.5


@given(values)
def test_centres_agree_with_scipy_and_numpy(x):
    assert centres.centre_of(x, "iqm") == pytest.approx(stats.trim_mean(x, 0.25), abs=1e-9)
    assert centres.centre_of(x, "median") == pytest.approx(np.median(x), abs=1e-9)
    assert centres.centre_of(x, "mean") == pytest.approx(x.mean(), abs=1e-9)


def test_a_centre_of_an_undefined_value_is_undefined():
    assert np.isnan(centres.centre_of([1.0, np.nan, 3.0, 4.0], "median"))


def test_log_auc_known_answer():
    assert centres.log_auc(np.array([1.0, 10.0]), np.array([1.0, 0.1]), 1.0, 100.0) == pytest.approx(0.55)


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=8), st.integers(2, 500))
def test_log_auc_lies_between_the_extremes_and_ignores_what_comes_after(y, stop):
    x = np.arange(1.0, len(y) + 1)
    area = centres.log_auc(x, np.array(y), 1.0, float(stop))
    assert min(y) - 1e-9 <= area <= max(y) + 1e-9
    later = centres.log_auc(np.append(x, 1000.0), np.array([*y, 99.0]), 1.0, float(stop))
    assert later == pytest.approx(area)


def test_log_auc_needs_a_value_at_its_start():
    with pytest.raises(HarnessError, match="start"):
        centres.log_auc(np.array([2.0]), np.array([1.0]), 1.0, 10.0)
