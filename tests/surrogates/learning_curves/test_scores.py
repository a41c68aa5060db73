"""Scores and features of curves."""

from __future__ import annotations

import numpy as np

from surrogates.learning_curves import scores

CURVES = np.array([[9.0, 5.0, 6.0, np.nan], [8.0, np.nan, np.nan, np.nan], [4.0, 3.0, 2.0, 1.0]])


def test_values_of_curves_of_unequal_length():
    assert scores.last_value(CURVES).tolist() == [6.0, 8.0, 1.0]
    assert scores.best_value(CURVES).tolist() == [5.0, 8.0, 1.0]
    assert scores.mean_of_last(CURVES, 2).tolist() == [5.5, 8.0, 1.5]
    assert scores.mean_of_last(CURVES, 9).tolist() == [20 / 3, 8.0, 2.5]


def test_no_value_is_no_number():
    empty = np.full((1, 3), np.nan)
    for score in (scores.last_value(empty), scores.best_value(empty), scores.mean_of_last(empty, 2)):
        assert np.isnan(score).all()


def test_sums_of_training_losses():
    assert scores.sum_of_losses(CURVES).tolist() == [20.0, 8.0, 10.0]
    assert scores.sum_of_losses(CURVES, 1).tolist() == [6.0, 8.0, 1.0]
    assert scores.sum_of_losses(CURVES, 2).tolist() == [11.0, 8.0, 3.0]
    # 4, 0.5 x 4 + 0.5 x 3 = 3.5, 2.75, 1.875
    assert scores.sum_of_smoothed_losses(CURVES, 0.5)[2] == 4 + 3.5 + 2.75 + 1.875
    assert scores.sum_of_smoothed_losses(CURVES, 0.0).tolist() == scores.sum_of_losses(CURVES).tolist()


def test_features_of_curves():
    features = scores.curve_features(np.array([[10.0, 20.0, 25.0]]))
    np.testing.assert_allclose(features, [[10, 20, 25, 10, 5, -5, 18.3333, 6.2361]], atol=5e-5)
    assert [scores.curve_features(np.ones((2, width))).shape[1] for width in (1, 2, 3, 10)] == [3, 5, 8, 29]
