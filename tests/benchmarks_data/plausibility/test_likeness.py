"""Likeness of columns: one measurement written twice lies on a line, two measurements do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.plausibility.likeness import FAR, likeness

RNG = np.random.default_rng(0)
VALUES = np.round(60 + 15 * RNG.beta(3, 1, 300), 2)


@pytest.mark.parametrize(
    "way",
    [
        lambda v: v,
        lambda v: v.astype(np.float32).astype(float),
        lambda v: v - 3e-6,
        lambda v: np.round(v / 100, 6),
        lambda v: 100 - v,
        lambda v: (100 - v) / 100,
        lambda v: np.where(RNG.random(len(v)) < 0.6, np.round(v + 0.01, 2), v),
        lambda v: v + RNG.normal(0, 0.002, len(v)),
        lambda v: np.where(RNG.random(len(v)) < 0.7, v, v + RNG.normal(0, 2, len(v))),
    ],
    ids=["same", "single", "digits", "fraction", "error", "share of error", "last digit", "tiny noise", "seven of ten"],
)
def test_a_copy_otherwise_written_is_near(way: Callable[[np.ndarray], np.ndarray]) -> None:
    assert likeness(VALUES, way(VALUES)).distance < 0.002


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 1.5), st.sampled_from([30, 300, 5000]))
def test_two_noisy_measurements_are_not(seed: int, sd: float, rows: int) -> None:
    rng = np.random.default_rng(seed)
    quality = 60 + 35 * rng.beta(5, 1, rows)
    quality[: rows // 3] = 10.0  # diverged trainings, at chance in both
    one, other = (quality + rng.normal(0, sd, rows) for _ in range(2))
    found = likeness(np.round(one, 2), np.round(other, 2))
    assert found.distance > 0.008
    assert found.rounded < 0.5


def test_rows_at_chance_level_are_no_copy() -> None:
    one, other = np.full((2, 1000), 10.0)
    one[:400], other[:400] = VALUES[:200].repeat(2) + RNG.normal(0, 0.5, (2, 400))
    assert likeness(one, other).distance > 0.02


def test_digits_are_counted_only_where_they_tell() -> None:
    coarse = RNG.integers(80, 84, (2, 400)).astype(float)
    assert likeness(coarse[0], coarse[1]).distance == FAR
    rounded = likeness(60 + 35 * RNG.random(300), VALUES)
    assert rounded.rounded < 0.05
    exact = np.linspace(60.0, 75.0, 300) + RNG.normal(0, 1e-7, 300)
    assert likeness(exact, np.round(exact, 1)).rounded == 1.0


def test_a_rising_curve_keeps_the_order() -> None:
    found = likeness(VALUES, np.exp(VALUES / 5))
    assert found.rank < 1e-9
    assert found.distance > 0.01


def test_too_few_or_constant_values_say_nothing() -> None:
    assert likeness(VALUES[:5], VALUES[:5]).distance == FAR
    assert likeness(np.ones(50), VALUES[:50]).distance == FAR
    assert likeness(np.full(50, np.nan), VALUES[:50]).pairs == 0
