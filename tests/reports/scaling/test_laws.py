"""Laws of scaling against curves that are known."""

from __future__ import annotations

import numpy as np
import pytest

from reports.scaling.laws import EXPONENTS, fit, front, macs_at

MACS = np.array([1e5, 2e5, 4e5, 8e5, 1.6e6])


@pytest.mark.parametrize(("c", "a", "place"), [(4.0, 9.0, 100), (0.0, 12.0, 130), (5.0, 1.0, 150)])
def test_a_law_without_noise_is_found_again(c, a, place):
    law = fit(MACS, c + a * (MACS / MACS[0]) ** -EXPONENTS[place])
    assert (law.c, law.a) == (pytest.approx(c, abs=1e-6), pytest.approx(a, rel=1e-6))
    assert law.b == EXPONENTS[place]


def test_many_laws_are_fitted_as_each_alone():
    errors = 5 + 10 * (MACS / MACS[0]) ** -0.5 + np.random.default_rng(0).normal(size=(7, 5))
    together = fit(MACS, errors)
    each = [fit(MACS, one) for one in errors]
    for name in ("c", "a", "b"):
        np.testing.assert_allclose(getattr(together, name), [getattr(law, name) for law in each])
    assert (together.c >= 0).all()
    assert (together.a >= 0).all()


def test_errors_that_rise_have_no_slope():
    law = fit(MACS, np.array([3.0, 4.0, 5.0, 6.0, 7.0]))
    assert law.a == law.b == 0
    assert law.c == pytest.approx(5)


def test_costs_at_equal_error_are_linear_in_the_logarithm_and_never_extrapolated():
    errors = np.array([10.0, 8.0, 6.0, 4.0, 2.0])
    assert macs_at(MACS, errors, 7.0) == pytest.approx(2e5 * np.sqrt(2))
    assert macs_at(MACS, errors, 10.0) == pytest.approx(MACS[0])
    assert macs_at(MACS, errors, 1.9) == np.inf
    worse_later = np.array([10.0, 8.0, 9.0, 4.0, 6.0])
    assert macs_at(MACS, worse_later, 6.0) == pytest.approx(4e5 * np.sqrt(2))


def test_the_front_of_four_networks():
    assert front(np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 3.0, 4.0, 1.0])).tolist() == [True, True, False, True]
    assert front(np.array([1.0, 1.0]), np.array([2.0, 2.0])).all()
