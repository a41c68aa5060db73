"""The freeze-thaw process against the joint Gaussian that it takes apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from surrogates.learning_curves.decay import Shape, decay, evidence, lengths
from surrogates.learning_curves.freeze_thaw import FreezeThawProcess
from tests.surrogates.support import SPACE

EPOCHS = np.arange(1.0, 7.0)


def curves(n=12, seed=0):
    rng = np.random.default_rng(seed)
    archs = np.unique(SPACE.sample(4 * n, rng), axis=0)
    archs = archs[rng.permutation(len(archs))[:n]]
    ends = 20.0 + archs.astype(float).sum(axis=1)
    values = ends[:, None] + 60.0 * (2.0 / (EPOCHS + 2.0)) ** 2 + rng.normal(0.0, 0.3, (n, 6))
    cut = rng.integers(1, 7, n)
    return archs, np.where(np.arange(6) < cut[:, None], values, np.nan)


def test_the_kernel_of_decays():
    one = np.array(1.0)
    assert decay(one, one, 2.0, 1.0) == pytest.approx(1 / 9)
    assert decay(one, np.array(3.0), 2.0, 1.0) == pytest.approx(1 / 25)


def test_lengths_end_before_the_first_value_that_is_missing():
    nan = np.nan
    assert lengths(np.array([[1, 2, 3], [1, nan, 3], [nan, nan, nan]])).tolist() == [3, 1, 0]


def test_the_likelihood_of_curves_is_that_of_their_joint_normal():
    _, values = curves()
    shape = Shape(1.5, 2.0, 3.0, 0.1)
    told = evidence(shape, EPOCHS, values)
    total = 0.0
    for curve, count in zip(values, lengths(values).tolist(), strict=True):
        seen = EPOCHS[:count]
        cov = told.variance * (shape.covariance(seen) + 1.0)
        mean = told.level + told.drop * shape.mean(seen)
        total += multivariate_normal(mean, cov).logpdf(curve[:count])
    assert told.log_likelihood == pytest.approx(total, rel=1e-9)
    for moved in ((0.1, 0.0), (0.0, 0.1)):  # level and drop are the likeliest
        other = evidence(shape, EPOCHS, values, (told.level + moved[0], told.drop + moved[1]))
        assert other.log_likelihood < told.log_likelihood


def test_predictions_are_those_of_the_joint_process():
    archs, values = curves(10)
    learner = FreezeThawProcess(SPACE).over(EPOCHS)
    model = learner.fit(archs, np.nan_to_num(values[:, 0]), np.random.default_rng(0), values)
    new = SPACE.sample(5, np.random.default_rng(9))
    new = new[[arch.tobytes() not in model._fitted.rows for arch in new]]
    pool = np.concatenate([archs[:4], new])
    said = model.predict(pool, np.concatenate([values[:4], np.full((len(new), 6), np.nan)]))

    fitted, told, shape = model._fitted, model._fitted.told, model._fitted.shape
    where = [(row, t) for row, count in enumerate(lengths(values)) for t in range(count)]
    everyone = np.concatenate([archs, pool])
    hamming = (everyone[:, None] != everyone[None]).sum(axis=2) / model._unit
    kernel = (1 - fitted.own) * np.exp(-fitted.rate * hamming) + fitted.own * (hamming == 0)
    points = [(row, EPOCHS[t], row) for row, t in where]
    points += [(10 + place, EPOCHS[-1], place if place < 4 else 100 + place) for place in range(len(pool))]
    size = len(points)
    joint = np.empty((size, size))
    for i, (arch, t, curve) in enumerate(points):
        for j, (other, u, second) in enumerate(points):
            own = shape.amplitude * float(decay(np.array(t), np.array(u), shape.alpha, shape.beta))
            joint[i, j] = kernel[arch, other] + own * (curve == second)
    n = len(where)
    observed = joint[:n, :n] + shape.noise * np.eye(n)
    means = told.level + told.drop * shape.mean(np.array([point[1] for point in points]))
    residual = np.array([values[row, t] for row, t in where]) - means[:n]
    gain = np.linalg.solve(observed, joint[:n, n:]).T
    np.testing.assert_allclose(said.mean, means[n:] + gain @ residual, rtol=1e-8)
    variance = np.diagonal(joint[n:, n:] - gain @ joint[:n, n:])
    np.testing.assert_allclose(said.std, np.sqrt(told.variance * variance), rtol=1e-6)


def test_a_curve_that_was_not_learnt_from_is_taken_into_account():
    archs, values = curves(12)
    learner = FreezeThawProcess(SPACE, refit=1000).over(EPOCHS)
    some = learner.fit(archs[1:], np.zeros(11), np.random.default_rng(0), values[1:])
    before = some.predict(archs[:1], np.full((1, 6), np.nan))
    told = np.where(np.isnan(values[:1]), values[0, 0] - 1.0, values[:1])
    after = some.predict(archs[:1], told)
    assert after.std[0] < before.std[0]
    assert abs(after.mean[0] - told[0, -1]) < abs(before.mean[0] - told[0, -1]) + 1e-9


def test_without_curves_the_mean_is_predicted():
    archs, _ = curves(6)
    model = FreezeThawProcess(SPACE).fit(archs, np.arange(6.0), np.random.default_rng(0))
    assert model.predict(archs).mean.tolist() == [2.5] * 6
