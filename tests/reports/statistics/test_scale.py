"""The scale of a metric: equal values, floors and digits follow its own numbers, whatever its unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.statistics.scale import Scale, merged, merged_sizes, resolution_of

COUNTS = np.random.default_rng(3).integers(7_000, 9_160, (400, 3))
"""Right answers of three trainings, of 10,000."""


def scale_of(values, **changes):
    return Scale.of(values, np.full(len(values), True), **{"direction": "maximise", "unit": "percent"} | changes)


def recorded(noise: float, factor: float = 1.0, shift: float = 0.0):
    """Return means over three trainings with recorded digits and noise below them."""
    rng = np.random.default_rng(4)
    return ((COUNTS * 0.01 + rng.normal(0, noise, COUNTS.shape)) * factor + shift).mean(axis=1)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-6])
@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (-1.0, 100.0), (1e-13, 0.0)])
def test_means_that_are_equal_but_for_noise_are_one_number(noise, factor, shift):
    sums = COUNTS.sum(axis=1)
    values = recorded(noise, factor, shift)
    scale = scale_of(values)
    assert not noise or len(np.unique(values)) > len(np.unique(sums)), "the noise is there"
    assert len(np.unique(scale.settled(values))) == len(np.unique(sums))
    order = np.argsort(scale.settled(values), kind="stable")
    assert (np.diff(sums[order]) * np.sign(factor) >= 0).all()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([1e-11, 1e-5, 1.0, 1e5]), st.floats(-3, 3))
def test_continuous_values_have_no_noise(seed, size, tail):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.lognormal(0, 1, 200), rng.normal(10.0**tail, 1, 200) * 10.0**tail]) * size
    known = np.unique(values)
    assert resolution_of(known) < 1e-14 * np.abs(known).max()


def test_a_few_diverged_trainings_make_no_noise_of_all_others():
    rng = np.random.default_rng(0)
    known = np.unique(np.concatenate([rng.normal(0.1, 0.01, 300), [1e6, 5e7, 3e9, 8e11]]))
    assert resolution_of(known) < 0.01


def test_the_regret_of_the_best_is_zero_and_none_is_negative():
    values = recorded(1e-9)
    scale = scale_of(values)
    settled = scale.settled(values)
    assert (settled.max() - settled >= 0).all()
    assert scale.settled(np.array([values.max(), values.max() + scale.resolution / 2]))[0] == settled.max()


def test_predictions_that_are_in_no_row_are_grouped_among_themselves():
    scale = scale_of(np.array([1.0, 2.0, 3.0]))
    found = scale.settled(np.array([0.1 + 0.2, 0.3, 2.5, np.nan]))
    assert found[0] == found[1]
    assert found[2] == 2.5
    assert np.isnan(found[3])


def test_equal_sizes_of_differences_are_one_number_and_what_is_none_is_zero():
    differences = np.array([0.3 - 0.1, 0.2, -(0.6 - 0.4), 1e-17, -1e-17, 0.0])
    assert len({abs(value) for value in differences}) > 2
    found = merged_sizes(differences, 1e-15)
    assert len(set(np.abs(found[:3]))) == 1
    assert np.sign(found).tolist() == [1, 1, -1, 0, 0, 0]
    assert merged(np.array([]), 1.0).tolist() == []


@pytest.mark.parametrize(
    ("factor", "floor", "decimals", "exponent"),
    [
        (1.0, 0.1, 2, False),
        (1e-6, 1e-7, 8, True),
        (1e-11, 1e-12, 13, True),
        (1e6, 1e5, -4, True),
        (1e3, 1e2, -1, False),
    ],
)
def test_floors_and_digits_follow_the_values(factor, floor, decimals, exponent):
    values = np.array([90.0, 89.0, 88.0, 40.0, 30.0]) * factor
    scale = scale_of(values, unit="points")
    assert (scale.floor, scale.decimals, scale.exponent) == (pytest.approx(floor, rel=1e-12), decimals, exponent)


def test_values_that_are_all_equal_have_a_scale():
    for value in (0.0, 93.25, 1e-9):
        scale = scale_of(np.full(4, value), unit="")
        assert scale.settled(np.full(2, value)).tolist() == [value] * 2
        assert scale.floor > 0
