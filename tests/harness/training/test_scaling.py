"""Compound scaling: coefficients, grids and rounding against known answers, and the multiply-adds of sizes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.training import networks, recipe
from harness.training.data.resampled import resampled
from harness.training.scaling import (
    Coefficients,
    Size,
    alone,
    check_base,
    grid,
    published,
    rounded_width,
    scaled,
)
from tests.harness.training.support import pictures, signals

RESNET = np.array([[3, 0, 3, 1, 0, 1]])


@pytest.mark.parametrize(
    ("width", "depth", "length", "macs"),
    [(8, 1, 40, 116), (12, 1, 40, 261), (17, 1, 40, 523), (12, 2, 40, 503), (12, 1, 80, 522), (14, 1, 60, 532),
     (14, 2, 40, 684), (24, 1, 40, 1041), (12, 4, 40, 987), (12, 2, 60, 754), (16, 2, 60, 1340)],
)  # fmt: skip
def test_the_multiply_adds_of_the_micro_network_at_several_sizes(width, depth, length, macs):
    micro = recipe.load("micro").but(channels=width, cells=depth)
    found = networks.cost("nb201", RESNET, micro, (1, 1, length), 10).macs[0]
    assert round(found / 1000) == macs


def test_the_published_coefficients_about_double_the_cost_of_images_and_of_signals():
    assert published(2) == Coefficients(1.2, 1.1, 1.15)
    assert [round(published(dimensions).product(dimensions), 3) for dimensions in (1, 2)] == [1.92, 1.92]


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("dimension", ["depth", "width", "resolution"])
def test_one_dimension_alone_doubles_the_cost(dimension, dimensions):
    assert alone(dimension, dimensions).product(dimensions) == pytest.approx(2)


def test_the_grid_holds_every_point_near_the_target_and_no_other():
    points = grid(0.05, 0.1, 2)
    assert len(points) == len(set(points)) == 108
    assert all(abs(point.product(2) - 2) < 0.1 for point in points)
    assert Coefficients(1.2, 1.1, 1.15) in points
    assert Coefficients() not in points


def test_widths_are_never_below_nine_tenths_of_what_was_asked_for():
    for multiple in (1, 4, 8):
        for width in np.linspace(1, 70, 300):
            found = rounded_width(float(width), multiple)
            assert found % multiple == 0
            assert found >= 0.9 * width
            assert found <= max(width, multiple) + multiple


def test_sizes_begin_at_the_base_and_never_shrink():
    base = Size(8, 1, 40)
    for coefficients in (alone("width", 1), alone("depth", 1), alone("resolution", 1), published(1)):
        sizes = [scaled(base, coefficients, phi, 4) for phi in range(6)]
        assert sizes[0] == base
        for name in ("channels", "cells", "length"):
            values = [getattr(size, name) for size in sizes]
            assert values == sorted(values)
    assert scaled(base, alone("depth", 1), 4, 4) == Size(8, 16, 40)
    assert scaled(base, alone("width", 1), 4, 4) == Size(32, 1, 40)
    assert scaled(base, alone("resolution", 1), 4, 4) == Size(8, 1, 640)


def test_bases_that_are_no_multiples_and_shrinking_coefficients_are_refused():
    with pytest.raises(HarnessError, match="`channels` must be a multiple of 8, to which sizes are rounded, got 12"):
        check_base(Size(12, 1, 40), 8)
    with pytest.raises(HarnessError, match="`length` must be a multiple of 4"):
        check_base(Size(8, 1, 42), 8)
    with pytest.raises(HarnessError, match="`depth` must be at least 1"):
        Coefficients(0.5)
    with pytest.raises(HarnessError, match="`width` must be at most"):
        Coefficients(1.0, 1e300)


def test_a_signal_is_interpolated_between_its_values():
    dataset = signals()
    assert resampled(dataset, 12) is dataset
    finer = resampled(dataset, 24)
    before, after = dataset.images["valid"][0, 0, 0], finer.images["valid"][0, 0, 0]
    assert after.shape == (24,)
    np.testing.assert_allclose(after[1::2][:-1], 0.75 * before[:-1] + 0.25 * before[1:], rtol=1e-5)
    np.testing.assert_allclose(after[2::2], 0.25 * before[:-1] + 0.75 * before[1:], rtol=1e-5, atol=1e-6)
    assert after[0] == before[0]
    assert after[-1] == before[-1]
    assert finer.labels is dataset.labels


def test_straight_lines_stay_straight_and_images_keep_their_channels():
    dataset = pictures()
    for split in dataset.images:
        dataset.images[split][:] = np.arange(8)[:, None] * 16 + np.arange(8)
    finer = resampled(dataset, 16).images["train"]
    assert finer.shape == (30, 3, 16, 16)
    inner = np.arange(1, 15) / 2 - 0.25
    np.testing.assert_allclose(finer[0, 0, 1:-1, 1:-1], inner[:, None] * 16 + inner, rtol=1e-6)
