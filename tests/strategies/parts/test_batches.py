"""Batch rules: what is believed, and what is kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.parts import batches


@pytest.mark.parametrize(
    ("rule", "believed"), [("liar_min", [1.0] * 2), ("liar_mean", [3.0] * 2), ("liar_max", [6.0] * 2)]
)
def test_a_constant_liar_believes_one_value_of_those_told(rule, believed):
    assert batches.lie(rule, np.array([1.0, 2.0, 6.0]), np.array([4.0, 5.0])).tolist() == believed


def test_a_believer_believes_its_model():
    assert batches.lie("believer", np.array([1.0]), np.array([4.0, 5.0])).tolist() == [4.0, 5.0]


def test_penalties_are_nothing_at_what_is_chosen_and_vanish_far_away():
    archs = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]])
    alone = batches.penalties(archs, archs[:1])
    np.testing.assert_allclose(alone, [0.0, 1 - np.exp(-1), 1 - np.exp(-3)], atol=1e-15)
    both = batches.penalties(archs, archs[[0, 2]])
    np.testing.assert_allclose(both, alone * batches.penalties(archs, archs[2:]), atol=1e-15)
    assert batches.penalties(archs, archs[:0]).tolist() == [1.0] * 3
