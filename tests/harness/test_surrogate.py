"""Requests to learners: what is no answer is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.surrogate import Fit, Predict, Prediction, Surrogate, serve
from harness.testing.toy import ToyBenchmark

SPACE = ToyBenchmark().space


class Odd(Surrogate):
    """Answers what it is told to answer."""

    def __init__(self, space, *, encoding="one_hot") -> None:
        super().__init__(space, encoding=encoding)
        self.fitted, self.said = copy.copy(self), None

    def fit(self, archs, targets, rng, covariates=None):
        return self.fitted

    def predict(self, archs, covariates=None):
        return self.said


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Prediction(np.zeros((3, 1)), np.zeros(3)), r"`mean and std` must be \(3,\) or \(3, m\) both, in Odd, got"),
        (Prediction(np.zeros(4), np.zeros(4)), r"`mean and std` must be \(3,\)"),
        (Prediction(np.array([0.0, np.nan, 1.0]), np.ones(3)), "Odd predicts nan: `mean` must be finite"),
        (Prediction(np.zeros(3), np.array([1.0, -1.0, 0.0])), "a `std` that is negative or not finite"),
        (Prediction(np.zeros(3), np.full(3, np.inf)), "a `std` that is negative or not finite"),
        (np.zeros(3), "`predict` must return a Prediction, in Odd"),
    ],
)
def test_what_is_no_prediction_is_refused(said, message):
    model = Odd(SPACE)
    model.said = said
    with pytest.raises(HarnessError, match=message):
        serve([Predict(model, SPACE.sample(3, np.random.default_rng(0)))])


def test_a_std_that_is_said_to_be_none_is_not_looked_at():
    model = Odd(SPACE)
    model.has_std, model.said = False, Prediction(np.zeros(3), np.full(3, -1.0))
    assert serve([Predict(model, SPACE.sample(3, np.random.default_rng(0)))]) == [model.said]


def test_a_fit_that_returns_nothing_is_refused():
    learner, archs = Odd(SPACE), SPACE.sample(3, np.random.default_rng(0))
    learner.fitted = None
    with pytest.raises(HarnessError, match="`fit` must return a fitted copy of Odd, got None"):
        serve([Fit(learner, archs, np.zeros(3), np.random.default_rng(0))])
