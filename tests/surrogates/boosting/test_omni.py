"""Omni: covariates that are missing, endless or huge, and statistics of the rows that were learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.testing.conformance import check_surrogate
from surrogates.boosting.natural import NGBoost
from surrogates.boosting.omni import Normalisation, Omni
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_public_conformance_check_passes():
    assert len(check_surrogate(Omni(SPACE, rounds=10), rng())) >= 7


def test_without_covariates_it_is_ngboost():
    archs, pool = SPACE.sample(30, rng(0)), SPACE.sample(9, rng(1))
    one, other = (kind(SPACE, rounds=10).fit(archs, truth(archs), rng(2)).predict(pool) for kind in (Omni, NGBoost))
    np.testing.assert_array_equal(one.mean, other.mean)


def test_a_score_of_any_scale_helps_and_what_asks_later_does_not_change_the_scale():
    archs = SPACE.sample(60, rng(0))
    hidden = rng(1).normal(size=60)
    scores = np.stack([np.exp(80 + 10 * hidden), -hidden], axis=1)  # beyond single precision
    scores[::9, 0] = np.nan
    model = Omni(SPACE, rounds=60).fit(archs[:40], 10 + 3 * hidden[:40], rng(2), scores[:40])
    said = model.predict(archs[40:], scores[40:])
    assert np.corrcoef(said.mean, hidden[40:])[0, 1] > 0.8
    alone = model.predict(archs[41:42], scores[41:42])
    np.testing.assert_array_equal(alone.mean, said.mean[1:2])


def test_what_is_not_finite_is_worse_than_the_worst():
    seen = np.array([[1.0, np.nan], [-3.0, np.nan], [np.inf, np.nan]])
    known = Normalisation.of(seen)
    said = known.apply(seen)
    assert said[2, 0] < said[1, 0] < said[0, 0]
    assert said[:, 1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(said[:, 0].mean(), 0, atol=1e-12)


def test_covariates_of_another_shape_are_refused():
    archs = SPACE.sample(20, rng(0))
    with pytest.raises(HarnessError, match=r"`covariates` must have shape \(20, e\)"):
        Omni(SPACE).fit(archs, truth(archs), rng(), np.zeros(20))
    model = Omni(SPACE, rounds=2).fit(archs, truth(archs), rng(), np.zeros((20, 2)))
    for wrong in (None, np.zeros((20, 3))):
        with pytest.raises(HarnessError, match="as many columns as in `fit`"):
            model.predict(archs, wrong)
