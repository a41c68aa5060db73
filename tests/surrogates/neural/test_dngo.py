"""DNGO against networks trained by torch one by one, and what its targets may change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.surrogate import Fit
from surrogates.linear.evidence import fit_head
from surrogates.neural.dngo import DNGO
from surrogates.neural.gradients import Batch, Rows, Workspace
from surrogates.neural.networks import Shape, Stack
from surrogates.neural.training import Fitting
from tests.surrogates.neural.support import random_stack, train_plainly
from tests.surrogates.support import SPACE, truth


def fitted(targets, **more):
    archs = SPACE.sample(len(targets), np.random.default_rng(0))
    return DNGO(SPACE, epochs=40, **more).fit(archs, targets, np.random.default_rng(1))


ARCHS = SPACE.sample(30, np.random.default_rng(0))
POOL = SPACE.sample(20, np.random.default_rng(2))


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_manual_gradients_of_tanh_networks_are_those_of_autograd(layers):
    shape, count, size = Shape(7, layers, 5, "tanh"), 4, 9
    flat, stack = random_stack(shape, count)
    features, target, weight = torch.rand(count, size, 7), torch.randn(count, 1, size), torch.rand(count, 1, size)
    written = torch.full_like(flat, np.nan)
    gradient = Stack.of(written, shape, count)
    Batch(stack, gradient, Workspace.of(stack, size), Rows(features, target, weight), squared=True).differentiate()

    leaf = flat.clone().requires_grad_()
    first, hidden, bias, last, last_bias = list(vars(Stack.of(leaf, shape, count)).values())[:5]
    active = torch.tanh(torch.baddbmm(bias[0], first, features.mT))
    for weights, offset in zip(hidden, bias[1:], strict=True):
        active = torch.tanh(torch.baddbmm(offset, weights, active))
    outputs = torch.baddbmm(last_bias, last, active)
    torch.testing.assert_close(stack.forward(features), outputs[:, 0].detach(), rtol=1e-5, atol=1e-6)
    (0.5 * weight * (outputs - target) ** 2).sum().backward()
    torch.testing.assert_close(written, leaf.grad, rtol=1e-4, atol=1e-6)


def test_it_is_a_head_on_a_network_trained_by_torch():
    learner = DNGO(SPACE, layers=2, width=6, epochs=15)
    task = Fit(learner, ARCHS, truth(ARCHS), np.random.default_rng(4))
    job = learner._job(Fit(learner, ARCHS, truth(ARCHS), np.random.default_rng(4)))
    fitting = Fitting(15, 10, 0.01, squared=True, beta2=0.999, epsilon=1e-8)
    (network,) = train_plainly(job, learner._shape(20), fitting)
    features = SPACE.one_hot(ARCHS)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    np.testing.assert_allclose(job.features, (features - mean) / scale, rtol=1e-5, atol=1e-6)
    targets = (truth(ARCHS) - truth(ARCHS).mean()) / truth(ARCHS).std()
    np.testing.assert_allclose(job.targets[0], targets, rtol=1e-5, atol=1e-6)

    def basis(archs):
        rows = torch.from_numpy(((SPACE.one_hot(archs) - mean) / scale).astype(np.float32))
        return network[:-1](rows).detach().numpy().astype(np.float64)

    head = fit_head(basis(ARCHS), targets)
    expected, variance = head.predict(basis(POOL))
    said = learner.fit_many([task])[0].predict(POOL)
    np.testing.assert_allclose(said.mean, truth(ARCHS).mean() + truth(ARCHS).std() * expected, rtol=2e-3)
    np.testing.assert_allclose(said.std, truth(ARCHS).std() * np.sqrt(variance), rtol=2e-2)


def test_a_change_of_unit_changes_the_unit_of_what_is_predicted():
    plain, moved = (fitted(values).predict(POOL) for values in (truth(ARCHS), 0.01 * truth(ARCHS) - 7))
    np.testing.assert_allclose(moved.mean, 0.01 * plain.mean - 7, rtol=1e-4)
    np.testing.assert_allclose(moved.std, 0.01 * plain.std, rtol=1e-2)


def test_equal_targets_are_predicted_everywhere():
    said = fitted(np.full(12, 0.1)).predict(POOL)
    np.testing.assert_allclose(said.mean, 0.1)
    assert np.isfinite(said.std).all()


def test_a_large_pool_is_predicted_in_parts(monkeypatch):
    model = fitted(truth(ARCHS))
    whole = model.predict(POOL)
    monkeypatch.setattr("surrogates.neural.dngo._POOL_ROWS", 7)
    np.testing.assert_allclose(model.predict(POOL).mean, whole.mean, rtol=1e-5)
    np.testing.assert_allclose(model.predict(POOL).std, whole.std, rtol=1e-4)


def test_defaults_are_those_of_the_comparisons():
    assert DNGO(SPACE).hyperparameters == {
        "layers": 3,
        "width": 50,
        "epochs": 500,
        "batch_size": 10,
        "learning_rate": 0.01,
    }


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"layers": 0}, "`layers` must be at least 1"),
        ({"epochs": 10**7}, "`epochs` must be at most 1000000"),
        ({"learning_rate": -1}, "`learning_rate` must be greater than 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        DNGO(SPACE, **given)
