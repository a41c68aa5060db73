"""Support-vector regression against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVR, NuSVR

from surrogates.support_vectors.regression import SupportVectors
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("given", "machine"),
    [
        ({}, NuSVR(C=5.31, nu=0.184, tol=0.003)),
        ({"kind": "epsilon", "epsilon": 0.2, "C": 2.0}, SVR(C=2.0, epsilon=0.2, tol=0.003)),
    ],
)
def test_the_mean_is_that_of_scikit_learn_on_standardised_targets(given, machine):
    archs, pool = SPACE.sample(50, rng(0)), SPACE.sample(20, rng(1))
    targets = truth(archs) + rng(2).normal(0, 1, 50)
    said = SupportVectors(SPACE, **given).fit(archs, targets, rng()).predict(pool)
    machine.fit(SPACE.one_hot(archs), (targets - targets.mean()) / targets.std())
    expected = targets.mean() + targets.std() * machine.predict(SPACE.one_hot(pool))
    np.testing.assert_allclose(said.mean, expected, rtol=1e-12)
    assert not said.std.any()


def test_it_shifts_and_scales_with_its_targets_and_learns_each_of_several_by_itself():
    archs, pool = SPACE.sample(30, rng(0)), SPACE.sample(20, rng(1))
    targets = np.stack([truth(archs), 7 - 3 * truth(archs)], axis=1)
    learner = SupportVectors(SPACE, kind="epsilon")
    both = learner.fit(archs, targets, rng()).predict(pool).mean
    np.testing.assert_allclose(both[:, 0], learner.fit(archs, targets[:, 0], rng()).predict(pool).mean)
    np.testing.assert_allclose(both[:, 1], 7 - 3 * both[:, 0], rtol=1e-2)
