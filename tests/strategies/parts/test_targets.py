"""Targets: monotone, and never without a value."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.parts import targets


@pytest.mark.parametrize("name", targets.NAMES)
@pytest.mark.parametrize("objectives", [[3.0, 1.0, 1.0, 90.0], [-94.0, -90.0, 0.0], [0.0, 5.0]])
def test_order_and_ties_are_kept_and_values_are_finite(name, objectives):
    given = np.array(objectives)
    fitted = targets.transformed(name, given)
    assert np.isfinite(fitted).all()
    assert np.array_equal(np.sign(fitted[:, None] - fitted), np.sign(given[:, None] - given))


def test_logarithms_where_all_are_positive():
    np.testing.assert_allclose(targets.transformed("log", np.array([1.0, np.e])), [0.0, 1.0])
