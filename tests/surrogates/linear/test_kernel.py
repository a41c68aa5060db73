"""The least-squares classifier against dense algebra, and its growth row by row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from harness.errors import HarnessError
from harness.surrogate import Fit
from surrogates.linear.kernel import KernelClassifier
from tests.surrogates.support import SPACE, truth


def rng(seed=0):
    return np.random.default_rng(seed)


def labelled(n, seed=0):
    archs = SPACE.sample(n, rng(seed))
    return archs, (truth(archs) > np.median(truth(archs))).astype(float)


def test_it_is_kernel_ridge_regression_clipped():
    archs, labels = labelled(40)
    pool = SPACE.sample(30, rng(1))
    peer = KernelRidge(alpha=0.2, kernel="rbf", gamma=0.35).fit(SPACE.one_hot(archs), labels - labels.mean())
    expected = np.clip(labels.mean() + peer.predict(SPACE.one_hot(pool)), 0, 1)
    said = KernelClassifier(SPACE, decay=0.7, penalty=0.2).fit(archs, labels, rng()).predict(pool)
    np.testing.assert_allclose(said.mean, expected)
    np.testing.assert_allclose(said.std, np.sqrt(expected * (1 - expected)))


def test_labels_that_no_one_disputes_are_predicted():
    archs, labels = labelled(60)
    said = KernelClassifier(SPACE, penalty=1e-6).fit(archs, labels, rng()).predict(archs)
    np.testing.assert_allclose(said.mean, labels, atol=1e-3)


def test_growing_row_by_row_is_fitting_at_once():
    archs, labels = labelled(60)
    pool = SPACE.sample(20, rng(1))
    model = KernelClassifier(SPACE)
    for n in (10, 11, 12, 20, 21, 60):
        model = model.fit(archs[:n], 1 - labels[:n], rng())
    at_once = KernelClassifier(SPACE).fit(archs, 1 - labels, rng())
    np.testing.assert_allclose(model.predict(pool).mean, at_once.predict(pool).mean, atol=1e-10)


def test_other_rows_are_fitted_anew():
    archs, labels = labelled(60)
    pool = SPACE.sample(20, rng(1))
    model = KernelClassifier(SPACE).fit(archs[:30], labels[:30], rng())
    for part in (archs[:20], archs[30:]):
        expected = KernelClassifier(SPACE).fit(part, truth(part), rng()).predict(pool).mean
        np.testing.assert_array_equal(model.fit(part, truth(part), rng()).predict(pool).mean, expected)


def test_each_task_continues_from_its_own_model():
    archs = SPACE.sample(40, rng())
    models = [KernelClassifier(SPACE).fit(part, truth(part), rng()) for part in (archs[:20], archs[20:])]
    tasks = [
        Fit(model, part, truth(part), rng()) for model, part in zip(models, (archs[:21], archs[20:40]), strict=True)
    ]
    for task, model in zip(tasks, models[0].fit_many(tasks), strict=True):
        expected = KernelClassifier(SPACE).fit(task.archs, task.targets, rng()).predict(archs).mean
        np.testing.assert_allclose(model.predict(archs).mean, expected, atol=1e-10)


def test_permuting_the_codes_of_a_gene_changes_nothing():
    archs, labels = labelled(40)
    pool = SPACE.sample(20, rng(1))
    orders = [rng(gene).permutation(4) for gene in range(5)]

    def permuted(some):
        return np.stack([order[column] for order, column in zip(orders, some.T, strict=True)], axis=1)

    before, after = (
        KernelClassifier(SPACE).fit(f(archs), labels, rng()).predict(f(pool)) for f in (np.asarray, permuted)
    )
    np.testing.assert_allclose(before.mean, after.mean, atol=1e-12)


@pytest.mark.parametrize("name", ["decay", "penalty"])
def test_hyperparameters_out_of_range_are_refused(name):
    with pytest.raises(HarnessError, match=f"`{name}` must be greater than 0"):
        KernelClassifier(SPACE, **{name: 0.0})
