"""The batched trainer of the neural ensemble, against autograd and torch's own modules and optimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.surrogate import Fit
from harness.training.devices import compute_threads
from surrogates.metrics import kendall_tau
from surrogates.neural.dngo import DNGO
from surrogates.neural.ensemble import MLPEnsemble
from surrogates.neural.gradients import Batch, Rows, Workspace
from surrogates.neural.minibatches import Job
from surrogates.neural.networks import Shape, Stack, initial_parameters, interleave
from surrogates.neural.training import Fitting, Trainer
from tests.surrogates.neural.support import modules, random_stack, train_plainly
from tests.surrogates.support import SPACE, truth

FIELDS = ("first", "hidden", "bias", "last", "last_bias")


@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize("squared", [False, True])
def test_manual_gradients_are_those_of_autograd(layers, squared):
    shape, count, size = Shape(7, layers, 5), 4, 9
    flat, stack = random_stack(shape, count)
    features, target, weight = torch.rand(count, size, 7), torch.randn(count, 1, size), torch.rand(count, 1, size)
    weight[..., -2:] = 0  # padding
    written = torch.full_like(flat, np.nan)
    rows = Rows(features, target, weight)
    Batch(stack, Stack.of(written, shape, count), Workspace.of(stack, size), rows, squared=squared).differentiate()

    leaf = flat.clone().requires_grad_()
    difference = Stack.of(leaf, shape, count).forward(features)[:, None] - target
    loss = (weight * (0.5 * difference**2 if squared else difference.abs())).sum()
    loss.backward()
    assert leaf.grad.abs().max() > 0.01
    torch.testing.assert_close(written, leaf.grad, rtol=1e-4, atol=1e-6)


def make_job(n, shape, fitting, networks, seed):
    rng = np.random.default_rng(seed)
    features = rng.random((n, shape.inputs)).astype(np.float32)
    targets = np.tile(10 * features.sum(axis=1), (networks, 1)).astype(np.float32)
    rows = np.arange(n, dtype=np.int32)
    orders = rng.permuted(np.tile(rows, (networks * fitting.epochs, 1)), axis=1).reshape(networks, fitting.epochs, n)
    return Job(features, targets, 1 / targets, initial_parameters(shape, networks, rng), orders)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("sizes", [(21, 17), (3, 5), (8, 8)])
def test_training_together_follows_torch_modules_and_optimisers_one_by_one(sizes, layers, squared):
    shape, fitting = Shape(6, layers, 5), Fitting(4, 8, 0.01, squared=squared)
    jobs = [make_job(n, shape, fitting, 3, seed) for seed, n in enumerate(sizes)]
    assert len({job.rows(fitting.batch_size) for job in jobs}) == 1
    with torch.no_grad():
        stack = Trainer(shape, fitting, jobs, "cpu").train()
        probe = torch.rand(11, shape.inputs)
        outputs = stack.forward(probe.expand(6, -1, -1))
    plain = [network for job in jobs for network in train_plainly(job, shape, fitting)]
    expected = torch.stack([network(probe)[:, 0] for network in plain]).detach()
    before = torch.stack([network(probe)[:, 0] for job in jobs for network in modules(job, shape)]).detach()
    assert (expected - before).abs().max() > 0.05
    torch.testing.assert_close(outputs, expected, rtol=1e-3, atol=1e-4)


def test_the_loss_is_the_percentage_error_of_the_paper():
    low, archs = 4.5, SPACE.sample(12, np.random.default_rng(0))
    learner = MLPEnsemble(SPACE, encoding="one_hot", members=1, lower_bound=low, epochs=2)
    job = learner._job(Fit(learner, archs, truth(archs), np.random.default_rng(0)))
    predicted = np.random.default_rng(1).normal(12, 3, 12)
    by_formula = np.mean(np.abs((predicted - low) / (truth(archs) - low) - 1))
    np.testing.assert_allclose(np.mean(job.weights[0] * np.abs(predicted - job.targets[0])), by_formula, rtol=1e-6)


@pytest.mark.parametrize(
    ("n", "batch", "rows"), [(10, 32, 16), (32, 32, 32), (33, 32, 40), (63, 32, 64), (9, 10, 16), (20, 10, 32)]
)
def test_rows_of_an_epoch_are_padded_to_whole_vectors(n, batch, rows):
    shape, fitting = Shape(2, 1, 2), Fitting(1, batch, 0.1, squared=False)
    assert make_job(n, shape, fitting, 1, 0).rows(batch) == rows


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(1, 7))
def test_interleaving_puts_each_network_in_its_slot(count, layers, width, inputs):
    shape = Shape(inputs, layers, width)
    rows = np.arange(count * sum(shape.sizes), dtype=np.float32).reshape(count, -1)
    whole = Stack.of(torch.from_numpy(interleave(rows, shape)), shape, count)
    for index in range(count):
        alone = Stack.of(torch.from_numpy(rows[index]), shape, 1)
        for field in FIELDS:
            torch.testing.assert_close(getattr(whole.take(index, index + 1), field), getattr(alone, field))


def test_initial_weights_are_glorot_uniform_and_biases_zero():
    shape = Shape(30, 10, 20)
    rows = initial_parameters(shape, 50, np.random.default_rng(0))
    stack = Stack.of(torch.from_numpy(interleave(rows, shape)), shape, 50)
    for weights, fans in ((stack.first, 50), (stack.hidden, 40), (stack.last, 21)):
        limit = (6 / fans) ** 0.5
        assert 0.98 * limit < weights.abs().max() <= limit * 1.000001
        assert abs(weights.std() / limit - 3**-0.5) < 0.02
    assert not stack.bias.any()
    assert not stack.last_bias.any()


def test_mape_refuses_targets_at_the_lower_bound_and_names_the_remedy():
    archs = SPACE.sample(5, np.random.default_rng(0))
    learner = MLPEnsemble(SPACE, encoding="one_hot", epochs=1, lower_bound=3.0)
    with pytest.raises(HarnessError, match=r"greater than lower_bound = 3 .* got 3\.0; .*loss='mae'"):
        learner.fit(archs, np.array([4.0, 5, 3, 6, 7]), np.random.default_rng(0))
    mae = MLPEnsemble(SPACE, encoding="one_hot", epochs=1, loss="mae")
    mae.fit(archs, np.array([-4.0, 5, 0, 6, 7]), np.random.default_rng(0))


def test_the_caller_keeps_its_threads():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with compute_threads(1):
            assert torch.get_num_threads() == 1
        with pytest.raises(RuntimeError, match="inside"), compute_threads(1):
            raise RuntimeError("inside")
        archs = SPACE.sample(5, np.random.default_rng(0))
        model = MLPEnsemble(SPACE, encoding="one_hot", epochs=1).fit(archs, truth(archs), np.random.default_rng(0))
        model.predict(archs)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_of_the_caller_do_not_change_a_model():
    archs, before, means = SPACE.sample(60, np.random.default_rng(0)), torch.get_num_threads(), []
    learner = MLPEnsemble(SPACE, encoding="one_hot", epochs=10)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            means.append(learner.fit(archs, truth(archs), np.random.default_rng(0)).predict(archs).mean)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*means)


def test_a_large_pool_is_predicted_in_parts(monkeypatch):
    archs = SPACE.sample(30, np.random.default_rng(0))
    model = MLPEnsemble(SPACE, encoding="one_hot", epochs=2).fit(archs, truth(archs), np.random.default_rng(0))
    whole = model.predict(archs)
    monkeypatch.setattr("surrogates.neural.ensemble._POOL_ROWS", 7)
    np.testing.assert_allclose(model.predict(archs).mean, whole.mean, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize(("kind", "more"), [(MLPEnsemble, {"layers": 3}), (DNGO, {})])
def test_a_gpu_agrees_with_the_cpu(kind, more):
    archs = SPACE.sample(60, np.random.default_rng(0))
    means = []
    for device in ("cpu", "cuda"):
        learner = kind(SPACE, encoding="one_hot", epochs=5, device=device, **more)
        means.append(learner.fit(archs, truth(archs), np.random.default_rng(0)).predict(archs).mean)
    np.testing.assert_allclose(*means, rtol=1e-2)


@pytest.mark.data
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16_120"])
def test_it_ranks_nas_bench_201_from_a_hundred_architectures(shared_data, dataset):
    from harness.spaces.nb201.space import NB201Space

    table = np.load(shared_data / "nb201_tss.npz")
    error = 100 - table[f"{dataset}__val_acc_200"].astype(np.float64)
    order = np.random.default_rng(0).permutation(len(error))
    train, test = order[:100], order[100:]
    model = MLPEnsemble(NB201Space()).fit(table["op_codes"][train], error[train], np.random.default_rng(0))
    assert kendall_tau(model.predict(table["op_codes"][test]).mean, error[test]) > 0.5
