"""Scalarisations and weights."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.parts.scalarisation import AUGMENTATION, LATTICE_STEPS, lattice, linear, simplex, tchebycheff


@given(st.integers(2, 5), st.integers(1, 12))
def test_a_lattice_has_each_vector_once(objectives, steps):
    weights = lattice(objectives, steps)
    assert len(weights) == comb(steps + objectives - 1, objectives - 1) == len(np.unique(weights.round(9), axis=0))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights * steps, np.round(weights * steps), atol=1e-12)


def test_sizes_of_the_papers():
    assert LATTICE_STEPS == {2: 10, 3: 4}
    assert [len(lattice(2)), len(lattice(3)), len(lattice(2, 99)), len(lattice(3, 12))] == [11, 15, 100, 91]


def test_the_augmented_tchebycheff_function():
    assert tchebycheff(np.array([0.2, 0.6]), [0.3, 0.7], AUGMENTATION) == pytest.approx(0.444)
    assert tchebycheff(np.array([[0.2, 0.6], [0.9, 0.0]]), [0.3, 0.7]) == pytest.approx([0.42, 0.27])
    assert linear(np.array([[0.2, 0.6], [1.0, 0.0]]), [0.3, 0.7]) == pytest.approx([0.48, 0.3])


def test_weights_are_uniform_on_the_simplex():
    weights = simplex(20_000, 3, np.random.default_rng(0))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(weights.mean(axis=0), 1 / 3, atol=0.01)
    assert np.mean(weights[:, 0] > 0.5) == pytest.approx(0.25, abs=0.015)  # (1 - 1/2)^2
